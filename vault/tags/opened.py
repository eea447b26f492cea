"""Values opened inside the vault to test a suggestion: nothing leaves the floor but yes or no (ADR 0015).

A version that was struck out, is damaged, or whose person is erased (from the tombstone on) opens as nothing.
"""

from collections.abc import Sequence
from itertools import batched
from typing import NamedTuple

from sqlalchemy import Connection

from vault.fields.catalogue import BUILTIN, Catalogue
from vault.fields.text import InvalidValue
from vault.ids import Bucket, RecordId, SubjectId
from vault.keys.keyring import Keyring, SubjectKey
from vault.sealing.sealed import Place, Unopenable
from vault.storage.rowset import RowSet

CHUNK = 5_000


class Wanted(NamedTuple):
    """A field of a person, and one version of it or (None) all of them."""

    bucket: Bucket
    subject: SubjectId
    record: RecordId
    field: str
    version: int | None


_BLOBS = RowSet(
    "WITH {rows} SELECT rows.i, v.version, v.schema, v.blob FROM rows "
    "JOIN person p ON p.bucket = rows.bucket AND p.subject = rows.subject AND p.state <> 'erased' "
    "JOIN value v ON v.bucket = p.bucket AND v.subject = p.subject WHERE v.record = rows.record "
    "AND v.field = rows.field AND (rows.version IS NULL OR v.version = rows.version) "
    "ORDER BY rows.i, v.version",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    version="int",
)


def canonical_versions(
    conn: Connection, keyring: Keyring, wanted: Sequence[Wanted], *, catalogue: Catalogue = BUILTIN
) -> list[list[tuple[int, str]]]:
    """For each of `wanted` its (version, canonical form) pairs, oldest first; one statement for each 5,000."""
    found: list[list[tuple[int, str]]] = []
    for part in batched(wanted, CHUNK):
        found += _part(conn, keyring, part, catalogue)
    return found


def _part(
    conn: Connection, keyring: Keyring, wanted: Sequence[Wanted], catalogue: Catalogue
) -> list[list[tuple[int, str]]]:
    people = keyring.subject_keys([(one.bucket, one.subject) for one in wanted])
    rows = _BLOBS(conn, wanted)
    people = keyring.keys_for(people, ((wanted[i].bucket, wanted[i].subject, blob) for i, _, _, blob in rows))
    found: list[list[tuple[int, str]]] = [[] for _ in wanted]
    for i, version, schema, blob in rows:
        _, subject, record, field, _ = wanted[i]
        key = people.get(subject)
        if key is not None:
            place = Place(keyring.tenant, subject, record, field, schema, version)
            text = canonical_text(key, place, blob, catalogue)
            if text is not None:
                found[i].append((version, text))
    return found


def canonical_text(key: SubjectKey, place: Place, blob: bytes, catalogue: Catalogue = BUILTIN) -> str | None:
    """The canonical form of one sealed value; None when it does not open."""
    try:
        return catalogue.field(place.field).canonical(key.open(place, blob).decode())
    except (Unopenable, InvalidValue, UnicodeDecodeError):
        return None
