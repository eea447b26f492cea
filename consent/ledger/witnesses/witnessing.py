"""What a witness does with a submitted checkpoint (C2SP tlog-witness): the decisions, without storage and without HTTP.

First what can be said of the request alone (`read`), then what it is against the record (`weigh`); whoever calls must
let nobody change the record between `weigh` and writing it. Only the first three lines of a checkpoint are judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, cosignature, note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import COSIGNER, Note, SignatureLine, VerifierKey
from consent.ledger.tree import EMPTY_ROOT, verify_consistency
from consent.ledger.witnesses import submission

type Logs = Mapping[str, tuple[VerifierKey, ...]]
"""The keys a witness knows by origin: several while a log changes its key."""


class Refusal(StrEnum):
    """Why nothing was cosigned."""

    MALFORMED = "malformed"
    UNKNOWN_LOG = "unknown_log"
    UNSIGNED = "unsigned"
    SHRUNK = "shrunk"
    OUTDATED = "outdated"
    INCONSISTENT = "inconsistent"
    CLOCK = "clock_behind"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was cosigned; `size` is what was cosigned last where the log has to know (OUTDATED)."""

    why: Refusal
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request whose log is known and has signed it; `note` holds the signatures that were verified."""

    head: Checkpoint
    note: Note
    old: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The head of a log that was cosigned last, and when (POSIX seconds)."""

    head: Checkpoint
    at_s: int


@dataclass(frozen=True, slots=True, repr=False)
class Cosigner:
    """A witness's key with its 32-byte seed."""

    key: VerifierKey
    seed: bytes

    @classmethod
    def of(cls, name: str, seed: bytes, kind: bytes = COSIGNER) -> "Cosigner":
        return cls(cosignature.key_of(name, seed, kind), seed)

    def line(self, text: str, at_s: int) -> SignatureLine:
        """Its cosignature of a checkpoint's text."""
        return cosignature.sign(text, self.key, self.seed, at_s)


def known_logs(text: str) -> dict[str, tuple[VerifierKey, ...]]:
    """The keys by origin from the `log` lines of a policy, whose `quorum` line may be missing; raises Malformed."""
    closed = any(line.split()[:1] == ["quorum"] for line in text.split("\n"))
    found = policy.parse(text if closed else f"{text}\nquorum {policy.NOBODY}\n")
    origins = dict.fromkeys(key.name for key in found.logs)
    if any(len(origin.encode()) > cosignature.LONGEST_NAME for origin in origins):
        raise Malformed("a log whose name cannot be cosigned")
    return {origin: tuple(key for key in found.logs if key.name == origin) for origin in origins}


def read(body: bytes, logs: Logs) -> Asked | Refused:
    """Take a request apart and check who signed its checkpoint."""
    try:
        asked = submission.parse(body)
        signed = note.parse(asked.checkpoint)
        head = checkpoint.parse_head(signed.text)
    except Malformed:
        return Refused(Refusal.MALFORMED)
    keys = logs.get(head.origin)
    if keys is None:
        return Refused(Refusal.UNKNOWN_LOG)
    try:
        signers = note.verify(signed, keys)
    except Unproven:
        return Refused(Refusal.UNSIGNED)
    if asked.old > head.size:
        return Refused(Refusal.SHRUNK)
    return Asked(head=head, note=_only(signed, signers), old=asked.old, proof=asked.proof)


def weigh(asked: Asked, last: Record | None, now_s: int) -> Refused | None:
    """Whether the checkpoint continues the one cosigned last; None when it may be cosigned at `now_s`."""
    size, root = (last.head.size, last.head.root) if last else (0, EMPTY_ROOT)
    if asked.old != size:
        return Refused(Refusal.OUTDATED, size)
    # From nothing everything follows (tlog-witness): there is no proof, and only an empty tree has a root to keep.
    grown_from_nothing = size == 0 < asked.head.size and not asked.proof
    if not grown_from_nothing and not verify_consistency(
        size, asked.head.size, root, asked.head.root, asked.proof
    ):
        return Refused(Refusal.INCONSISTENT)
    if last and now_s < last.at_s:
        # It would say that an older time saw the larger tree. Clocks that were set back catch up.
        return Refused(Refusal.CLOCK)
    return None


def _only(signed: Note, signers: tuple[VerifierKey, ...]) -> Note:
    """The note with one line for each of these keys."""
    wanted = {(key.name, key.key_id) for key in signers}
    lines = {(line.name, line.key_id): line for line in reversed(signed.signatures)}
    return Note(signed.text, tuple(line for name, line in reversed(lines.items()) if name in wanted))
