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


def digests(number: int, *texts: str) -> list[tuple[int, int, str | bytes, int]]:
    return [
        (number, shape, hashlib.new(name, text.encode()).digest(), 64)
        for text in texts
        for shape, name in ((32, "md5"), (33, "sha1"), (34, "sha256"))
    ]


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


PHONE, EMAIL, RESIDENT_ID, NAME, PASSPORT, BANK_CARD, ADDRESS, PLATE = 1, 2, 3, 4, 5, 6, 7, 9

TAGGED: list[tuple[dict[str, str], list[tuple[int, int, str | bytes, int]]]] = [
    # (canonical values of a person, every tag of theirs: field number, shape, what is tagged, bits kept)
    (
        {
            "phone": "13800138000",
            "email": "zhang.san+news@gmail.com",
            "resident_id": "11010519491231002X",
            "name": "张三丰",
            "passport": "E12345678",
            "bank_card": "6222021234567890123",
            "address": "440305/科技园路1号3栋501室",
            "birth_date": "1949-12-31",
            "plate": "京A12345",
        },
        [
            (PHONE, 1, "13800138000", 64),
            (PHONE, 2, "1380013", 64),
            (PHONE, 3, "1388000", 64),
            (PHONE, 4, "8000", 64),
            *digests(PHONE, "13800138000", "8613800138000", "+8613800138000"),
            (EMAIL, 1, "zhang.san+news@gmail.com", 64),
            (EMAIL, 9, "zhangsan@gmail.com", 64),
            (EMAIL, 10, "zhang.san+news", 64),
            (EMAIL, 11, "z@gmail.com", 64),
            (EMAIL, 12, "zha@gmail.com", 64),
            *digests(EMAIL, "zhang.san+news@gmail.com"),
            (RESIDENT_ID, 1, "11010519491231002X", 64),
            (RESIDENT_ID, 5, "110105002X", 64),
            (RESIDENT_ID, 6, "1101002X", 64),
            (RESIDENT_ID, 3, "110002X", 64),
            (RESIDENT_ID, 7, "19491231002X", 64),
            (RESIDENT_ID, 8, "110105491231002", 64),
            *digests(RESIDENT_ID, "11010519491231002X", "11010519491231002x"),
            (PASSPORT, 1, "E12345678", 64),
            (PASSPORT, 13, "E5678", 64),
            (BANK_CARD, 1, "6222021234567890123", 64),
            (BANK_CARD, 5, "6222020123", 64),
            (BANK_CARD, 6, "62220123", 64),
            (BANK_CARD, 4, "0123", 64),
            (ADDRESS, 40, "440305", 5),
            (ADDRESS, 41, "科技园路1", 5),
            (ADDRESS, 42, "3-501", 5),
            (PLATE, 1, "京A12345", 64),
            (PLATE, 14, "京A45", 64),
            (PLATE, 15, "京A345", 64),
            (NAME, 16, "张三丰|1388000", 64),
            (NAME, 17, "张三丰|1949-12-31", 64),
            (NAME, 18, "张三丰|002X", 64),
            (NAME, 19, "张|1388000", 64),
        ],
    ),
    (
        # A number from abroad, a short mailbox, somebody born after 1999, a name in letters.
        {
            "phone": "+14155552671",
            "email": "li@xn--fsqu00a.xn--fiqs8s",
            "resident_id": "110105200002290013",
            "name": "ottosmith",
            "plate": "粤B12345D",
        },
        [
            (PHONE, 1, "+14155552671", 64),
            (PHONE, 4, "2671", 64),
            *digests(PHONE, "+14155552671", "14155552671"),
            (EMAIL, 1, "li@xn--fsqu00a.xn--fiqs8s", 64),
            (EMAIL, 9, "li@xn--fsqu00a.xn--fiqs8s", 64),
            (EMAIL, 10, "li", 64),
            (EMAIL, 11, "l@xn--fsqu00a.xn--fiqs8s", 64),
            *digests(EMAIL, "li@xn--fsqu00a.xn--fiqs8s"),
            (RESIDENT_ID, 1, "110105200002290013", 64),
            (RESIDENT_ID, 5, "1101050013", 64),
            (RESIDENT_ID, 6, "11010013", 64),
            (RESIDENT_ID, 3, "1100013", 64),
            (RESIDENT_ID, 7, "200002290013", 64),
            *digests(RESIDENT_ID, "110105200002290013"),
            (PLATE, 1, "粤B12345D", 64),
            (PLATE, 14, "粤B5D", 64),
            (PLATE, 15, "粤B45D", 64),
            (NAME, 18, "ottosmith|0013", 64),
        ],
    ),
    (
        {"phone": "13912345678", "name": "欧阳锋"},
        [
            (PHONE, 1, "13912345678", 64),
            (PHONE, 2, "1391234", 64),
            (PHONE, 3, "1395678", 64),
            (PHONE, 4, "5678", 64),
            *digests(PHONE, "13912345678", "8613912345678", "+8613912345678"),
            (NAME, 16, "欧阳锋|1395678", 64),
            (NAME, 19, "欧阳|1395678", 64),
        ],
    ),
]


def tag_cases() -> list[dict[str, object]]:
    root = material("index root", 32)
    return [
        {
            "index_root": root.hex(),
            "values": values,
            "tags": [tag_case(root, *tagged) for tagged in every],
        }
        for values, every in TAGGED
    ]


def tag_case(root: bytes, number: int, shape: int, tagged: str | bytes, kept: int) -> dict[str, object]:
    kind = number * 64 + shape
    key = HKDFExpand(SHA256(), 32, b"bidx" + struct.pack(">H", kind)).derive(root).hex().encode("ascii")
    message = tagged if isinstance(tagged, bytes) else tagged.encode()
    first = hmac(key, message, "sha256")[:8]
    if kept < 64:
        bits = int.from_bytes(first) >> (64 - kept)
        first = hmac(key, b"\0" + struct.pack(">Q", bits), "sha256")[:8]
    (tag,) = struct.unpack(">q", first)
    return {
        "kind": kind,
        "index_key": key.decode(),
        "tagged": tagged.hex() if isinstance(tagged, bytes) else tagged,
        "kept": kept,
        "tag": str(tag),
    }


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
    for kind, fields in (
        ("use", ["phone"]),
        ("emergency", ["resident_id", "name"]),
        ("copy", ["phone", "email", "name"]),
        ("use", []),
    ):
        statement: dict[str, object] = {
            "kind": kind,
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
        for name in ("kind", "subject", "tenant", "recipient", "purpose", "log_origin", "leaf_hash"):
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
