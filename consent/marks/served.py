"""Who is served what with which marks: carried out when the values are opened, looked up when they turn up elsewhere.

A disclosure's marks are one line for each marked field, `EPOCH VERSION FIELD CARRIER CARRIER ..`, kept with its
row as a JSON list and committed to by its ledger entry. From them, the stored values and the epoch's key the
bytes that were answered follow without a choice; a retry gets the same ones.

* `lines(marks) -> str | None`, `marks_of(text) -> tuple[Mark, ...]`: the JSON list and back.
* `as_served(vault, recipient, subject, marks, values) -> dict[str, str]`: pure but for the epoch's key.
* `versions_served(conn, people, before_ms)`: which versions of these people anybody had been served with marks.
* `served_before(conn, items, before_ms) -> list[Served]`: who had received which version how; set-based.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from consent.ids import RecipientId, canonical_json, fields_of
from consent.marks import epochs
from consent.marks.carriers import bits_of, serve
from consent.marks.symbols import Position, symbol
from vault.ids import PROFILE, Bucket, Person, RecordId, SubjectId
from vault.opening import Vault
from vault.storage.rowset import RowSet


class Mark(NamedTuple):
    """How one field of one disclosure is marked; `known`: the same has been served to the same recipient before."""

    field: str
    version: int
    epoch: int
    carriers: tuple[str, ...]
    known: bool = False


class Served(NamedTuple):
    """That a recipient received a version (of item number `at`) with these bits of carriers under this epoch."""

    at: int
    recipient: RecipientId
    epoch: int
    bits: tuple[str, ...]


_VERSIONS = RowSet(
    "WITH {rows} SELECT DISTINCT rows.i, s.field, s.record, s.version, s.carriers FROM rows "
    "JOIN mark_served s ON s.bucket = rows.bucket AND s.subject = rows.subject WHERE s.served_at < :before",
    bucket="int",
    subject="bytes",
)
_BEFORE = RowSet(
    "WITH {rows} SELECT rows.i, s.recipient_id, s.epoch, s.carriers FROM rows "
    "JOIN mark_served s ON s.bucket = rows.bucket AND s.subject = rows.subject WHERE s.field = rows.field "
    "AND s.record = rows.record AND s.version = rows.version AND s.served_at < :before "
    "ORDER BY rows.i, s.recipient_id, s.carriers",
    bucket="int",
    subject="bytes",
    field="text",
    record="bytes",
    version="int",
)


def lines(marks: Iterable[Mark]) -> str | None:
    """The marks of a disclosure as its row and its entry hold them; None for none."""
    written = sorted(" ".join((str(m.epoch), str(m.version), m.field, *m.carriers)) for m in marks)
    return canonical_json(written) if written else None


def marks_of(text: str | None) -> tuple[Mark, ...]:
    """The marks behind their lines."""
    if text is None:
        return ()
    parts = [line.split(" ") for line in fields_of(text)]
    return tuple(
        Mark(field, int(version), int(epoch), tuple(codes)) for epoch, version, field, *codes in parts
    )


def as_served(
    vault: Vault, recipient: str, subject: SubjectId, marks: Iterable[Mark], values: Mapping[str, str]
) -> dict[str, str]:
    """The values in the forms that their marks ask for."""
    answered = dict(values)
    for mark in marks:
        if mark.field in answered:
            key = epochs.key(vault, mark.epoch)
            bits = {
                code: symbol(key, Position(subject, PROFILE, mark.field, mark.version, code), recipient)
                for carrier in mark.carriers
                for code in bits_of(carrier)
            }
            answered[mark.field] = serve(mark.field, answered[mark.field], bits, vault.catalogue)
    return answered


def versions_served(
    conn: Connection, people: Sequence[Person], before_ms: int
) -> list[tuple[int, str, RecordId, int, frozenset[str]]]:
    """What of these people anybody had been served with marks: (position, field, record, version, bits)."""
    return [
        (at, field, RecordId(record), version, frozenset(_bits(carriers)))
        for at, field, record, version, carriers in _VERSIONS(conn, people, before=before_ms)
    ]


def served_before(
    conn: Connection, items: Sequence[tuple[Bucket, SubjectId, str, RecordId, int]], before_ms: int
) -> list[Served]:
    """Who had been served these versions with marks; items are (bucket, subject, field, record, version)."""
    return [
        Served(at, RecipientId(recipient), epoch, tuple(_bits(carriers)))
        for at, recipient, epoch, carriers in _BEFORE(conn, items, before=before_ms)
    ]


def _bits(carriers: str) -> Iterator[str]:
    """The codes of the bits of carriers as a row names them."""
    for carrier in carriers.split():
        yield from bits_of(carrier)
