"""The members of a bundle: which names it may have, in which order, and which belong together (see `bundle`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from consent.ledger.errors import Malformed
from consent.ledger.origin import NUMBER_TEXT, LogId, path_of

README_NAME = "README.txt"
POLICY_NAME = "policy.txt"
KEYS_NAME = "keys.json"
OPENINGS_NAME = "openings.json"
_FIXED = (README_NAME, POLICY_NAME, KEYS_NAME, OPENINGS_NAME)
_FOLDER = rf"log/{NUMBER_TEXT}/(?P<bucket>0|[1-9]\d{{0,3}})"
_MEMBER = re.compile(
    _FOLDER + r"/(?:(?P<log>checkpoint|chain\.jsonl|index\.(?:entry|tlog-proof|row))"
    r"|(?P<index>0|[1-9]\d{0,18})\.(?P<part>entry|tlog-proof|jws))"
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The members about one entry."""

    entry: bytes
    proof: bytes
    receipt: bytes | None


@dataclass(frozen=True, slots=True)
class IndexParts:
    """The members about one index: its entry, that entry's proof, and what it says of the person's tag."""

    entry: bytes
    proof: bytes
    row: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """The members about one log."""

    name: str
    checkpoint: bytes
    chain: bytes | None
    index: IndexParts | None
    entries: Mapping[int, Parts]


@dataclass(slots=True)
class _Loose:
    log: dict[str, bytes] = field(default_factory=dict)
    entries: dict[int, dict[str, bytes]] = field(default_factory=dict)


def folder_name(log: LogId) -> str:
    """The folder of a log's members."""
    return f"log/{path_of(log)}"


def in_order(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members in the one order a bundle has: the README first, the rest by name."""
    return dict(sorted(members.items(), key=lambda item: (item[0] != README_NAME, item[0])))


def arrange(members: Mapping[str, bytes]) -> list[Folder]:
    """The log folders; raises Malformed when a member is missing, out of order or has no place in a bundle."""
    if list(members) != list(in_order(members)):
        raise Malformed("members out of order")
    missing = [name for name in _FIXED if name not in members]
    if missing:
        raise Malformed(f"{missing[0]} is missing")
    loose: dict[str, _Loose] = {}
    for name, data in members.items():
        if name not in _FIXED:
            _sort_in(loose, name, data)
    if not loose:
        raise Malformed("nothing to prove")
    return [_folder(name, found) for name, found in loose.items()]


def _sort_in(loose: dict[str, _Loose], name: str, data: bytes) -> None:
    match = _MEMBER.fullmatch(name)
    if match is None:
        raise Malformed("a member that has no place in a bundle")
    found = loose.setdefault(name[: match.end("bucket")], _Loose())
    if match["log"]:
        found.log[match["log"]] = data
    else:
        found.entries.setdefault(int(match["index"]), {})[match["part"]] = data


def _folder(name: str, found: _Loose) -> Folder:
    index = _index(name, found.log)
    if "checkpoint" not in found.log or not (found.entries or index):
        raise Malformed(f"{name} lacks its checkpoint or entries")
    entries = {at: _parts(f"{name}/{at}", parts) for at, parts in sorted(found.entries.items())}
    return Folder(name, found.log["checkpoint"], found.log.get("chain.jsonl"), index, entries)


def _index(name: str, found: Mapping[str, bytes]) -> IndexParts | None:
    parts = [found.get(f"index.{part}") for part in ("entry", "tlog-proof", "row")]
    entry, proof, row = parts
    if entry is not None and proof is not None and row is not None:
        return IndexParts(entry, proof, row)
    if any(part is not None for part in parts):
        raise Malformed(f"{name} lacks a part of its index")
    return None


def _parts(stem: str, parts: Mapping[str, bytes]) -> Parts:
    if "entry" not in parts or "tlog-proof" not in parts:
        raise Malformed(f"{stem} lacks its entry or its proof")
    return Parts(parts["entry"], parts["tlog-proof"], parts.get("jws"))
