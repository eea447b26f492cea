"""A proof that a log lied (`consent.ledger.bundles.fraud`), as `perusal verify` tells it."""

from __future__ import annotations

from api.cli.failures import Exit, Failure
from api.cli.output import emit
from consent.ledger.bundles import fraud
from consent.ledger.bundles.fraud import Lie
from consent.ledger.errors import LedgerError
from consent.ledger.formats.policy import Policy

_BEGIN = b'{"checkpoint":'
_SAYS = {
    Lie.HIDDEN_ACCESS: "its index counts fewer entries of a person than it holds",
    Lie.WRONG_ROW: "a row of its index is not what the entry says that it names",
    Lie.UNSORTED_ROWS: "the rows of its index are out of order, so that somebody could be shown absent",
    Lie.PARALLEL_CHAIN: "it holds two entries of one person with the same number",
    Lie.BROKEN_CHAIN: "it holds an entry that does not follow the one before it",
    Lie.SPLIT_VIEW: "it signed two different heads of one size",
    Lie.FORKED: "it signed two heads with different entries at one index",
    Lie.DUPLICATE_ID: "it holds two entries with the same id",
    Lie.AFTER_CLOSING: "it went on after the entry that closed it",
}


def is_lie(data: bytes) -> bool:
    """Whether this is such a file, sound or not."""
    return data.startswith(_BEGIN)


def tell_lie(data: bytes, trusted: Policy | None, *, as_json: bool) -> int:
    """Check it against the verifier's own copy of the log's key; raises Failure without one."""
    if trusted is None:
        raise Failure(
            "a proof against a log is checked with your own copy of its key: give --policy",
            code="no_policy",
            exit_code=Exit.USAGE,
        )
    try:
        found = fraud.verify(fraud.parse(data), trusted.logs)
    except LedgerError as error:
        emit(
            {"ok": False, "proven": False, "detail": str(error)},
            as_json=as_json,
            lines=(f"WRONG: nothing is proven: {error}",),
        )
        return Exit.WRONG
    head = found.checkpoint
    emit(
        {"ok": True, "proven": True, "lie": found.kind.value, "origin": head.origin, "size": head.size},
        as_json=as_json,
        lines=(
            f"PROVEN: {head.origin} lied: {_SAYS[found.kind]} (under its own signature of size {head.size:,})",
        ),
    )
    return Exit.OK
