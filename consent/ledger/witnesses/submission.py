"""What a log sends to a witness (C2SP tlog-witness, `add-checkpoint`), and the address at which the witness is read.

| line             | meaning                                                               |
|------------------|-----------------------------------------------------------------------|
| `old <decimal>`  | the size the witness cosigned last, as far as the log knows           |
| `<base64>` ...   | consistency proof from that size to the checkpoint's, at most 63 hashes |
| empty line       |                                                                       |
| the rest         | the signed checkpoint                                                 |
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from consent.ledger.errors import Malformed
from consent.ledger.formats import checkpoint, note
from consent.ledger.tree import HASH_BYTES

ADD: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
"""The media type of an answer that only says which size was cosigned last."""

_OLD = "old "
_MOST_HASHES: Final = 63


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint (a note's exact bytes) with the proof that it continues the one of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def __bytes__(self) -> bytes:
        lines = [f"{_OLD}{self.old}", *map(note.b64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse(data: bytes) -> Submission:
    """From a request's body; raises Malformed. The checkpoint is not looked into."""
    head, separator, tail = data.partition(b"\n\n")
    try:
        old, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("not a submission") from None
    if not separator or not old.startswith(_OLD) or len(hashes) > _MOST_HASHES:
        raise Malformed("not a submission")
    proof = tuple(map(note.unb64, hashes))
    if any(len(item) != HASH_BYTES for item in proof):
        raise Malformed("not a hash")
    return Submission(checkpoint.number(old.removeprefix(_OLD)), proof, tail)


def reading_path(origin: str) -> str:
    """Where a witness shows the newest checkpoint of a log it has cosigned, below its address."""
    return f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
