"""The single checks a bundle must pass; each raises Malformed or Unproven, and the caller names the place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consent.ledger.bundles import layout
from consent.ledger.bundles.layout import Folder, IndexParts
from consent.ledger.bundles.revealed import Key
from consent.ledger.entries import log_entry
from consent.ledger.entries.commitment import Revealed, verify_revealed
from consent.ledger.entries.entry import Entry
from consent.ledger.entries.entry import parse as parse_entry
from consent.ledger.entries.log_entry import Index
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import jws, note, policy, proof
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Accepted, Policy
from consent.ledger.indexes import index_proof
from consent.ledger.indexes.index import Row
from consent.ledger.origin import parse_origin
from consent.ledger.tree import leaf_hash, verify_inclusion
from vault.ids import encode_id

SKEW_MS: Final = 300_000
"""How far the clocks of a log and of its witnesses may be apart."""

_SAME = {
    "aud": "recipient",
    "fields": "fields",
    "grant": "grant",
    "purpose": "purpose",
    "recipient": "recipient",
    "use": "use",
}
"""Receipt member -> opened field that must say the same, where the bundle shows it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is proven of an entry, for its receipt to agree with."""

    origin: str
    index: int
    leaf: bytes
    entry: Entry
    fields: Mapping[str, str]


def own_policy(members: Mapping[str, bytes]) -> Policy:
    """The keys a bundle brings along, in their only spelling."""
    given = members[layout.POLICY_NAME], members[layout.KEYS_NAME]
    try:
        found = policy.parse(given[0].decode(), given[1].decode("ascii"))
    except UnicodeDecodeError:
        raise Malformed("policy.txt or keys.json is not plain text") from None
    if (found.text.encode(), found.keys_json.encode()) != given:
        raise Malformed("policy.txt or keys.json in another spelling")
    return found


def head(folder: Folder, keys: Policy) -> Accepted:
    """The folder's checkpoint: signed by its own log, of this folder's year and bucket, without a stray line."""
    accepted = keys.accept(folder.checkpoint)
    found, signed = accepted.checkpoint, note.parse(folder.checkpoint)
    if len(note.verify(signed, keys.logs)) + len(accepted.cosigned) != len(signed.signatures):
        raise Unproven("a signature by an unknown key")
    if layout.folder_name(parse_origin(found.origin)[1]) != folder.name:
        raise Unproven("a checkpoint of another log")
    return accepted


def inclusion(data: bytes, leaf: bytes, index: int, folder: Folder, found: Checkpoint) -> None:
    """The proof file: this index, the folder's checkpoint, nothing unauthenticated, and a path that holds."""
    given = proof.parse(data)
    if bytes(given) != data or given.extra is not None or given.index != index:
        raise Malformed("a proof of another index, or with more in it than a proof")
    if given.checkpoint != folder.checkpoint:
        raise Unproven("a proof under another checkpoint")
    if not verify_inclusion(leaf, index, found.size, given.path, found.root):
        raise Unproven("the path does not lead to the signed root")


def opening(openings: Mapping[Key, Revealed], found: Checkpoint, index: int, entry: Entry) -> Revealed:
    """What is shown of an entry, as committed to."""
    shown = openings.get((found.origin, index))
    if shown is None:
        raise Malformed("no opening for this entry")
    if not verify_revealed(entry.commitment, shown):
        raise Unproven("what is shown is not what was committed to")
    return shown


def chain(data: bytes, proven: Sequence[bytes], row: Row | None) -> list[bytes]:
    """Entries n = 1, 2, ... of one tag, each hashing the one before; all others here are among them. Their leaf hashes.

    The last of them is proven, or the one that the index's `row` ends with: then they are all there are.
    """
    lines = data.split(b"\n")
    if lines.pop() or not lines or not set(proven) <= set(lines):
        raise Malformed("the chain does not run up to a proven entry")
    leaves = _linked(lines)
    counted = row is not None and leaves[row.n - 1 : row.n] == [row.leaf]
    if row is not None and (not counted or parse_entry(lines[0]).tag != row.tag):
        raise Unproven("the chain is not the one that the index counts")
    if lines[-1] not in proven and not (row is not None and len(lines) == row.n):
        raise Unproven("nothing proves the end of the chain")
    return leaves


def _linked(lines: Sequence[bytes]) -> list[bytes]:
    """The leaf hashes of a chain; raises Unproven where it breaks."""
    entries, leaves, previous = [parse_entry(line) for line in lines], [], bytes(32)
    for number, (line, entry) in enumerate(zip(lines, entries, strict=True), 1):
        if (entry.n, entry.previous, entry.tag) != (number, previous, entries[0].tag):
            raise Unproven(f"the chain breaks at entry number {number}")
        previous = leaf_hash(line)
        leaves.append(previous)
    return leaves


def index_entry(parts: IndexParts, folder: Folder, accepted: Accepted) -> Index:
    """The index entry of a folder, proven under its checkpoint, and dated no later than its witnesses saw it."""
    entry = log_entry.parse(parts.entry)
    if not isinstance(entry, Index):
        raise Malformed("an entry about the log that is no index")
    given = proof.parse(parts.proof)
    if given.index < entry.upto:
        raise Unproven("an index that speaks of what comes after it")
    inclusion(parts.proof, leaf_hash(parts.entry), given.index, folder, accepted.checkpoint)
    if any(entry.ts > one.at_s * 1000 + SKEW_MS for one in accepted.cosigned):
        raise Unproven("an index that is dated after its witnesses saw it")
    return entry


def index_row(data: bytes, index: Index) -> tuple[bytes, Row | None]:
    """The tag a person looked for and its row, None where the index has none."""
    found = index_proof.parse(data)
    if bytes(found) != data:
        raise Malformed("a proof about an index in another spelling")
    return found.tag, index_proof.verify(found, index)


def receipt(data: bytes, claim: Claim, keys: Policy) -> tuple[Mapping[str, Any], bytes]:
    """A receipt's payload and signer; it must name exactly the proven entry and repeat what is shown of it."""
    try:
        token = data.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("not a receipt") from None
    payload, signer = jws.verify(token, keys.receipt_keys)
    expected = (claim.origin, claim.index, claim.leaf.hex(), claim.entry.commitment.hex())
    named = tuple(payload.get(name) for name in ("log", "index", "leaf", "commitment"))
    if named != expected or type(named[1]) is not int:
        raise Unproven("the receipt names another entry")
    # A disclosure's entry bears the disclosure's own id.
    own = encode_id("ds", claim.entry.id)
    if payload.get("disclosure", own) != own:
        raise Unproven("the receipt names another disclosure")
    for member, name in _SAME.items():
        if member in payload and name in claim.fields and _text(payload[member]) != claim.fields[name]:
            raise Unproven(f"the receipt's {member} is not what was committed to")
    return payload, signer


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
