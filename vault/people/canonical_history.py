"""The canonical forms of somebody's stored values: what their tags and unique keys are made of, and were.

A value is checked when it is given. The rules may change after that (a newer list of phone ranges, say), and a
value that was right when it was stored is refused today. Its tags were written all the same. Most kinds keep
the canonical form itself, so what stands there is still the form the tags were made of. Where a person keeps
their own spelling, the form of such a value is lost: its tags are there, and are found by whose they are only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vault.fields.catalogue import Catalogue, Field
from vault.fields.text import InvalidValue
from vault.people.stored import StoredValue


@dataclass(frozen=True, slots=True)
class CanonicalHistory:
    """One person's versions, each named by (field code, version).

    `lost` are those that may have tags nobody can make again: their form is no longer known, their text does
    not open, or their field is not in this process's catalogue. What was struck out has no tags and is in neither.
    """

    forms: Mapping[tuple[str, int], str]
    lost: frozenset[tuple[str, int]]

    def by_field(self) -> dict[str, list[tuple[int, str]]]:
        """(version, canonical form) by field code."""
        found: dict[str, list[tuple[int, str]]] = {}
        for (code, version), form in self.forms.items():
            found.setdefault(code, []).append((version, form))
        return found

    def __repr__(self) -> str:
        return f"CanonicalHistory({len(self.forms)} forms, {len(self.lost)} lost)"


def canonical_history(catalogue: Catalogue, values: Iterable[StoredValue]) -> CanonicalHistory:
    """The forms of these versions of one person's values; raises nothing, whatever stands there."""
    forms: dict[tuple[str, int], str] = {}
    lost: set[tuple[str, int]] = set()
    for one in values:
        if one.struck_at is not None:
            continue
        form = None
        if one.text is not None and one.field in catalogue:
            form = _form(catalogue.field(one.field), one.text)
        if form is None:
            lost.add((one.field, one.version))
        else:
            forms[one.field, one.version] = form
    return CanonicalHistory(forms, frozenset(lost))


def _form(field: Field, text: str) -> str | None:
    try:
        return field.canonical(text)
    except InvalidValue:
        return text if field.stored == field.canonical else None
