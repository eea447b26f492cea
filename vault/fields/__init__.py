"""The kinds of personal value the vault knows, and the one canonical form of each."""

from vault.fields.catalogue import FIELDS, Field, canonical
from vault.fields.text import InvalidValue

__all__ = ["FIELDS", "Field", "InvalidValue", "canonical"]
