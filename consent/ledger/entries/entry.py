"""The bytes of a ledger entry about a person: restricted JCS (RFC 8785), at most 1 KiB, nothing personal in it.

| member | meaning                                                                       |
|--------|-------------------------------------------------------------------------------|
| c      | commitment to everything else that happened, 32 bytes hexadecimal             |
| id     | 16 bytes hexadecimal, made by the server, unique in its log                   |
| n      | 1, 2, 3 ... without a gap per tag                                             |
| p      | leaf hash of the tag's previous entry; zeros when n is 1                      |
| s      | tag of the person in this log, 16 bytes hexadecimal                           |
| t      | kind                                                                          |
| ts     | Unix milliseconds: a claim, bounded by cosignatures                           |
| v      | 1                                                                             |

Members stand in this order without white space. The kinds `index`, `keyrot`, `shard` and `marks` speak about no one
person and have members of their own; this layout refuses them. Verifiers hash the stored bytes and never
re-encode; `parse` takes these bytes and no others, so that nothing non-canonical is ever written.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from consent.ledger.entries.members import MAX_INTEGER
from consent.ledger.errors import Malformed

VERSION = 1
MAX_BYTES = 1024
NO_PREVIOUS = bytes(32)


class Kind(StrEnum):
    """What an entry records; the last four speak about the log itself, or about what it holds as a whole."""

    ENROL = "enrol"
    GRANT = "grant"
    WITHDRAW = "withdraw"
    ACCESS = "access"
    DISCLOSE = "disclose"
    REFUSE = "refuse"
    ERASE = "erase"
    BREACH = "breach"
    CORRECT = "correct"
    INDEX = "index"
    KEYROT = "keyrot"
    SHARD = "shard"
    MARKS = "marks"


LOG_KINDS = frozenset({Kind.INDEX, Kind.KEYROT, Kind.SHARD, Kind.MARKS})
PERSON_KINDS = frozenset(Kind) - LOG_KINDS


_CANONICAL = re.compile(
    rb'\{"c":"([0-9a-f]{64})","id":"([0-9a-f]{32})","n":([1-9][0-9]{0,15}),"p":"([0-9a-f]{64})",'
    rb'"s":"([0-9a-f]{32})","t":"('
    + "|".join(sorted(PERSON_KINDS)).encode()
    + rb')","ts":(0|[1-9][0-9]{0,15}),"v":1\}\Z'
)
_KINDS = {kind.encode(): kind for kind in PERSON_KINDS}
_NO_PREVIOUS_HEX = NO_PREVIOUS.hex().encode()
_LINE = re.compile(
    rb'\{"c":"(.{64})","id":"(.{32})","n":([1-9][0-9]{0,15}),"p":"(.{64})","s":"(.{32})","t":"(?:'
    + "|".join(sorted(PERSON_KINDS)).encode()
    + rb')","ts":(0|[1-9][0-9]{0,15}),"v":1\}\n',
    re.DOTALL,  # so that of what may be anything nothing is looked at
)
"""The same as a line, but for the digits of hexadecimal numbers: those are cheaper looked at all at once."""
_LINE_PARTS = 1 + _LINE.groups


class Entry(NamedTuple):
    """One event of one person, as the public sees it."""

    kind: Kind
    ts: int
    tag: bytes
    n: int
    previous: bytes
    commitment: bytes
    id: bytes


def body(
    kind: str, ts: int, tag: bytes, n: int, previous: bytes, commitment: bytes, entry_id: bytes
) -> bytes:
    """The canonical bytes, without a check: the appender's fast path, pinned to `parse` by tests."""
    return (
        f'{{"c":"{commitment.hex()}","id":"{entry_id.hex()}","n":{n},"p":"{previous.hex()}",'
        f'"s":"{tag.hex()}","t":"{kind}","ts":{ts},"v":1}}'
    ).encode()


def encode(entry: Entry) -> bytes:
    """The canonical bytes; raises Malformed for anything `parse` would refuse."""
    data = body(*_in_order(entry))
    parse(data)
    return data


def parse(data: bytes) -> Entry:
    """From stored or foreign bytes; raises Malformed unless they are the canonical encoding of an entry."""
    parts = _parts(data)
    if parts is None:
        raise Malformed("not the canonical encoding of an entry")
    commitment, entry_id, n, previous, tag, kind, ts = parts
    raw = bytes.fromhex
    return Entry(
        kind=_KINDS[kind],
        ts=ts,
        tag=raw(tag.decode()),
        n=n,
        previous=raw(previous.decode()),
        commitment=raw(commitment.decode()),
        id=raw(entry_id.decode()),
    )


def outline(data: bytes) -> tuple[bytes, int, bytes, bytes, int] | None:
    """Of the canonical bytes of an entry: id, n, p, s and ts, what is hexadecimal left so; None where `parse` refuses."""
    parts = _parts(data)
    if parts is None:
        return None
    _, entry_id, n, previous, tag, _, ts = parts
    return entry_id, n, previous, tag, ts


def _parts(data: bytes) -> tuple[bytes, bytes, int, bytes, bytes, bytes, int] | None:
    """c, id, n, p, s, t and ts of the canonical bytes of an entry; None of any others."""
    found = _CANONICAL.match(data)
    if found is None:
        return None
    commitment, entry_id, digits, previous, tag, kind, time = found.groups()
    n, ts = int(digits), int(time)
    if n > MAX_INTEGER or ts > MAX_INTEGER or (n == 1) != (previous == _NO_PREVIOUS_HEX):
        return None
    return commitment, entry_id, n, previous, tag, kind, ts


class Outlines(NamedTuple):
    """What stands in entries, column by column in their order.

    An id and a previous leaf may be any 32 and 64 bytes: whoever holds them against what they must be, which is
    of lower-case hexadecimal digits, and zeros where n is 1, has what `outline` finds.
    """

    ids: list[bytes]
    numbers: list[int]
    previous: list[bytes]
    tags: list[bytes]
    times: list[int]


def outlines(bodies: Sequence[bytes]) -> Outlines | None:
    """`outline` of all these at a third of the cost; None where anything else of any of them is not canonical."""
    found = _LINE.split(b"\n".join((*bodies, b"")))
    # Each entry is one match and nothing stands between two. A line break in an entry would make one more of either,
    # or stand where only the digits of a hexadecimal number may.
    if len(found) != _LINE_PARTS * len(bodies) + 1 or any(found[::_LINE_PARTS]):
        return None
    commitments, ids, n, previous, tags, ts = (found[at::_LINE_PARTS] for at in range(1, _LINE_PARTS))
    if b"".join(commitments + tags).translate(None, b"0123456789abcdef"):
        return None
    known = _Integers()
    numbers, times = list(map(known.__getitem__, n)), list(map(known.__getitem__, ts))
    if max(known.values(), default=0) > MAX_INTEGER:
        return None
    return Outlines(ids, numbers, previous, tags, times)


class _Integers(dict[bytes, int]):
    """Integers by their digits: the same few stand in most entries."""

    def __missing__(self, digits: bytes) -> int:
        self[digits] = number = int(digits)
        return number


def _in_order(entry: Entry) -> tuple[str, int, bytes, int, bytes, bytes, bytes]:
    return entry.kind, entry.ts, entry.tag, entry.n, entry.previous, entry.commitment, entry.id
