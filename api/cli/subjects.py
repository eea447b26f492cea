"""How a command is told whom it is about: by an internal id, never by a value."""

from __future__ import annotations

from typing import Any

import click

from vault.errors import MalformedId
from vault.ids import SubjectId, decode_subject


class Person(click.ParamType[SubjectId]):
    """`sub_...`; anything else is a mistake of the caller, and is not repeated."""

    name = "sub_..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SubjectId:
        try:
            return decode_subject(str(value))
        except MalformedId:
            self.fail("not a person's id (sub_...)", param, ctx)


PERSON = Person()
