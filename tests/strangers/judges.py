"""Other people's verifiers, unmodified, under one set of questions: `aics-tlog`, sigstore's trees in Python and
JavaScript, Go.

Each answers True or False; what it says in its own words is not looked at.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aics_tlog
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore.errors import VerificationError

from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey

SIGSTORE = Path(__file__).parents[1] / "clients" / "sigstore_verify.mjs"


@dataclass
class Program:
    """A program that answers questions by the line."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls, *command: str) -> Program:
        return cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question, default=b64) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # what it died of was told already
                    stream.close()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass
class Go:
    """golang.org/x/mod's notes and trees."""

    program: Program

    def opens(self, signed: bytes, keys: Sequence[VerifierKey]) -> int:
        """How many of `keys` signed a note; 0 when it is refused."""
        return int(self.program.ask(do="note", note=signed, keys=list(map(str, keys))).get("lines", 0))

    def takes_key(self, text: str) -> bool:
        return bool(self.program.ask(do="key", keys=[text])["ok"])

    def includes(self, entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
        asked = {"entry": entry, "index": index, "size": size, "path": list(path), "root": root}
        return bool(self.program.ask(do="inclusion", **asked)["ok"])

    def continues(self, old: int, new: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
        asked = {"old": old, "size": new, "oldroot": old_root, "root": root, "path": list(path)}
        return bool(self.program.ask(do="consistency", **asked)["ok"])

    def rebuilds(self, folder: Path, head: Checkpoint) -> bool:
        """Whether the entries in a tlog-tiles folder give each of its tiles, and the root."""
        asked = {"folder": str(folder), "size": head.size, "root": head.root}
        return bool(self.program.ask(do="tree", **asked)["ok"])

    def sums(self, sizes: Sequence[int]) -> list[bytes]:
        """Of the trees whose entries are the decimals from 0 on: each root with a SHA-256 over all tiles behind it."""
        return [base64.b64decode(one) for one in self.program.ask(do="sums", sizes=list(sizes))["sums"]]


@dataclass
class Npm:
    """`@sigstore/verify`: checkpoint and inclusion in one."""

    program: Program

    def includes(
        self, signed: bytes, key: VerifierKey, entry: bytes, index: int, path: Sequence[bytes], root: bytes
    ) -> bool:
        named = {"key": key.public, "key_id": key.key_id, "name": key.name}
        asked = {"note": signed, "entry": entry, "index": index, "path": list(path), "root": root}
        return bool(self.program.ask(**named, **asked)["ok"])


def sigstore_includes(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """sigstore-python's own check of a proof; what a proof may look like at all is checked before it there."""
    proof = SimpleNamespace(log_index=index, tree_size=size, hashes=list(path), root_hash=root)
    try:
        verify_merkle_inclusion(
            SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=entry))
        )
    except VerificationError:
        return False
    return True


def aics_opens(signed: bytes, keys: Sequence[VerifierKey]) -> int:
    """How many of `keys` (the log's first, then Ed25519 witnesses) signed a checkpoint; 0 when it is refused."""
    known = [aics_tlog.parse_vkey(str(key)) for key in keys]
    try:
        found = aics_tlog.verify_checkpoint(aics_tlog.parse_note(signed), known[0], known[1:])
    except ValueError:
        return 0
    return 1 + found.cosignature_count if found.ok else 0


def aics_takes_key(text: str) -> bool:
    try:
        aics_tlog.parse_vkey(text)
    except ValueError:
        return False
    return True


def aics_audits(folder: Path, head: Checkpoint) -> bool:
    """Whether every tile and entry of a tlog-tiles folder leads to this head."""
    try:
        aics_tlog.audit_tiles(aics_tlog.FileSystemTileReader(folder), head.size, head.root)
    except (aics_tlog.TileMissingError, aics_tlog.TileVerificationError, ValueError):
        return False
    return True


def node() -> str | None:
    """The Node.js to run programs with, where our packages are installed."""
    return shutil.which("node") if (SIGSTORE.parent / "node_modules" / "@sigstore").is_dir() else None
