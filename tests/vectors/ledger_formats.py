"""Writes the frozen examples of the ledger's own formats: `python -m tests.vectors.ledger_formats`.

The layouts are drawn in `consent.ledger.entries.entry`, `commitment`, `openings`, `signer` and `container`. The file
this writes is never to change: every byte in it stands in somebody's ledger already.
"""

import json
from pathlib import Path
from typing import Any

from consent.ledger.bundles import container
from consent.ledger.entries import entry
from consent.ledger.entries.commitment import Opening, Shown, commit, reveal
from consent.ledger.entries.entry import Kind
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.proof import Proof
from consent.ledger.openings import tag_of
from consent.ledger.origin import LogId, origin_at, origin_of
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import EMPTY, leaf_hash

FILE = Path(__file__).with_name("ledger_formats.json")
HOST = "ledger.example/perusal"
NOW = 1_795_300_000_000
FIELDS = (
    ("recipient", "rc_example"),
    ("purpose", "parcel-delivery"),
    ("fields", "name,phone"),
    ("note", "寄件"),
)


def _numbered(start: int, count: int) -> bytes:
    return bytes(range(start, start + count))


def examples() -> dict[str, Any]:
    origin = origin_at(HOST, 3, NOW)
    secret, ledger_key = _numbered(0, 32), _numbered(100, 32)
    opening = Opening(secret, FIELDS)
    commitment, tag = commit(secret, FIELDS), tag_of(ledger_key, origin)
    first = entry.body(Kind.GRANT, NOW, tag, 1, bytes(32), commitment, _numbered(16, 16))
    second = entry.body(Kind.ACCESS, NOW + 1, tag, 2, leaf_hash(first), commitment, _numbered(32, 16))
    leaves = [leaf_hash(first), leaf_hash(second)]
    signer = Signer(HOST, _numbered(200, 32))
    note = signer.sign(Checkpoint(origin, 2, EMPTY.extend(leaves).root()))
    return {
        "provenance": "Written by tests/vectors/ledger_formats.py; formats of this project, frozen.",
        "origin": {"host": HOST, "now_ms": NOW, "bucket": 3, "origin": origin_of(HOST, LogId(3, 2026))},
        "commitment": {
            "secret": secret.hex(),
            "fields": [list(field) for field in FIELDS],
            "nonces": [item.nonce.hex() for item in reveal(opening) if isinstance(item, Shown)],
            "commitment": commitment.hex(),
        },
        "tag": {"ledger_key": ledger_key.hex(), "tag": tag.hex()},
        "entries": [first.decode(), second.decode()],
        "leaves": [leaf.hex() for leaf in leaves],
        "log": {"root_key": signer.root.hex(), "vkey": str(signer.key(origin)), "checkpoint": note.decode()},
        "proof": bytes(Proof(1, (leaves[0],), note)).decode(),
        "container": container.write({"README.txt": b"hello\n", "log/a": b""}).hex(),
    }


def text() -> str:
    return json.dumps(examples(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
