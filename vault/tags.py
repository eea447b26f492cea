"""Blind tags: how a value is found without opening anybody's data (vault.md §6.5).

A tag is the first 64 bits of HMAC-SHA-256 over the canonical form, under a key of its own per kind and index
epoch. A kind is (field number << 6) | shape and never reused. Tags only suggest: whoever acts on a hit
first calls `confirm`. Fields that are poor keys (names) have no tags, so probing for them finds nothing.
"""

import hmac
from collections.abc import Sequence
from enum import IntEnum
from itertools import batched
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from vault.fields.catalogue import FIELDS, field_of
from vault.fields.text import InvalidValue
from vault.ids import Bucket, RecordId, SubjectId
from vault.keys import Keyring
from vault.rowset import RowSet
from vault.sealed import Place, Unopenable, open_sealed

MATCH_CHUNK = 5_000


class Shape(IntEnum):
    """What part of a value a tag covers."""

    EXACT = 1


class Probe(NamedTuple):
    """A value to look for: a field code and the canonical form of the value."""

    field: str
    canonical: str


class Hit(NamedTuple):
    """A stored version whose tag equals that of probe number `probe` (0-based)."""

    probe: int
    bucket: Bucket
    subject: SubjectId
    record: RecordId
    field: str
    version: int


class IndexKeys(Protocol):
    """Whatever can give tag keys of the active index epoch."""

    @property
    def index_epoch(self) -> int: ...

    def index_key(self, kind: int) -> bytes: ...


def kind(field: str, shape: Shape = Shape.EXACT) -> int:
    """The registry number of a (field, shape) pair, fitting 16 bits; raises UnknownField."""
    return field_of(field).number << 6 | shape


def tag64(key: bytes, canonical: str) -> int:
    """The 64-bit tag as the signed integer that data bases store."""
    return int.from_bytes(hmac.digest(key, canonical.encode(), "sha256")[:8], signed=True)


def tags_for(keys: IndexKeys, field: str, canonical: str) -> list[tuple[int, int]]:
    """Every (kind, tag) under which a value of `field` is found; none when the field is not searchable."""
    number = _SEARCHABLE.get(field)
    return [] if number is None else [(number, tag64(keys.index_key(number), canonical))]


_MATCH = RowSet(
    # CROSS JOIN keeps SQLite from turning the loop around; to PostgreSQL it is a plain join.
    "WITH {rows} SELECT rows.i, t.bucket, t.subject, t.record, t.version FROM rows CROSS JOIN tag t "
    "WHERE t.kind = rows.kind AND t.epoch = :epoch AND t.tag = rows.tag "
    "ORDER BY rows.i, t.bucket, t.subject, t.version",
    kind="int",
    tag="int",
)


def match(conn: Connection, keys: IndexKeys, probes: Sequence[Probe]) -> list[Hit]:
    """Every version any probe may have meant, in the order of the probes; unconfirmed.

    `conn` reads the data base of sealed values. One statement for each 5,000 probes.
    """
    hits: list[Hit] = []
    for number, part in enumerate(batched(probes, MATCH_CHUNK)):
        hits += _match_chunk(conn, keys, part, number * MATCH_CHUNK)
    return hits


def _match_chunk(conn: Connection, keys: IndexKeys, probes: Sequence[Probe], start: int) -> list[Hit]:
    rows: list[tuple[int, int]] = []
    owners: list[int] = []
    for at, probe in enumerate(probes):
        for row in tags_for(keys, probe.field, probe.canonical):
            rows.append(row)
            owners.append(at)
    found = _MATCH(conn, rows, epoch=keys.index_epoch)
    return [
        Hit(start + owners[i], bucket, subject, record, probes[owners[i]].field, version)
        for i, bucket, subject, record, version in found
    ]


_BLOBS = RowSet(
    "WITH {rows} SELECT rows.i, v.schema, v.blob FROM rows CROSS JOIN value v "
    "WHERE v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = rows.record "
    "AND v.field = rows.field AND v.version = rows.version",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    version="int",
)


def confirm(conn: Connection, keyring: Keyring, hits: Sequence[Hit], probes: Sequence[Probe]) -> list[bool]:
    """For each hit, whether the stored value really has the canonical form of its probe.

    Opens the values inside the vault and lets nothing out but yes or no to a value the caller already
    holds, so it needs no permit. An erased person or a damaged value confirms nothing.
    """
    return [
        answer for part in batched(hits, MATCH_CHUNK) for answer in _confirm_part(conn, keyring, part, probes)
    ]


def _confirm_part(
    conn: Connection, keyring: Keyring, hits: Sequence[Hit], probes: Sequence[Probe]
) -> list[bool]:
    people = keyring.subject_keys([(hit.bucket, hit.subject) for hit in hits])
    rows = [(hit.bucket, hit.subject, hit.record, hit.field, hit.version) for hit in hits]
    answers = [False] * len(hits)
    for i, schema, blob in _BLOBS(conn, rows):
        hit = hits[i]
        person = people.get(hit.subject)
        if person is None:
            continue
        place = Place(keyring.tenant, hit.subject, hit.record, hit.field, schema, hit.version)
        answers[i] = _holds(person.data, place, blob, probes[hit.probe].canonical)
    return answers


def _holds(key: bytes, place: Place, blob: bytes, canonical: str) -> bool:
    try:
        text = open_sealed(key, place, blob).decode()
        # Most fields are stored in canonical form, and a canonical form is its own canonical form.
        return text == canonical or field_of(place.field).canonical(text) == canonical
    except (Unopenable, InvalidValue, UnicodeDecodeError):
        return False


def _registry() -> dict[str, int]:
    numbers = [kind(code) for code in FIELDS]
    if len(set(numbers)) != len(numbers) or not all(0 < number < 1 << 15 for number in numbers):
        raise ValueError("two fields share a number, or one is out of range")
    return {code: kind(code) for code, field in FIELDS.items() if field.searchable}


_SEARCHABLE = _registry()
