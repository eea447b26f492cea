"""The ends of logs that were given up, as a policy names them: of each the last head that is to be believed.

They stand in `keys.json` as `ended`, a list of `{"origin": ..., "root": <base64>, "size": <decimal>}`, each log
once. A larger head of such a log is refused, and another one of that size. The very head that is named is
believed even where no key of the log is, because its key was stolen and whatever else it signs proves nothing.
"""

from collections.abc import Iterable
from typing import Any

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, note, strictjson
from consent.ledger.formats.checkpoint import Checkpoint

MEMBER = "ended"


def document(at: Checkpoint) -> dict[str, Any]:
    """As it stands in `keys.json`."""
    return {"origin": at.origin, "root": note.b64(at.root), "size": at.size}


def in_key_set(keys_json: str) -> tuple[Checkpoint, ...]:
    """Those of a key set; raises Malformed."""
    found = strictjson.load(keys_json)
    items = found.get(MEMBER, []) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise Malformed("not a list of logs that were given up")
    ends = tuple(map(_of_document, items))
    if len({one.origin for one in ends}) < len(ends):
        raise Malformed("a log that was given up twice")
    return ends


def end_of(ended: Iterable[Checkpoint], origin: str) -> Checkpoint | None:
    """The end of one log, if it is named."""
    return next((one for one in ended if one.origin == origin), None)


def within(ended: Iterable[Checkpoint], found: Checkpoint) -> Checkpoint:
    """The same head, unless its log ended with another; raises Unproven."""
    end = end_of(ended, found.origin)
    if end is not None and (found.size > end.size or (found.size == end.size and found != end)):
        raise Unproven(f"the log was given up at size {end.size}, with another head")
    return found


def _of_document(item: Any) -> Checkpoint:
    try:
        found = checkpoint.parse_text(f"{item['origin']}\n{item['size']}\n{item['root']}\n")
    except (TypeError, KeyError):
        raise Malformed("not the end of a log") from None
    if document(found) != item:
        raise Malformed("the end of a log in another spelling")
    return found
