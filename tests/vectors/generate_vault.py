"""Writes the vault's known answers: `python -m tests.vectors.generate_vault [FOLDER]`.

A second implementation, from the tables in the docstrings and nothing else: it imports nothing of the vault,
spells HMAC out, and uses the cipher-mode interface where the vault uses the one-call interface. Its output is
the same bytes every time; the files beside it are frozen, because data sealed by an old release must open.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

PROVENANCE = "tests/vectors/generate_vault.py: a second implementation that shares no code with vault/"


def main(folder: Path) -> None:
    for name, cases in {
        "vault_sealed": sealed_cases(),
        "vault_tags": tag_cases(),
        "vault_wrapped": wrapped_cases(),
        "vault_permit": permit_cases(),
        "vault_stream": stream_cases(),
    }.items():
        document = {"provenance": PROVENANCE, "cases": cases}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def hmac(key: bytes, message: bytes, digest: str) -> bytes:
    block = hashlib.new(digest).block_size
    key = (hashlib.new(digest, key).digest() if len(key) > block else key).ljust(block, b"\0")
    inner = hashlib.new(digest, bytes(b ^ 0x36 for b in key) + message).digest()
    return hashlib.new(digest, bytes(b ^ 0x5C for b in key) + inner).digest()


def gcm(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def material(label: str, length: int) -> bytes:
    """Reproducible bytes without a pattern."""
    return hashlib.shake_256(label.encode()).digest(length)


def sealed_cases() -> list[dict[str, object]]:
    return [
        sealed_case(at, suite, field, text)
        for suite in (1, 2)
        for at, (field, text) in enumerate(
            [
                ("phone", "13800138000"),
                ("email", "user@example.com"),
                ("name", "张三丰"),
                ("resident_id", "11010519491231002X"),
                ("ledger.secret", ""),
                ("note", "x" * 1_000),
            ]
        )
    ]


def sealed_case(at: int, suite: int, field: str, text: str) -> dict[str, object]:
    label = f"sealed {suite} {at}"
    key, salt = material(f"{label} key", 32), material(f"{label} salt", 24)
    tenant, subject, record = (material(f"{label} {part}", 16) for part in ("tenant", "subject", "record"))
    epoch, schema, version = (1, 2**32 - 1)[at % 2], (1, 65_535)[at % 2], (1, 2**64 - 1)[at % 2]
    header = struct.pack(">BBI", 1, suite, epoch) + salt
    name = field.encode()
    aad = b"pv1" + header + tenant + subject + record + struct.pack(">H", len(name)) + name
    aad += struct.pack(">HQ", schema, version)
    derived = hmac(key, b"pv1/val" + salt, "sha512")
    nonce = salt[12:]
    if suite == 1:
        body = gcm(derived[:32], nonce, text.encode(), aad)
    else:
        body = AESGCMSIV(derived[:32]).encrypt(nonce, text.encode(), aad)
    return {
        "suite": suite,
        "key": key.hex(),
        "epoch": epoch,
        "salt": salt.hex(),
        "tenant": tenant.hex(),
        "subject": subject.hex(),
        "record": record.hex(),
        "field": field,
        "schema": schema,
        "version": str(version),
        "plaintext": text,
        "aad": aad.hex(),
        "blob": (header + derived[32:] + body).hex(),
    }


def tag_cases() -> list[dict[str, object]]:
    root = material("index root", 32)
    samples = [
        ("phone", 1, "13800138000"),
        ("phone", 1, "+14155552671"),
        ("email", 2, "user@example.com"),
        ("email", 2, "张三@xn--fsqu00a.xn--fiqs8s"),
        ("resident_id", 3, "11010519491231002X"),
    ]
    cases: list[dict[str, object]] = []
    for field, number, canonical in samples:
        kind = number * 64 + 1
        key = HKDFExpand(SHA256(), 32, b"bidx" + struct.pack(">H", kind)).derive(root)
        (tag,) = struct.unpack(">q", hmac(key, canonical.encode(), "sha256")[:8])
        cases.append(
            {
                "index_root": root.hex(),
                "field": field,
                "kind": kind,
                "index_key": key.hex(),
                "canonical": canonical,
                "tag": str(tag),
            }
        )
    return cases


def wrapped_cases() -> list[dict[str, object]]:
    tenant, subject = material("wrapping tenant", 16), material("wrapping subject", 16)
    one = struct.pack(">Q", 1)
    parts = {
        "tenant key": [b"tk", tenant, one],
        "person data key": [b"sk", tenant, subject, b"data", one, one],
        "person ledger key": [b"sk", tenant, subject, b"ledger", one, one],
        "index root": [b"ir", tenant, one, one],
        "service key": [b"svc", tenant, b"permit", one, one],
    }
    cases: list[dict[str, object]] = []
    for name, pieces in parts.items():
        kek, key, nonce = (material(f"{name} {w}", n) for w, n in (("kek", 32), ("key", 32), ("nonce", 12)))
        bound = b"".join(struct.pack(">H", len(piece)) + piece for piece in pieces)
        cases.append(
            {
                "name": name,
                "kek": kek.hex(),
                "tenant": tenant.hex(),
                "subject": subject.hex(),
                "context": bound.hex(),
                "key": key.hex(),
                "wrapped": (nonce + gcm(kek, nonce, key, bound)).hex(),
            }
        )
    return cases


def permit_cases() -> list[dict[str, object]]:
    key = material("permit key", 32)
    cases: list[dict[str, object]] = []
    for fields in (["phone"], ["resident_id", "name"], []):
        statement: dict[str, object] = {
            "subject": material("permit subject", 16).hex(),
            "tenant": material("permit tenant", 16).hex(),
            "recipient": "corner-shop",
            "purpose": "delivery",
            "log_origin": "ledger.example/perusal/2026/3",
            "leaf_hash": material("permit leaf", 32).hex(),
            "bucket": 3,
            "at_ms": 1_795_300_000_000,
            "entry_index": 12_345,
            "fields": fields,
        }
        encoded = b""
        for name in ("subject", "tenant", "recipient", "purpose", "log_origin", "leaf_hash"):
            text = str(statement[name])
            raw = bytes.fromhex(text) if name in {"subject", "tenant", "leaf_hash"} else text.encode()
            encoded += struct.pack(">I", len(raw)) + raw
        encoded += struct.pack(">QQQQ", 3, 1_795_300_000_000, 12_345, len(fields))
        for code in fields:
            encoded += struct.pack(">I", len(code)) + code.encode()
        mac = hmac(key, b"pv1/permit" + encoded, "sha256")
        cases.append({"key": key.hex(), **statement, "encoded": encoded.hex(), "mac": mac.hex()})
    return cases


def stream_cases() -> list[dict[str, object]]:
    cases: list[dict[str, object]] = []
    for length in (0, 1, 65_535, 65_536, 65_537, 131_072, 200_000):
        key, salt = material("stream key", 32), material(f"stream salt {length}", 32)
        plaintext = material(f"stream text {length}", length)
        derived = hmac(key, b"pv1/stream" + salt, "sha512")
        sealed = b"\x01" + salt + derived[32:]
        pieces = [plaintext[start : start + 65_536] for start in range(0, length, 65_536)] or [b""]
        for counter, piece in enumerate(pieces):
            nonce = bytes(7) + struct.pack(">IB", counter, counter == len(pieces) - 1)
            sealed += gcm(derived[:32], nonce, piece, b"")
        cases.append(
            {
                "key": key.hex(),
                "salt": salt.hex(),
                "plaintext": f"SHAKE-256('stream text {length}', {length} bytes)",
                "length": length,
                "sealed_length": len(sealed),
                "sealed_head": sealed[:81].hex(),
                "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
            }
        )
    return cases


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
