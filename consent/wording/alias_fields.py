"""What may be given instead of which field: an address or a number of one recipient's own (`marks.aliases`)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALIASES: Final[Mapping[str, str]] = MappingProxyType({"alias_email": "email", "alias_phone": "phone"})
"""What may be given instead of which field."""

INSTEAD: Final[Mapping[str, str]] = MappingProxyType({base: code for code, base in ALIASES.items()})
"""The same from the field."""


def given(fields: Mapping[str, str]) -> dict[str, str]:
    """Values by the field that a recipient asked for, whether it got that or an alias instead."""
    return {ALIASES.get(code, code): value for code, value in fields.items()}
