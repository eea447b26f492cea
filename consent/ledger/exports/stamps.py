"""Time stamps of an exported log (RFC 3161): that somebody outside saw a checkpoint, and so all entries under
it, by a time.

| file below the log's folder | content                                                      |
|-----------------------------|--------------------------------------------------------------|
| stamps/<size>.checkpoint    | the exact bytes that were stamped                            |
| stamps/<size>.tsr           | the authority's answer, as `openssl ts -verify` reads it     |

A log's own times are claims and witnesses' are their word; an authority's is worth what law gives it (eIDAS,
art. 41).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from consent.ledger.checking.fsck import Finding
from consent.ledger.errors import LedgerError, Malformed, Unproven
from consent.ledger.exports.exported import CHECKPOINT, root_at
from consent.ledger.exports.files import PUBLIC, put
from consent.ledger.formats import checkpoint, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy
from vault.signing import timestamps
from vault.signing.timestamps import NotStamped

FOLDER = "stamps"

type Asking = Callable[[bytes], bytes]
"""Brings a question (DER) to an authority and its answer back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A checkpoint that an authority saw at `at_ms` (Unix ms)."""

    origin: str
    size: int
    at_ms: int


def logs_in(folder: Path) -> list[Path]:
    """The folders of the logs below an exported one."""
    return sorted(file.parent for file in folder.glob(f"log/*/*/{CHECKPOINT}"))


def stamp(place: Path, asking: Asking, authorities: bytes) -> Stamped | None:
    """Have the log's checkpoint stamped, unless one of its size is; raises NotStamped when the answer does not hold."""
    data = (place / CHECKPOINT).read_bytes()
    head = checkpoint.parse_text(note.parse(data).text)
    kept = place / FOLDER / f"{head.size}.tsr"
    if kept.is_file():
        return None
    question = timestamps.ask(data)
    answer = asking(question.der)
    at_ms = timestamps.verify(answer, data, authorities, nonce=question.nonce)
    put(kept.with_suffix(f".{CHECKPOINT}"), data, PUBLIC)
    put(kept, answer, PUBLIC)
    return Stamped(origin=head.origin, size=head.size, at_ms=at_ms)


def check_stamps(place: Path, policy: Policy, authorities: bytes) -> Iterator[Stamped | Finding]:
    """Every stamp of a log whose tiles hold (`check_tree`): whose it is, and that it is of a beginning of this log."""
    try:
        now = policy.accept((place / CHECKPOINT).read_bytes()).checkpoint
    except LedgerError as error:
        yield Finding(place.name, f"{CHECKPOINT}: {error}")
        return
    for kept in sorted((place / FOLDER).glob("*.tsr"), key=lambda path: (len(path.name), path.name)):
        try:
            yield _check(place, kept, now, policy, authorities)
        except (LedgerError, NotStamped) as error:
            yield Finding(now.origin, f"{FOLDER}/{kept.name}: {error}")


def _check(place: Path, kept: Path, now: Checkpoint, policy: Policy, authorities: bytes) -> Stamped:
    try:
        data = kept.with_suffix(f".{CHECKPOINT}").read_bytes()
    except FileNotFoundError:
        raise Malformed("what was stamped is missing") from None
    head = policy.accept(data).checkpoint
    if head.origin != now.origin or kept.name != f"{head.size}.tsr":
        raise Unproven("a checkpoint of another log or size")
    if head.size > now.size or root_at(place, now, head.size) != head.root:
        raise Unproven("not a beginning of the log as it is here")
    at_ms = timestamps.verify(kept.read_bytes(), data, authorities)
    return Stamped(origin=head.origin, size=head.size, at_ms=at_ms)
