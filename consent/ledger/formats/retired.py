"""Log keys that sign no more: each is believed up to the last size it signed, and of nothing larger.

What a log's earlier key signed, in a bundle or under a time stamp, stays proven when another key has taken
over; whoever gets hold of the old one later signs nothing new with it. They stand in `keys.json` as `retired`,
a list of `{"key": <verifier key>, "size": <decimal>}` by key, and in an export in `log/retired`, one `<verifier
key> <size>` a line.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from consent.ledger.errors import Malformed
from consent.ledger.formats import checkpoint, strictjson
from consent.ledger.formats.note import ED25519, VerifierKey

MEMBER = "retired"


@dataclass(frozen=True, slots=True)
class Retired:
    """A log key (named by its origin) and the size of the last checkpoint it signed."""

    key: VerifierKey
    size: int

    def __str__(self) -> str:
        return f"{self.key} {self.size}"

    def document(self) -> dict[str, Any]:
        """As it stands in `keys.json`."""
        return {"key": str(self.key), "size": self.size}


def in_key_set(keys_json: str) -> tuple[Retired, ...]:
    """Those of a key set; raises Malformed."""
    found = strictjson.load(keys_json)
    items = found.get(MEMBER, []) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise Malformed("not a list of keys that were retired")
    return _distinct(map(_of_document, items))


def in_lines(text: str) -> tuple[Retired, ...]:
    """Those of an exported `log/retired`; raises Malformed."""
    return _distinct(map(_of_line, text.splitlines()))


def valid_at(retired: Iterable[Retired], size: int) -> list[VerifierKey]:
    """The keys that may have signed a checkpoint of this size."""
    return [one.key for one in retired if size <= one.size]


def _of_document(item: Any) -> Retired:
    key, size = (item.get("key"), item.get("size")) if isinstance(item, dict) else (None, None)
    if not isinstance(key, str) or type(size) is not int or size < 0 or len(item) != 2:
        raise Malformed("not a key that was retired")
    return Retired(_log_key(key), size)


def _of_line(line: str) -> Retired:
    key, _, size = line.partition(" ")
    return Retired(_log_key(key), checkpoint.number(size))


def _log_key(text: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind != ED25519:
        raise Malformed("not a key of a log")
    return key


def _distinct(found: Iterable[Retired]) -> tuple[Retired, ...]:
    items = tuple(found)
    if len({one.key for one in items}) < len(items):
        raise Malformed("a key that was retired twice")
    return items
