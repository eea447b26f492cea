"""Where a consent's chain of receipts ends, and following one: what a person keeps, checked without us.

Each receipt names the one before it, so that nothing can be taken out of the middle; of a chain that was cut
off at its end the rest still holds. Three things prove an end: the receipt of the withdrawal or of a refusal, after which
nothing can follow, and a head, which says on demand which receipt was the last one when it was made
(`perusal-head+jwt`).

* `head(vault, chain, now_ms) -> str`, for the whole chain of a consent as it was just read.
* `follow(receipts, head, keys) -> Followed`, from texts and keys alone; raises Malformed or Unproven.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from consent.instants import instant
from consent.ledger.errors import Malformed, Unproven
from consent.receipts.chain import digest
from consent.receipts.issue import GRANT_TYPE, RECEIPT_TYPE, REFUSAL_TYPE, WITHDRAWAL_TYPE
from consent.recipients.compact import opened
from consent.recipients.key_sets import PublicKey
from consent.signing.keys import Purpose, sign
from consent.signing.signed import Algorithm
from vault.base64url import unb64url
from vault.opening import Vault

HEAD_TYPE: Final = "perusal-head+jwt"
_MOST_BYTES: Final = 65_536


class End(StrEnum):
    """What proves that a chain has nothing more."""

    WITHDRAWAL = "withdrawal"
    REFUSAL = "refusal"
    HEAD = "head"
    UNPROVEN = "unproven"


_LAST: Final[Mapping[str, End]] = {WITHDRAWAL_TYPE: End.WITHDRAWAL, REFUSAL_TYPE: End.REFUSAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A chain that holds: `uses` are in it; with a head as its end, `at` is when that was made (RFC 3339)."""

    grant: str
    uses: int
    end: End
    at: str | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    kind: str
    said: dict[str, Any]
    digest: str


def head(vault: Vault, chain: Sequence[str], now_ms: int) -> str:
    """Our word that `chain`, which we have just made, was whole at an instant (Unix ms)."""
    raw = unb64url(chain[-1].split(".")[1]).decode()
    last = json.loads(raw)
    said = {
        "iss": last["iss"],
        "iat": now_ms // 1000,
        "at": instant(now_ms),
        "grant": last["grant"],
        "number": last["number"],
        "last": digest(raw),
    }
    return sign(vault, None, Purpose.RECEIPT, HEAD_TYPE, said)


def follow(receipts: Sequence[str], head: str | None, keys: Iterable[PublicKey]) -> Followed:
    """A consent's receipts, from its giving on, each under one of the installation's `keys`."""
    known = [key for key in keys if key.algorithm == Algorithm.ED25519]
    read = [_read(text, known) for text in receipts]
    if not read:
        raise Malformed("no receipts")
    for number, one in enumerate(read):
        _check(read, number, one)
    uses = sum(one.kind == RECEIPT_TYPE for one in read)
    end, at = _LAST.get(read[-1].kind, End.UNPROVEN), None
    if head is not None:
        ends, when = _ends(read, _read(head, known))
        end, at = (End.HEAD, when) if ends and end is End.UNPROVEN else (end, at)
    return Followed(grant=read[0].said["grant"], uses=uses, end=end, at=at)


def _read(text: str, keys: Sequence[PublicKey]) -> _Read:
    for kind in (GRANT_TYPE, RECEIPT_TYPE, *_LAST, HEAD_TYPE):
        found = opened(text, keys, kinds=(kind,), most_bytes=_MOST_BYTES)
        if found is not None:
            break
    else:
        raise Unproven("no known key signed one of these as a receipt")
    said = found.claims()
    if said is None or not isinstance(said.get("number"), int):
        raise Malformed("a receipt says what it is about and which it is")
    return _Read(kind, said, digest(found.payload.decode()))


def _check(read: Sequence[_Read], number: int, one: _Read) -> None:
    """One receipt in its place."""
    before = read[number - 1].digest if number else None
    last = number == len(read) - 1
    fits = {
        GRANT_TYPE: number == 0,
        RECEIPT_TYPE: number > 0,
        WITHDRAWAL_TYPE: number > 0 and last,
        REFUSAL_TYPE: number == 0 and last,
    }.get(one.kind, False)
    same = all(one.said.get(name) == read[0].said.get(name) for name in ("iss", "grant"))
    if not fits or not same or (one.said["number"], one.said.get("prev")) != (number, before):
        raise Unproven(f"receipt {number} does not follow the one before it")


def _ends(read: Sequence[_Read], head: _Read) -> tuple[bool, str]:
    """Whether a head names the last of these receipts, and when it was made; raises Unproven when they differ."""
    said, number = head.said, head.said["number"]
    same = all(said.get(name) == read[0].said.get(name) for name in ("iss", "grant"))
    if head.kind != HEAD_TYPE or not same:
        raise Unproven("the head is of another consent")
    if number >= len(read):
        raise Unproven(f"receipts are missing at the end: the head names number {number}")
    if number < 0 or said.get("last") != read[number].digest:
        raise Unproven("the head names another receipt")
    return number == len(read) - 1, str(said.get("at"))
