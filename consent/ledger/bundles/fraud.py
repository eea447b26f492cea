"""Proof that a log lied, in one file: under its own signature, checked by anybody who knows its key, and by
nothing else.

    {"checkpoint": note, "entries": [{"entry", "index", "path"}, ...], "kind", "other": note or "",
     "rows": [{"at", "path", "row"}, ...], "v": 1}

Entries are in the tree of `checkpoint`; rows are in the index that the first entry is. Bytes are standard
base64. Of an honest log no such file exists, whatever its operator does; and it needs nothing from the operator
to be believed.

| kind           | entries                         | rows            | what it shows                                     |
|----------------|---------------------------------|-----------------|---------------------------------------------------|
| hidden_access  | an index, an entry before it    | of `index_proof` | the index counts fewer entries of a tag than exist |
| wrong_row      | an index, the entry a row names | that row        | a row that is not what the entry says             |
| unsorted_rows  | an index                        | i before j      | rows out of order, so that absence could be shown |
| parallel_chain | two entries                     |                 | one tag with two entries of one number            |
| broken_chain   | entry n and n + 1               |                 | the second does not follow the first              |
| split_view     |                                 |                 | `checkpoint` and `other`: one size, two roots     |
| forked         | two leaf hashes of one index    |                 | the first under `checkpoint`, the second under `other`, whatever their sizes |
| duplicate_id   | two entries                     |                 | one id of two entries                             |
| after_closing  | the closing entry, one after it |                 | a log that went on after its end                  |
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from consent.ids import canonical_json
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import Entry
from consent.ledger.entries.entry import parse as parse_entry
from consent.ledger.entries.log_entry import Closing, Index
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, note, strictjson
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.indexes import index_proof
from consent.ledger.indexes.index import Row
from consent.ledger.indexes.index_proof import IndexProof, Place
from consent.ledger.tree import leaf_hash, verify_inclusion

VERSION: Final = 1
MAX_BYTES: Final = 65_536
_MEMBERS: Final = frozenset({"checkpoint", "entries", "kind", "other", "rows", "v"})


class Lie(StrEnum):
    """What a log did that no honest log can do."""

    HIDDEN_ACCESS = "hidden_access"
    WRONG_ROW = "wrong_row"
    UNSORTED_ROWS = "unsorted_rows"
    PARALLEL_CHAIN = "parallel_chain"
    BROKEN_CHAIN = "broken_chain"
    SPLIT_VIEW = "split_view"
    FORKED = "forked"
    DUPLICATE_ID = "duplicate_id"
    AFTER_CLOSING = "after_closing"


@dataclass(frozen=True, slots=True)
class Included:
    """The exact bytes of an entry, its index, and its path under the checkpoint's root; of a fork the leaf hash alone."""

    body: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FraudProof:
    """What the file holds; `checkpoint` and `other` are notes, verbatim."""

    kind: Lie
    checkpoint: bytes
    entries: tuple[Included, ...] = ()
    rows: tuple[Place, ...] = ()
    other: bytes = b""

    def __bytes__(self) -> bytes:
        document = {
            "checkpoint": self.checkpoint.decode(),
            "entries": [
                {
                    "entry": note.b64(one.body),
                    "index": one.index,
                    "path": [note.b64(item) for item in one.path],
                }
                for one in self.entries
            ],
            "kind": self.kind.value,
            "other": self.other.decode(),
            "rows": [
                {"at": one.at, "path": [note.b64(item) for item in one.path], "row": note.b64(bytes(one.row))}
                for one in self.rows
            ],
            "v": VERSION,
        }
        return canonical_json(document).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Fraud:
    """A lie that was proven, and the log that told it."""

    kind: Lie
    checkpoint: Checkpoint


def parse(data: bytes) -> FraudProof:
    """From the file's bytes; raises Malformed unless it is exactly as `bytes` writes it."""
    if len(data) > MAX_BYTES:
        raise Malformed("not a proof of a lie")
    found = strictjson.load(data)
    if not isinstance(found, dict) or found.keys() != _MEMBERS or found["v"] != VERSION:
        raise Malformed("not a proof of a lie")
    try:
        proof = FraudProof(
            kind=Lie(found["kind"]),
            checkpoint=found["checkpoint"].encode(),
            entries=tuple(map(_included, found["entries"])),
            rows=tuple(map(_place, found["rows"])),
            other=found["other"].encode(),
        )
        again = bytes(proof)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise Malformed("not a proof of a lie") from None
    if again != data:
        raise Malformed("a proof of a lie in another spelling")
    return proof


def verify(proof: FraudProof, logs: Sequence[VerifierKey]) -> Fraud:
    """The lie, told by one of `logs`; raises Malformed or Unproven when nothing of the kind is shown."""
    head = checkpoint.verify(proof.checkpoint, logs)
    for one in () if proof.kind is Lie.FORKED else proof.entries:
        if not verify_inclusion(leaf_hash(one.body), one.index, head.size, one.path, head.root):
            raise Unproven("an entry is not in the log")
    if not _SHOWN[proof.kind](proof, head, logs):
        raise Unproven("nothing here that an honest log could not have done")
    return Fraud(proof.kind, head)


def _hidden_access(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    index, (_, hidden) = _indexed(proof, 2), proof.entries
    entry = parse_entry(hidden.body)
    row = index_proof.verify(IndexProof(entry.tag, proof.rows), index)
    return hidden.index < index.upto and (row is None or row.n < entry.n)


def _wrong_row(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    index, (_, named) = _indexed(proof, 2), proof.entries
    if len(proof.rows) != 1 or not index_proof.holds(proof.rows[0], index):
        return False
    row = proof.rows[0].row
    return named.index == row.idx and not _says(row, named)


def _says(row: Row, named: Included) -> bool:
    try:
        entry = parse_entry(named.body)
    except Malformed:  # no entry of a person says anything of a row
        return False
    return (row.tag, row.n, row.leaf) == (entry.tag, entry.n, leaf_hash(named.body))


def _unsorted_rows(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    index = _indexed(proof, 1)
    if len(proof.rows) != 2 or not all(index_proof.holds(place, index) for place in proof.rows):
        return False
    low, high = proof.rows
    return low.at < high.at and low.row.tag >= high.row.tag


def _parallel_chain(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    one, other = _two(proof)
    apart = proof.entries[0].index != proof.entries[1].index
    return apart and (one.tag, one.n) == (other.tag, other.n)


def _broken_chain(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    one, other = _two(proof)
    follows = (one.tag, one.n + 1) == (other.tag, other.n)
    in_order = proof.entries[0].index < proof.entries[1].index
    return follows and not (in_order and other.previous == leaf_hash(proof.entries[0].body))


def _split_view(proof: FraudProof, head: Checkpoint, logs: Sequence[VerifierKey]) -> bool:
    other = _other(proof, head, logs)
    return other.size == head.size and other.root != head.root


def _forked(proof: FraudProof, head: Checkpoint, logs: Sequence[VerifierKey]) -> bool:
    if len(proof.entries) != 2:
        raise Malformed("a fork takes two leaves")
    one, other = proof.entries
    for leaf, under in ((one, head), (other, _other(proof, head, logs))):
        if not verify_inclusion(leaf.body, leaf.index, under.size, leaf.path, under.root):
            raise Unproven("a leaf is not in the log")
    return one.index == other.index and one.body != other.body


def _duplicate_id(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    if len(proof.entries) != 2:
        raise Malformed("such a lie takes two entries")
    one, other = proof.entries
    return one.index != other.index and _id_of(one.body) == _id_of(other.body)


def _after_closing(proof: FraudProof, _head: Checkpoint, _logs: Sequence[VerifierKey]) -> bool:
    if len(proof.entries) != 2:
        raise Malformed("such a lie takes two entries")
    last, after = proof.entries
    return last.index < after.index and isinstance(log_entry.parse(last.body), Closing)


def _id_of(body: bytes) -> bytes:
    return (log_entry.parse(body) if log_entry.is_about_log(body) else parse_entry(body)).id


def _other(proof: FraudProof, head: Checkpoint, logs: Sequence[VerifierKey]) -> Checkpoint:
    """The other head of the same log."""
    other = checkpoint.verify(proof.other, [key for key in logs if key.name == head.origin])
    if other.origin != head.origin:
        raise Unproven("a head of another log")
    return other


_SHOWN: Final[Mapping[Lie, Callable[[FraudProof, Checkpoint, Sequence[VerifierKey]], bool]]] = {
    Lie.HIDDEN_ACCESS: _hidden_access,
    Lie.WRONG_ROW: _wrong_row,
    Lie.UNSORTED_ROWS: _unsorted_rows,
    Lie.PARALLEL_CHAIN: _parallel_chain,
    Lie.BROKEN_CHAIN: _broken_chain,
    Lie.SPLIT_VIEW: _split_view,
    Lie.FORKED: _forked,
    Lie.DUPLICATE_ID: _duplicate_id,
    Lie.AFTER_CLOSING: _after_closing,
}


def _indexed(proof: FraudProof, count: int) -> Index:
    """The index that the first of `count` entries is; nobody has to believe one that counts what comes after it."""
    if len(proof.entries) != count:
        raise Malformed("not the entries that such a lie takes")
    index = log_entry.parse(proof.entries[0].body)
    if not isinstance(index, Index):
        raise Malformed("the first entry is no index")
    return index


def _two(proof: FraudProof) -> tuple[Entry, Entry]:
    if len(proof.entries) != 2:
        raise Malformed("such a lie takes two entries")
    return parse_entry(proof.entries[0].body), parse_entry(proof.entries[1].body)


def _included(found: Mapping[str, Any]) -> Included:
    return Included(
        note.unb64(found["entry"]), _number(found["index"]), tuple(map(note.unb64, found["path"]))
    )


def _place(found: Mapping[str, Any]) -> Place:
    row = Row.parse(note.unb64(found["row"]))
    return Place(_number(found["at"]), row, tuple(map(note.unb64, found["path"])))


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= checkpoint.MAX_SIZE:
        raise Malformed("not a number")
    return value
