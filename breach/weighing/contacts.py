"""Aliases in a dump: recognised while it is matched, weighed for each recipient, and an alarm when the trace is done.

An alias is looked up like any value, whole or as a digest, but in the list of those that were given out: none
of them is a value of anybody's, so what the ledger says of people and values never counts it twice. How many
values looked like one is counted too, because whoever invents addresses pays for each (`trace.canaries`).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from sqlalchemy import Connection, func, select

from breach.matching.cells import Cells
from breach.tables import trace_alias
from breach.trace.canaries import Tags
from consent.ids import RecipientId
from consent.marks.alias_lookup import Recogniser, find, issued
from consent.marks.alias_pool import numbers_before
from consent.marks.alias_sightings import Report, report
from consent.marks.aliases import LN_TAGS, Alias
from vault.ids import Bucket, SubjectId
from vault.opening import Vault
from vault.storage.rowset import RowSet
from vault.tags import Probe

_CHUNK = 5_000
REMARKABLE = 3.0
"""From which ln e-value on aliases in a file are worth an alarm and affect people: one innocent in twenty, at most."""

_ADD = RowSet(
    "WITH {rows} INSERT INTO trace_alias (bucket, trace, subject, recipient_id, field, epoch, domain, issued_at) "
    "SELECT bucket, trace, subject, recipient, field, epoch, domain, issued_at FROM rows WHERE true "
    "ON CONFLICT DO NOTHING",
    bucket="int",
    trace="bytes",
    subject="bytes",
    recipient="text",
    field="text",
    epoch="int",
    domain="text",
    issued_at="int",
)


class Contacts:
    """What a dump shows of aliases, block by block."""

    def __init__(self, conn: Connection, vault: Vault, cells: Cells, before_ms: int) -> None:
        self._vault = vault
        self._shape = Recogniser.of(conn, before_ms)
        self._cells = cells

    def among(self, conn: Connection, values: Sequence[Probe]) -> list[tuple[Alias, int]]:
        """The aliases among the distinct values of a block, with when they were given (Unix ms)."""
        if not self._shape.any:
            return []
        worth = [one for one in values if self._shape.may_be(one)]
        self._cells.aliases_tried += Counter(one.field for one in worth)
        return [
            (alias, at) for part in batched(worth, _CHUNK) for _, alias, at in find(conn, self._vault, part)
        ]


def endings(conn: Connection, before_ms: int) -> dict[str, list[str]]:
    """How aliases end, by field, where any was given before `before_ms`: addresses with a domain, numbers whole."""
    shape = Recogniser.of(conn, before_ms)
    if not shape.any:
        return {}
    return {"email": sorted(f"@{domain}" for domain in shape.domains), "phone": sorted(shape.numbers)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The aliases of one trace: by kind what is weighed, recipients by number; `people` they belong to."""

    tags: tuple[Tags, ...]
    fields: tuple[str, ...]
    people: int

    @property
    def issued(self) -> bool:
        """Whether there is anything to weigh."""
        return any(any(one.issued) for one in self.tags)

    def counts(self) -> dict[int, tuple[int, int]]:
        """(found, issued) over all kinds, by number, of recipients of whose aliases any was found."""
        return {
            k: (found, sum(one.issued[k] for one in self.tags))
            for k in range(len(self.tags[0].hits))
            if (found := sum(one.hits[k] for one in self.tags))
        }

    def as_dict(self, recipient_ids: Sequence[str]) -> dict[str, Any]:
        """The counts as a member of the report."""
        return {
            "people": self.people,
            "kinds": [
                {
                    "instead_of": field,
                    "tried": one.tried,
                    "recipients": [
                        {"recipient": recipient_ids[k], "issued": many, "found": one.hits[k]}
                        for k, many in enumerate(one.issued)
                        if many
                    ],
                }
                for field, one in zip(self.fields, self.tags, strict=True)
            ],
        }


def add(conn: Connection, trace_id: bytes, seen: Sequence[tuple[Alias, int]]) -> None:
    """Keep that the dump shows these."""
    rows = [
        (one.bucket, trace_id, one.subject, one.recipient_id, one.field, one.epoch, one.domain, at)
        for one, at in seen
    ]
    _ADD(conn, rows)


def weigh(
    conn: Connection, trace_id: bytes, numbers: Mapping[str, int], before_ms: int, cells: Cells
) -> Found:
    """How many aliases each recipient was given before `before_ms`, and how many of these the dump shows."""
    given, hits = issued(conn, before_ms), _hits(conn, trace_id, before_ms)
    relays = numbers_before(conn, before_ms)
    # Nobody can try more numbers than there are, and a dump that shows many digests may have tried them all.
    spaces = {"email": (LN_TAGS, math.inf), "phone": (math.log(max(relays, 1)), relays)}
    fields = tuple(spaces)
    tags = [
        Tags(
            ln_space=spaces[field][0],
            issued=_by_number(given, field, numbers),
            hits=_by_number(hits, field, numbers),
            tried=int(min(cells.aliases_tried[field], spaces[field][1])),
        )
        for field in fields
    ]
    return Found(tags=tuple(tags), fields=fields, people=_people(conn, trace_id, before_ms))


def alarm(vault: Vault, trace_id: bytes, weights: Mapping[str, float], said: Report) -> int:
    """Keep where the aliases of a trace were seen, and raise an alarm for each recipient; how many sightings were new.

    Not for those of whom chance or a guess is as good a story, by `weights` (ln e-values by recipient): whoever
    writes down every number of the pool raises no alarm about those who were given one.
    """
    worth = {recipient for recipient, weight in weights.items() if weight > REMARKABLE}
    new = 0
    for bucket in vault.installation.buckets.every():
        with vault.data.read() as conn:
            aliases = [one for one in _of(conn, trace_id, Bucket(bucket)) if one.recipient_id in worth]
        new += sum(report(vault, part, said) for part in batched(aliases, _CHUNK))
    return new


def _hits(conn: Connection, trace_id: bytes, before_ms: int) -> dict[tuple[RecipientId, str], int]:
    c = trace_alias.c
    mine = (c.trace == trace_id) & (c.issued_at < before_ms)
    rows = conn.execute(
        select(c.recipient_id, c.field, func.count()).where(mine).group_by(c.recipient_id, c.field)
    )
    return {(RecipientId(whom), field): many for whom, field, many in rows}


def _by_number(
    counts: Mapping[tuple[RecipientId, str], int], field: str, numbers: Mapping[str, int]
) -> tuple[int, ...]:
    listed = [0] * len(numbers)
    for (whom, code), many in counts.items():
        if code == field:
            listed[numbers[whom]] = many
    return tuple(listed)


def _people(conn: Connection, trace_id: bytes, before_ms: int) -> int:
    c = trace_alias.c
    mine = (c.trace == trace_id) & (c.issued_at < before_ms)
    people = select(c.bucket, c.subject).where(mine).distinct().subquery()
    return conn.execute(select(func.count()).select_from(people)).scalar_one()


def _of(conn: Connection, trace_id: bytes, bucket: Bucket) -> list[Alias]:
    c = trace_alias.c
    return [
        Alias(
            bucket=bucket,
            subject=SubjectId(row.subject),
            recipient_id=RecipientId(row.recipient_id),
            field=row.field,
            epoch=row.epoch,
            domain=row.domain,
        )
        for row in conn.execute(select(trace_alias).where((c.bucket == bucket) & (c.trace == trace_id)))
    ]
