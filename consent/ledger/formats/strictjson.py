"""JSON from strangers: no member twice, no endless nesting, and one kind of error whatever is wrong."""

import json
from typing import Any

from consent.ledger.errors import Malformed


def load(data: bytes | str) -> Any:
    """The value of a JSON text in UTF-8; raises Malformed."""
    try:
        return json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("member given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
