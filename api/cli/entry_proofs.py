"""The proof of one entry (`perusal ledger prove`, or any C2SP tlog-proof), as `perusal verify` tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from api.cli.failures import Exit, Failure
from api.cli.output import emit
from consent.ledger.errors import LedgerError, Unproven
from consent.ledger.formats import proof
from consent.ledger.formats.policy import Accepted, Policy
from consent.ledger.tree import leaf_hash, verify_inclusion

ENTRY_ENDING: Final = ".entry"
_BEGIN = b"c2sp.org/tlog-proof@v1\n"
_MOST_BYTES = 1 << 20


def is_entry_proof(data: bytes) -> bool:
    """Whether this is such a file, sound or not."""
    return data.startswith(_BEGIN)


def tell_entry_proof(file: Path, data: bytes, trusted: Policy | None, *, as_json: bool) -> int:
    """Check it and the entry beside it against the verifier's own policy; raises Failure without one."""
    if trusted is None:
        raise Failure(
            "the proof of one entry brings no keys along: give --policy",
            code="no_policy",
            exit_code=Exit.USAGE,
        )
    leaf = leaf_hash(_beside(file))
    try:
        index, accepted = _check(data, leaf, trusted)
    except LedgerError as error:
        emit({"ok": False, "detail": str(error)}, as_json=as_json, lines=(f"WRONG: {error}",))
        return Exit.WRONG
    head, names = accepted.checkpoint, [one.key.name for one in accepted.cosigned]
    emit(
        {
            "ok": True,
            "origin": head.origin,
            "index": index,
            "leaf": leaf.hex(),
            "size": head.size,
            "root": head.root.hex(),
            "cosigned": names,
        },
        as_json=as_json,
        lines=(
            f"sound: entry {index} of {head.origin}, under its signed head of {head.size:,} entries",
            f"cosigned by {', '.join(names) or 'no witness'}",
        ),
    )
    return Exit.OK


def _check(data: bytes, leaf: bytes, trusted: Policy) -> tuple[int, Accepted]:
    given = proof.parse(data)
    accepted = trusted.accept(given.checkpoint)
    head = accepted.checkpoint
    if not verify_inclusion(leaf, given.index, head.size, given.path, head.root):
        raise Unproven("the entry beside it does not lead to the signed root")
    return given.index, accepted


def _beside(file: Path) -> bytes:
    entry = file.with_suffix(ENTRY_ENDING)
    if not entry.is_file():
        raise Failure(
            f"the entry it is about must lie beside it, as {entry.name}",
            code="no_entry",
            exit_code=Exit.USAGE,
        )
    with entry.open("rb") as opened:
        return opened.read(_MOST_BYTES)
