"""Masked forms: enough for a person to recognise their own value, not enough to use somebody else's."""

from vault.fields.catalogue import BUILTIN, Catalogue


def mask(field: str, value: str, catalogue: Catalogue = BUILTIN) -> str:
    """`value` of field `field` as it may be shown: `138****1234`, `z***@qq.com`, `张*丰`; raises UnknownField."""
    return catalogue.field(field).mask(value)
