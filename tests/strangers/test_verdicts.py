"""Whatever comes in, our parsers and other people's come to the same verdict (invariant 23).

Where a specification lets verifiers differ, the difference has a name here, and then ours is the stricter one.
"""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import aics_tlog
import pytest

from consent.ledger.checking.fsck import Finding
from consent.ledger.errors import LedgerError, Malformed
from consent.ledger.exports.exported import check_log
from consent.ledger.formats import checkpoint, cosignature, note, proof
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import COSIGNER, VerifierKey
from consent.ledger.formats.proof import Proof
from consent.ledger.formats.tiles import bundle, parse_path, perfect_root, split_bundle
from consent.ledger.tree import (
    EMPTY,
    consistency_path,
    inclusion_path,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.strangers.judges import Go, aics_audits, aics_opens, aics_takes_key, sigstore_includes
from vault.signing import signatures

ORIGIN = "ledger.example/perusal/2026/0"
SEED, WITNESS_SEED = bytes(32), bytes([9]) * 32
KEY = VerifierKey(ORIGIN, signatures.public_key(SEED))
WITNESS = cosignature.key_of("witness.example/w1", WITNESS_SEED, COSIGNER)
ENTRIES = [f"entry {at}".encode() for at in range(70)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
COUNT = [300, pytest.param(100_000, marks=pytest.mark.heavy)]
"""How many changes each test makes, every day and in the long run."""
TOKEN = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def hash_at(level: int, index: int) -> bytes:
    return perfect_root(LEAVES[index << level : (index + 1) << level])


def root_of(size: int) -> bytes:
    return EMPTY.extend(LEAVES[:size]).root()


def signed_note() -> bytes:
    head = Checkpoint(ORIGIN, 70, root_of(70))
    line = cosignature.sign(head.text, WITNESS, WITNESS_SEED, 1_795_300_000)
    return checkpoint.sign(head, SEED) + str(line).encode()


def changed(sound: bytes, dice: random.Random) -> bytes:
    """One to three changes: bits, bytes of the format's own alphabet, pieces left out, doubled or moved."""
    data = bytearray(sound)
    for _ in range(dice.randint(1, 3)):
        at, upto = sorted(dice.randrange(len(data) + 1) for _ in range(2))
        match dice.randrange(7):
            case 0 if data:
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            case 1 if data:
                data[dice.randrange(len(data))] = dice.choice(b"\n +=/0159AZaz.\xe2\x80\x94\r\x00")
            case 2:
                data[at:at] = bytes([dice.choice(b"\n +=/0A\xe2\t")])
            case 3:
                del data[at : at + 1]
            case 4 if upto - at < 60:
                del data[at:upto]
            case 5:
                data[at:at] = data[at:upto]
            case _:
                lines = bytes(data).split(b"\n")
                dice.shuffle(lines)
                data = bytearray(b"\n".join(lines)) if dice.randrange(4) == 0 else data
    return bytes(data)


def changes(sound: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The sound bytes, then `count` changes of them."""
    dice = random.Random(seed)
    yield sound
    yield from (changed(sound, dice) for _ in range(count))


def holds(look: Callable[[], object]) -> bool:
    try:
        look()
    except LedgerError:
        return False
    return True


def ours_opens(data: bytes) -> int:
    """How many of the two known keys signed a checkpoint; 0 when it is refused."""
    try:
        checkpoint.verify(data, [KEY])
        return 1 + len(cosignature.verify(note.parse(data), [WITNESS]))
    except LedgerError:
        return 0


def go_opens(go: Go, data: bytes) -> int:
    """The same by Go, whose notes need anybody's known signature: a checkpoint needs the log's."""
    return go.opens(data, [KEY, WITNESS]) if go.opens(data, [KEY]) else 0


def known_difference(data: bytes) -> str:
    """Why two of us may differ about a note, or nothing."""
    if not data.endswith(b"\n"):
        return "aics-tlog does without the last newline"
    lines = [line.split(b" ") for line in data.rpartition(b"\n\n")[2].splitlines()]
    tokens = [line[2] for line in lines if len(line) == 3]
    if any(base64.b64encode(base64.b64decode(token)) != token for token in tokens if TOKEN.fullmatch(token)):
        return "Go reads base64 whose last bits are not zero, which signed-note tells decoders to refuse"
    if len({token[:5] for token in tokens}) < len(tokens):
        return "aics-tlog refuses two lines of one key; signed-note lets a verifier take the first"
    return ""


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_checkpoint_has_one_verdict(go: Go, count: int):
    told = set()
    for data in changes(signed_note(), count, seed=1):
        ours, aics, theirs = ours_opens(data), aics_opens(data, [KEY, WITNESS]), go_opens(go, data)

        told.add(ours)
        assert ours == aics == theirs or known_difference(data), data
        assert ours <= theirs, data
    assert told >= {0, 2}


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_verifier_key_has_one_verdict(go: Go, count: int):
    told = set()
    for data in changes(str(KEY).encode(), count, seed=2):
        text = data.decode("latin-1")
        ours = holds(lambda text=text: VerifierKey.parse(text))

        told.add(ours)
        assert ours == aics_takes_key(text) == go.takes_key(text) or (not ours and in_capitals(text)), text
    assert told == {True, False}


def in_capitals(text: str) -> bool:
    """Others read a key id in capitals too; here a key has one spelling."""
    return text != str(KEY) and text.split("+")[1].lower() == KEY.key_id.hex()


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_inclusion_proof_has_one_verdict(go: Go, count: int):
    dice, told = random.Random(3), set()
    for _ in range(count):
        size = dice.randrange(1, len(ENTRIES) + 1)
        index = dice.randrange(size)
        path, root = inclusion_path(hash_at, index, size), root_of(size)
        entry, index, size, path, root = mutated(dice, ENTRIES[index], index, size, path, root)
        ours = verify_inclusion(leaf_hash(entry), index, size, path, root)

        told.add(ours)
        assert aics_tlog.verify_leaf_inclusion(entry, index, size, path, root) is ours
        assert go.includes(entry, index, size, path, root) is ours
        if 0 <= index < size and all(len(item) == 32 for item in path):
            assert sigstore_includes(entry, index, size, path, root) is ours
    assert told == {True, False}


def mutated(dice: random.Random, entry: bytes, index: int, size: int, path: list[bytes], root: bytes):
    """One thing of a proof changed, or nothing."""
    match dice.randrange(9):
        case 0:
            entry += b"x"
        case 1:
            index = dice.randrange(-1, 80)
        case 2:
            size = dice.randrange(80)
        case 3:
            root = root_of(dice.randrange(71))
        case 4 | 5 if path:
            path = shuffled(dice, path)
        case 6:
            path = [*path, dice.randbytes(32)]
    return entry, index, size, path, root


def shuffled(dice: random.Random, path: list[bytes]) -> list[bytes]:
    at = dice.randrange(len(path))
    match dice.randrange(4):
        case 0:
            return path[:at] + path[at + 1 :]
        case 1:
            return [*path[:at], path[at][:31], *path[at + 1 :]]
        case 2:
            return [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
    return path[::-1]


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_consistency_proof_has_one_verdict(go: Go, count: int):
    dice, told = random.Random(4), set()
    for _ in range(count):
        new = dice.randrange(1, len(ENTRIES) + 1)
        old = dice.randrange(1, new + 1)
        path, roots = consistency_path(hash_at, old, new), [root_of(old), root_of(new)]
        _, old, new, path, roots[0] = mutated(dice, b"", old, new, path, roots[0])
        ours = verify_consistency(old, new, *roots, path)

        told.add(ours)
        assert aics_tlog.verify_consistency(old, new, *roots, path) is ours
        if old > 0:  # Go has no proof from the empty tree, and neither has anybody else
            assert go.continues(old, new, *roots, path) is ours
    assert told == {True, False}


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_proof_file_is_believed_when_strangers_believe_what_it_says(go: Go, count: int):
    sound = bytes(Proof(41, tuple(inclusion_path(hash_at, 41, 70)), signed_note()))
    told = set()
    for data in changes(sound, count, seed=5):
        ours = holds(lambda data=data: proof.verify(proof.parse(data), LEAVES[41], [KEY]))
        index, path, signed = said_by(data)
        theirs = go.opens(signed, [KEY]) > 0 and go.includes(ENTRIES[41], index, 70, path, root_of(70))

        told.add(ours)
        assert ours == theirs or (not ours and known_difference(signed)), data
    assert told == {True, False}


def said_by(data: bytes) -> tuple[int, list[bytes], bytes]:
    """What a proof file says, read as simply as can be: index, path, note; nothing for one in another spelling."""
    head, _, tail = data.partition(b"\n\n")
    lines = head.split(b"\n")
    try:
        index = int(lines[1].removeprefix(b"index "))
        path = [base64.b64decode(line) for line in lines[2:]]
    except (ValueError, IndexError):
        return 0, [], b""
    written = [b"c2sp.org/tlog-proof@v1", b"index %d" % index, *map(base64.b64encode, path), b"", tail]
    return (index, path, tail) if b"\n".join(written) == data and 0 <= index < 2**63 else (0, [], b"")


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_tile_path_has_one_verdict(count: int):
    told = set()
    for sound in (b"tile/0/x001/x234/067", b"tile/3/001.p/17", b"tile/entries/x001/000.p/255"):
        for data in changes(sound, count // 3, seed=6):
            text = data.decode("latin-1")
            ours = holds(lambda text=text: parse_path(text))

            told.add(ours)
            assert ours == aics_takes_path(text) or (not ours and known_otherwise(text)), text
    assert told == {True, False}


def aics_takes_path(text: str) -> bool:
    for read in (aics_tlog.tiles.parse_tile_path, aics_tlog.tiles.parse_entry_bundle_path):
        try:
            read(text)
        except ValueError:
            continue
        return True
    return False


def known_otherwise(text: str) -> bool:
    """Levels up to 63, though a tree of 2^64 entries ends at level 7; and groups of zeros before the first digit."""
    return re.match(r"tile/(?:([89]|[1-6][0-9])/|(?:[0-9]+|entries)/x000/)", text) is not None


@pytest.mark.parametrize("count", COUNT)
def test_a_changed_entry_bundle_has_one_verdict(count: int):
    told = set()
    for data in changes(bundle(ENTRIES[:5]), count, seed=7):
        try:
            theirs = aics_tlog.tiles.parse_entry_bundle(data)
        except ValueError:
            theirs = None
        try:
            ours = split_bundle(data, 5 if theirs is None else len(theirs))
        except Malformed:
            ours = None

        told.add(ours is None)
        assert ours == theirs, data
    assert told == {True, False}


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.heavy)])
def test_a_changed_tree_of_files_has_one_verdict(go: Go, tmp_path: Path, count: int):
    entries = [f"entry {at}".encode() for at in range(600)]
    head = Checkpoint(ORIGIN, 600, EMPTY.extend(map(leaf_hash, entries)).root())
    files = aics_tlog.tiles.materialise_tiles(entries)
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    dice, told = random.Random(8), set()

    for _ in range(count):
        path = dice.choice(sorted(files))
        data = changed(files[path], dice)
        (tmp_path / path).write_bytes(data)
        ours = not any(isinstance(step, Finding) for step in check_log(tmp_path, head))

        told.add(ours)
        assert ours == go.rebuilds(tmp_path, head) == (data == files[path]), path
        # aics-tlog looks at as many hashes of a tile as there should be, and not at what follows them.
        assert aics_audits(tmp_path, head) == ours or data.startswith(files[path]), path
        (tmp_path / path).write_bytes(files[path])
    assert go.rebuilds(tmp_path, head)
    assert False in told
