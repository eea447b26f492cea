"""The bytes of a ledger entry about no one person: what the log counts, which key signs it, where it begins and
ends, and what is committed to about marks (`consent.marks`).

Restricted JCS like a person's entry (`entry`), members in this order, hexadecimal in lower case:

| t      | other members                                                                                   |
|--------|-------------------------------------------------------------------------------------------------|
| index  | id; m: rows; r: their Merkle root, 32 bytes; ts; u: the entries before this index; v             |
| keyrot | id; k: the verifier key whose signature stands beside the old one's from now on; ts; v           |
| marks  | e: number of an epoch; id; k: commitment to its key, 32 bytes; ts; v; w: epoch                   |
| marks  | id; m: disclosures; r: Merkle root over their served hashes, 32 bytes; ts; v; w: served           |
| shard  | h: SHA-256 of the newest checkpoint of `o`, empty in a closing entry; i: SHA-256 of the incident text, only in an opening for damage; id; o: the origin that went before this log (opening) or comes after it (closing); r, z: root and size of `o` then; ts; v; w: open or close; y: year or damage |

They stand in no person's chain: they have no tag, number or commitment. `id` is 16 bytes, made by the server.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from consent.ledger.entries.entry import LOG_KINDS, MAX_BYTES, VERSION, Kind
from consent.ledger.entries.members import integer, octets
from consent.ledger.errors import Malformed
from consent.ledger.formats import strictjson
from consent.ledger.formats.note import VerifierKey
from consent.ledger.origin import parse_origin
from consent.ledger.tree import EMPTY_ROOT


class Why(StrEnum):
    """Why a log ends and another begins."""

    YEAR = "year"
    DAMAGE = "damage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """`rows` persons had entries among the first `upto`; `root` is over their rows (`index`)."""

    id: bytes
    ts: int
    upto: int
    rows: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotation:
    """From now on `key` signs too, and some time later alone."""

    id: bytes
    ts: int
    key: VerifierKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The first entry of a log that carries on another: the newest signed checkpoint of that. Again with its last.

    Where the other was given up (why: damage) that checkpoint is its end, and `incident_sha256` is of the text
    that says why.
    """

    id: bytes
    ts: int
    before: str
    size: int
    root: bytes
    checkpoint_sha256: bytes
    why: Why
    incident_sha256: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The last entry of a log: `after` is the origin of the one that carries on."""

    id: bytes
    ts: int
    after: str
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkEpoch:
    """From now on values may be marked with the key of this epoch, to which `commitment` commits (`marks.epochs`)."""

    id: bytes
    ts: int
    epoch: int
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedMarks:
    """What `count` marked disclosures served: the root over their hashes (`marks.seals`)."""

    id: bytes
    ts: int
    count: int
    root: bytes


type LogEntry = Index | KeyRotation | Opening | Closing | MarkEpoch | ServedMarks


def encode(entry: LogEntry) -> bytes:
    """The canonical bytes; raises Malformed for anything `parse` would refuse."""
    data = _written(entry)
    parse(data)
    return data


def parse(data: bytes) -> LogEntry:
    """From stored or foreign bytes; raises Malformed unless they are the canonical encoding of such an entry."""
    if len(data) > MAX_BYTES or not data.isascii():
        raise Malformed("not an entry about a log")
    found = strictjson.load(data)
    if not isinstance(found, dict) or type(found.get("v")) is not int or found["v"] != VERSION:
        raise Malformed("not an entry about a log")
    read = _READERS.get(str(found.get("t")))
    try:
        entry = None if read is None else read(found)
    except KeyError:
        entry = None
    if entry is None or _written(entry) != data:
        raise Malformed("entry about a log is not canonical")
    return entry


def is_about_log(data: bytes) -> bool:
    """Whether bytes of an entry are about the log, and not about a person; raises Malformed where they are no JSON."""
    found = strictjson.load(data)
    kind = found.get("t") if isinstance(found, dict) else None
    return isinstance(kind, str) and kind in LOG_KINDS


def _written(entry: LogEntry) -> bytes:
    return json.dumps(_members(entry), sort_keys=True, separators=(",", ":")).encode()


def _members(entry: LogEntry) -> dict[str, Any]:
    shared = {"id": entry.id.hex(), "ts": entry.ts, "v": VERSION}
    match entry:
        case Index():
            return {"m": entry.rows, "r": entry.root.hex(), "t": Kind.INDEX.value, "u": entry.upto, **shared}
        case KeyRotation():
            return {"k": str(entry.key), "t": Kind.KEYROT.value, **shared}
        case MarkEpoch():
            told = {"e": entry.epoch, "k": entry.commitment.hex(), "w": "epoch"}
            return {**told, "t": Kind.MARKS.value, **shared}
        case ServedMarks():
            told = {"m": entry.count, "r": entry.root.hex(), "w": "served"}
            return {**told, "t": Kind.MARKS.value, **shared}
        case Opening():
            ended = {
                "h": entry.checkpoint_sha256.hex(),
                "o": entry.before,
                "r": entry.root.hex(),
                "z": entry.size,
            }
            incident = {} if entry.incident_sha256 is None else {"i": entry.incident_sha256.hex()}
            return {**ended, **incident, "t": Kind.SHARD.value, "w": "open", "y": entry.why.value, **shared}
        case Closing():
            ended = {"h": "", "o": entry.after, "r": EMPTY_ROOT.hex(), "z": 0}
            return {**ended, "t": Kind.SHARD.value, "w": "close", "y": entry.why.value, **shared}


def _index(found: Mapping[str, Any]) -> Index:
    return Index(
        id=octets(found["id"], 16),
        ts=integer(found["ts"]),
        upto=integer(found["u"]),
        rows=integer(found["m"]),
        root=octets(found["r"], 32),
    )


def _keyrot(found: Mapping[str, Any]) -> KeyRotation:
    key = VerifierKey.parse(_text(found["k"]))
    return KeyRotation(id=octets(found["id"], 16), ts=integer(found["ts"]), key=key)


def _shard(found: Mapping[str, Any]) -> Opening | Closing:
    entry_id, ts, other, why = octets(found["id"], 16), integer(found["ts"]), _text(found["o"]), _why(found)
    parse_origin(other)
    if found["w"] == "close":
        return Closing(id=entry_id, ts=ts, after=other, why=why)
    if ("i" in found) != (why is Why.DAMAGE):
        raise Malformed("a log that was given up has an incident, and no other has")
    return Opening(
        id=entry_id,
        ts=ts,
        before=other,
        size=integer(found["z"]),
        root=octets(found["r"], 32),
        checkpoint_sha256=octets(found["h"], 32),
        why=why,
        incident_sha256=octets(found["i"], 32) if "i" in found else None,
    )


def _marks(found: Mapping[str, Any]) -> MarkEpoch | ServedMarks:
    entry_id, ts = octets(found["id"], 16), integer(found["ts"])
    if found["w"] == "epoch":
        return MarkEpoch(id=entry_id, ts=ts, epoch=integer(found["e"]), commitment=octets(found["k"], 32))
    return ServedMarks(id=entry_id, ts=ts, count=integer(found["m"]), root=octets(found["r"], 32))


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], LogEntry]]] = {
    Kind.INDEX.value: _index,
    Kind.KEYROT.value: _keyrot,
    Kind.SHARD.value: _shard,
    Kind.MARKS.value: _marks,
}


def _why(found: Mapping[str, Any]) -> Why:
    word = _text(found["y"])
    if word not in set(Why):
        raise Malformed("a log ends for a year or for damage")
    return Why(word)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("not a text of an entry")
    return value
