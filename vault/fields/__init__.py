"""The kinds of personal value the vault knows, and the one canonical form of each."""

from vault.fields.catalogue import BUILTIN, FIELDS, Catalogue, canonical
from vault.fields.field import Field, Sensitivity, sensitivity_of
from vault.fields.text import InvalidValue

__all__ = [
    "BUILTIN",
    "FIELDS",
    "Catalogue",
    "Field",
    "InvalidValue",
    "Sensitivity",
    "canonical",
    "sensitivity_of",
]
