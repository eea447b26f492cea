"""Who has a key value (phone, e-mail, resident number) now, found by its exact tag alone: nothing is opened.

Only one person may have such a value at a time, and whoever gave it up is not found any more, unlike in
`naming`, where a value of last year still names its owner. A number that passed to somebody else names them.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId, bucket_for
from vault.opening import Vault
from vault.people.drafts import Refused, UniqueKey, draft_value
from vault.people.unique_keys import OWNERS, place


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyValue:
    """A key value as it was given: its field, its canonical form, and the place it has in the current index."""

    field: str
    canonical: str
    place: UniqueKey

    def __repr__(self) -> str:
        return f"KeyValue({self.field!r})"


def key_value(vault: Vault, field: str, text: str) -> KeyValue | Refused:
    """A text as a value of a key field; refused with the field's own reasons, or as no key value."""
    draft = draft_value(
        vault.keyring.tag_keys, vault.installation.buckets, field, text, catalogue=vault.catalogue
    )
    if isinstance(draft, Refused):
        return draft
    if draft.unique is None:
        return Refused("not_unique", field)
    return KeyValue(field=field, canonical=draft.canonical, place=draft.unique)


def holder(conn: Connection, vault: Vault, value: KeyValue) -> tuple[Bucket, SubjectId] | None:
    """Whose the value is now, or None. One statement, whatever it finds."""
    for _, subject in OWNERS(conn, [place(value.place)]):
        return bucket_for(SubjectId(subject), vault.installation.buckets), SubjectId(subject)
    return None
