"""The only way to a person's clear values for somebody else: open the fields an access permit names.

Set-based: every permit's MAC and kind are checked, one statement fetches the value versions that were valid at each
permit's instant, then they are opened. Whatever cannot be read is an `Unreadable` in its place in the list;
a field the person has no value for is absent from the answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import batched
from typing import Any, Final

from sqlalchemy import Connection

from vault.honey.watch import Sighting, Source
from vault.ids import Bucket, SubjectId
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.drafts import PROFILE
from vault.permit import AccessKind, AccessPermit, AccessStatement, check
from vault.sealing.sealed import Place, Unopenable
from vault.storage.rowset import RowSet

CHUNK = 500
_KINDS: Final = frozenset({AccessKind.USE, AccessKind.EMERGENCY, AccessKind.STAFF})
"""Whoever may read what is current; a person's own copy comes by `reading.export`."""


class UnreadableCode(StrEnum):
    FORGED = "permit_forged"
    UNKNOWN = "person_unknown"
    ERASED = "person_erased"
    MERGED = "person_merged"
    NO_VALUE = "no_value"
    DAMAGED = "value_damaged"


_ABSENT = {None: UnreadableCode.UNKNOWN, "merged": UnreadableCode.MERGED}
"""Why nobody is read in a state that is not active; everything else is an erasure, finished or on its way."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a permit opened nothing."""

    code: UnreadableCode


_VALUES = RowSet(
    "WITH {rows} SELECT rows.i, p.state, v.record, v.field, v.version, v.schema, v.blob "
    "FROM rows LEFT JOIN person p ON p.bucket = rows.bucket AND p.subject = rows.subject "
    "LEFT JOIN value v ON v.bucket = rows.bucket AND v.subject = rows.subject AND v.record = rows.record "
    "AND v.field = rows.field AND v.valid_from <= rows.at "
    "AND (v.valid_to IS NULL OR v.valid_to > rows.at)",
    bucket="int",
    subject="bytes",
    record="bytes",
    field="text",
    at="int",
)


def open_many(vault: Vault, permits: Sequence[AccessPermit]) -> list[dict[str, str] | Unreadable]:
    """For each permit its values by field code, or why there are none; positions match.

    Reads what is committed: one statement for each 500 permits.
    """
    genuine = [permit for permit in permits if check(vault.keyring, permit, _KINDS)]
    # Keys before values: while a person's values move to a new key, a value is never older than its keys.
    keys = vault.keyring.subject_keys([(p.statement.bucket, p.statement.subject) for p in genuine])
    batch = _Batch(vault, keys, {id(permit) for permit in genuine})
    with vault.data.glance() as conn:
        answers = [answer for part in batched(permits, CHUNK) for answer in _open_part(conn, batch, part)]
    opened = (permit for permit, answer in zip(permits, answers, strict=True) if isinstance(answer, dict))
    vault.watch.note(vault.data, vault.keyring, (sighting(permit.statement) for permit in opened))
    return answers


def sighting(statement: AccessStatement) -> Sighting:
    """What the watch is told of a statement's reading; its ledger entry makes it one and the same for ever."""
    return Sighting(
        bucket=statement.bucket,
        subject=statement.subject,
        source=Source.READ,
        who=statement.recipient,
        place=f"{statement.log_origin}#{statement.entry_index}",
        at_ms=statement.at_ms,
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one call works with; `genuine` are the identities of the permits whose MAC and kind are right."""

    vault: Vault
    keys: Mapping[SubjectId, SubjectKey]
    genuine: Collection[int]


def _open_part(
    conn: Connection, batch: _Batch, permits: Sequence[AccessPermit]
) -> list[dict[str, str] | Unreadable]:
    rows: list[tuple[Any, ...]] = []
    owners: list[int] = []
    for at, permit in enumerate(permits):
        if id(permit) in batch.genuine:
            asked = permit.statement
            rows += [(asked.bucket, asked.subject, PROFILE, code, asked.at_ms) for code in asked.fields]
            owners += [at] * len(asked.fields)
    found: list[list[tuple[Any, ...]]] = [[] for _ in permits]
    blobs: list[tuple[Bucket, SubjectId, bytes]] = []
    for i, *row in _VALUES(conn, rows):
        found[owners[i]].append(tuple(row))
        if row[5] is not None:
            blobs.append((rows[i][0], rows[i][1], row[5]))
    keys = batch.vault.keyring.keys_for(batch.keys, blobs)
    return [
        _answer(permit, keys.get(permit.statement.subject), rows_of)
        if id(permit) in batch.genuine
        else Unreadable(UnreadableCode.FORGED)
        for permit, rows_of in zip(permits, found, strict=True)
    ]


def _answer(
    permit: AccessPermit, key: SubjectKey | None, rows: Sequence[tuple[Any, ...]]
) -> dict[str, str] | Unreadable:
    if not rows:
        return Unreadable(UnreadableCode.NO_VALUE)
    state = rows[0][0]
    if state != "active" or key is None:
        return Unreadable(_ABSENT.get(state, UnreadableCode.ERASED))
    values = [row for row in rows if row[5] is not None]
    if not values:
        return Unreadable(UnreadableCode.NO_VALUE)
    try:
        opened = {row[2]: _open(permit, key, row) for row in values}
    except (Unopenable, UnicodeDecodeError):
        return Unreadable(UnreadableCode.DAMAGED)
    return {code: opened[code] for code in permit.statement.fields if code in opened}


def _open(permit: AccessPermit, key: SubjectKey, row: Sequence[Any]) -> str:
    _, record, field, version, schema, blob = row
    subject: SubjectId = permit.statement.subject
    place = Place(permit.statement.tenant, subject, record, field, schema, version)
    return key.open(place, blob).decode()
