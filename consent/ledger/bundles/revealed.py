"""`openings.json` of a bundle: which fields of which entries are shown, and digests for those that are not.

    {"entries": [{"origin", "index", "fields": [{"name", "value", "nonce"} | {"digest"}, ...]}, ...], "v": 1}

Entries stand in order of (origin, index), fields in committed order; bytes are lower-case hexadecimal. The file
has one spelling only, so that a changed byte is a changed statement and shows.
"""

import json
from collections.abc import Mapping
from typing import Any

from consent.ledger.entries.commitment import Revealed, Shown
from consent.ledger.errors import Malformed
from consent.ledger.formats import strictjson

VERSION = 1

type Key = tuple[str, int]
"""(origin, index) of an entry."""


def encode(found: Mapping[Key, Revealed]) -> bytes:
    """The file for these entries."""
    entries = [
        {"origin": origin, "index": index, "fields": [_field(item) for item in found[origin, index]]}
        for origin, index in sorted(found)
    ]
    text = json.dumps({"entries": entries, "v": VERSION}, indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def parse(data: bytes) -> dict[Key, Revealed]:
    """What a file shows; raises Malformed unless it is exactly as `encode` writes it."""
    document = strictjson.load(data)
    try:
        found = {_key(item): tuple(map(_item, item["fields"])) for item in document["entries"]}
        again = encode(found)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Malformed("not a file of openings") from None
    if again != data:
        raise Malformed("file of openings in another spelling")
    return found


def _key(found: Mapping[str, Any]) -> Key:
    origin, index = found["origin"], found["index"]
    if not isinstance(origin, str) or type(index) is not int:
        raise TypeError("an entry is named by origin and index")
    return origin, index


def _field(item: Shown | bytes) -> dict[str, str]:
    if isinstance(item, Shown):
        return {"name": item.name, "value": item.value, "nonce": item.nonce.hex()}
    return {"digest": item.hex()}


def _item(found: Mapping[str, Any]) -> Shown | bytes:
    if "digest" in found:
        return bytes.fromhex(found["digest"])
    return Shown(str(found["name"]), str(found["value"]), bytes.fromhex(found["nonce"]))
