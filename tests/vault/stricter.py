"""A vault whose rules have changed since somebody's values were stored."""

from dataclasses import replace

from vault.fields.catalogue import Catalogue, Field
from vault.fields.text import InvalidValue
from vault.opening import Vault


def stricter(vault: Vault, **refused: str) -> Vault:
    """The same vault, as a newer program opens it that refuses these texts: one by field code."""

    return replace(
        vault,
        catalogue=Catalogue(
            _checked(field, refused[field.code]) if field.code in refused else field
            for field in vault.catalogue
        ),
    )


def _checked(field: Field, no_more: str) -> Field:
    def canonical(text: str) -> str:
        if text == no_more:
            raise InvalidValue("no such value")
        return field.canonical(text)

    stored = canonical if field.stored == field.canonical else field.stored
    return replace(field, canonical=canonical, stored=stored)
