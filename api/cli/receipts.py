"""`perusal receipts FILE`: an outsider's check of a consent's chain of receipts, without server, network or data base.

FILE is what `/me/grants/{id}/receipts` or `/me/receipts` answered, one chain or several; the keys are those the installation publishes at `/jwks`,
saved from there by the verifier. The answer says what proves the end of the chain: the receipt of the
withdrawal, or a head of the moment it was fetched. Without either, receipts may be missing at the end, and that
is said.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from api.cli.failures import Exit, Failure
from api.cli.output import emit, json_option
from consent.ledger.errors import LedgerError
from consent.receipts.head import End, Followed, follow
from consent.recipients.key_sets import key_set

_MOST_BYTES = 64 << 20
_SAID = {
    End.WITHDRAWAL: "whole: it ends with the withdrawal, after which nothing can follow",
    End.REFUSAL: "whole: it was refused, and nothing can follow",
    End.HEAD: "whole: nothing followed when its head was made, {at}",
    End.UNPROVEN: "NOT proven to be whole: receipts may be missing at the end; fetch it again with its head",
}


@click.command("receipts")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True))
@click.option(
    "--keys",
    "keys_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Your own copy of the installation's /jwks.",
)
@json_option
def command(file: Path, keys_file: Path, as_json: bool) -> int:
    """Check the receipts in FILE ("-" reads standard input); 0 when they hold, 1 when one does not."""
    keys = key_set(keys_file.read_text(encoding="utf-8"), fetched=True)
    chains, several = _chains(_read(file))
    found: list[Followed] = []
    for receipts, head in chains:
        try:
            found.append(follow(receipts, head, keys))
        except LedgerError as error:
            which = f"chain {len(found) + 1}: {error}" if several else str(error)
            emit({"ok": False, "detail": which}, as_json=as_json, lines=(f"WRONG: {which}",))
            return Exit.WRONG
    told = [_document(one) for one in found]
    document = {"ok": True, "chains": told} if several else {"ok": True, **told[0]}
    emit(document, as_json=as_json, lines=[line for one in found for line in _lines(one)])
    return Exit.OK


def receipts_in(file: Path) -> list[str]:
    """The receipts of a file that is such an answer, or that has one on each line."""
    raw = _read(file)
    if not raw.lstrip().startswith(b"{"):
        return raw.decode("ascii", "replace").split()
    return [text for receipts, _ in _chains(raw)[0] for text in receipts]


def _read(file: Path) -> bytes:
    with click.open_file(str(file), "rb") as opened:
        raw: bytes = opened.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise Failure("the file is too long: give it in parts", code="too_long", exit_code=Exit.USAGE)
    return raw


def _chains(raw: bytes) -> tuple[list[tuple[list[str], str | None]], bool]:
    """The chains of a file, and whether it is one of several."""
    try:
        said: Any = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    chains = said.get("chains") if isinstance(said, dict) else None
    if isinstance(chains, list) and chains:
        return [_chain(one) for one in chains], True
    return [_chain(said)], False


def _chain(said: Any) -> tuple[list[str], str | None]:
    receipts = said.get("receipts") if isinstance(said, dict) else None
    head = said.get("head") if isinstance(said, dict) else None
    if not isinstance(receipts, list) or not all(isinstance(one, str) for one in receipts):
        raise Failure("the file holds no receipts", code="no_receipts", exit_code=Exit.USAGE)
    return receipts, head if isinstance(head, str) else None


def _document(found: Followed) -> dict[str, Any]:
    return {"grant": found.grant, "uses": found.uses, "end": found.end.value, "at": found.at}


def _lines(found: Followed) -> tuple[str, ...]:
    return (
        f"sound: the permission {found.grant} and {found.uses:,} uses of it",
        _SAID[found.end].format(at=found.at),
    )
