"""What a dump's rows show of marks: the bits of carriers, and names that only one recipient has for a person.

Only rows whose identifiers agree on a person are read, and of them only cells that say the same as a version of
theirs that was served marked. A cell shows a bit or nothing; nothing is guessed. Any cell of the row may be the
one, or two side by side: addresses and dates are found by what they say, not by where they stand. What is kept names person,
version, carrier and bit, never a value.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched
from typing import NamedTuple

from sqlalchemy import Connection

from breach.matching.rows import AgreedRow, Item
from breach.tables import trace_identity, trace_reading
from consent import exposure
from consent.ids import RecipientId
from consent.marks.carriers import read, spellings
from consent.marks.served import versions_served
from consent.marks.tolerance import ever_allowed
from consent.recipients.pairwise import pairwise
from vault.fields import InvalidValue
from vault.ids import Bucket, Person, SubjectId
from vault.opening import Vault
from vault.storage.rowset import RowSet
from vault.tags import Wanted, same

type Reading = tuple[Item, str, int]
"""(version, carrier, bit)."""

_CHUNK = 10_000
_REMEMBERED = 200_000
_NAME = re.compile(r"pairwise:[A-Za-z0-9_-]{43}")
_LONGEST = 1_000

_ADD = RowSet(
    f"WITH {{rows}} INSERT INTO {trace_reading.name} (bucket, trace, subject, field, record, version, carrier, bit, count) "
    "SELECT bucket, trace, subject, field, record, version, carrier, bit, count FROM rows WHERE true "
    "ON CONFLICT (bucket, trace, subject, field, record, version, carrier, bit) "
    f"DO UPDATE SET count = {trace_reading.name}.count + excluded.count",
    bucket="int",
    trace="bytes",
    subject="bytes",
    field="text",
    record="bytes",
    version="int",
    carrier="text",
    bit="int",
    count="int",
)
_ADD_NAMES = RowSet(
    f"WITH {{rows}} INSERT INTO {trace_identity.name} (bucket, trace, subject, recipient_id, count) "
    "SELECT bucket, trace, subject, recipient, count FROM rows WHERE true "
    "ON CONFLICT (bucket, trace, subject, recipient_id) "
    f"DO UPDATE SET count = {trace_identity.name}.count + excluded.count",
    bucket="int",
    trace="bytes",
    subject="bytes",
    recipient="text",
    count="int",
)


class Readings(NamedTuple):
    """How often each bit was read, and in how many rows each recipient's own name for a person stands."""

    bits: Counter[Reading]
    names: Counter[tuple[Bucket, SubjectId, RecipientId]]


class Reader:
    """Reads block after block of one dump. Not thread-safe: it remembers what it has compared."""

    def __init__(self, vault: Vault, before_ms: int) -> None:
        self._vault = vault
        self._before = before_ms
        self._said: dict[tuple[Item, str], bool] = {}
        with vault.data.read() as conn:
            self._any = bool(ever_allowed(conn))

    def read(self, conn: Connection, rows: Sequence[AgreedRow]) -> Readings:
        """What these rows show; `conn` reads the vault's data base."""
        return Readings(self._bits(conn, rows) if self._any else Counter(), self._names(conn, rows))

    def _bits(self, conn: Connection, rows: Sequence[AgreedRow]) -> Counter[Reading]:
        people = sorted({person for row in rows for person in row.people})
        served: dict[Person, dict[str, dict[Item, frozenset[str]]]] = {}
        for at, field, record, version, carriers in versions_served(conn, people, self._before):
            versions = served.setdefault(people[at], {}).setdefault(field, {})
            item = (*people[at], field, record, version)
            versions[item] = versions.get(item, frozenset()) | carriers
        shown = [
            (item, text, cell, carriers)
            for row in rows
            for person in row.people
            for field, versions in served.get(person, {}).items()
            for text, cell in self._cells(field, row.cells)
            for item, carriers in versions.items()
        ]
        true = self._compare(conn, {(item, text) for item, text, _, _ in shown})
        bits: Counter[Reading] = Counter()
        for item, text, cell, carriers in shown:
            if true[item, text]:
                seen = read(item[2], cell, self._vault.catalogue)
                bits.update((item, code, bit) for code, bit in seen.items() if code in carriers)
        return bits

    def _compare(
        self, conn: Connection, asked: Iterable[tuple[Item, str]]
    ) -> Mapping[tuple[Item, str], bool]:
        """Whether each version says this; asked of the vault once."""
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        news = [one for one in asked if one not in self._said]
        wanted = [(Wanted(item[0], item[1], item[3], item[2], item[4]), text) for item, text in news]
        self._said |= zip(
            news, same(conn, self._vault.keyring, wanted, catalogue=self._vault.catalogue), strict=True
        )
        return self._said

    def _cells(self, field: str, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What shows any form of a field, with the canonical forms."""
        fields = self._vault.catalogue
        for cell in spellings(field, cells, fields):
            if len(cell) <= _LONGEST and read(field, cell, fields):
                try:
                    yield fields.field(field).canonical(cell), cell
                except InvalidValue:
                    continue

    def _names(
        self, conn: Connection, rows: Sequence[AgreedRow]
    ) -> Counter[tuple[Bucket, SubjectId, RecipientId]]:
        named = [
            (person, cell)
            for row in rows
            for cell in row.cells
            if cell.startswith("pairwise:") and _NAME.fullmatch(cell)
            for person in row.people
        ]
        people = sorted({person for person, _ in named})
        own: dict[tuple[Person, str], RecipientId] = {}
        for at, recipient in exposure.recipients_of(conn, people, self._before):
            own[people[at], pairwise(self._vault, recipient, people[at][1])] = recipient
        return Counter((*one[0], own[one]) for one in named if one in own)


def add(conn: Connection, trace_id: bytes, found: Readings) -> None:
    """Add what one block shows."""
    bits = [
        (bucket, trace_id, subject, field, record, version, carrier, bit, count)
        for ((bucket, subject, field, record, version), carrier, bit), count in found.bits.items()
    ]
    for part in batched(bits, _CHUNK):
        _ADD(conn, part)
    names = [(bucket, trace_id, who, name, count) for (bucket, who, name), count in found.names.items()]
    for some in batched(names, _CHUNK):
        _ADD_NAMES(conn, some)
