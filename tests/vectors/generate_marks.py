"""Writes the known answers of marks: `python -m tests.vectors.generate_marks [FOLDER]`.

A second implementation that imports nothing of consent: HMAC from its definition (RFC 2104), the message laid out by
hand, biases by exact fractions. Frozen: what was served with these bits is out in the world.
"""

import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

PROVENANCE = "tests/vectors/generate_marks.py: a second implementation that shares no code with consent/"
LAW = (("0.2113", 30), ("0.7887", 30), ("0.1127", 15), ("0.8873", 15), ("0.5", 10))
POSITIONS = (
    ("phone", 1, "phone.hyphens"),
    ("phone", 2, "phone.hyphens"),
    ("address", 1, "address.spaces"),
    ("姓名", 2**40, "排序"),
    ("f", 0, ""),
)
RECIPIENTS = ("", "org_0123456789abcdefghijklmnop", "机构")


def material(label: str, length: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(length)


def mac(key: bytes, message: bytes) -> bytes:
    block = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in block) + message).digest()
    return hashlib.sha256(bytes(one ^ 0x5C for one in block) + inner).digest()


def text(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def number(key: bytes, message: bytes) -> Fraction:
    return Fraction(int.from_bytes(mac(key, message), "big") >> 203, 2**53)


def chosen(u: Fraction) -> Fraction:
    at = 0
    for value, share in LAW:
        at += share
        if u * 100 < at:
            return Fraction(value)
    raise AssertionError("the shares add up to 100")


def case(key: bytes, subject: bytes, record: bytes, position: tuple[str, int, str]) -> dict[str, object]:
    field, version, carrier = position
    where = text(subject) + text(record) + text(field.encode()) + version.to_bytes(8, "big")
    where += text(carrier.encode())
    p = chosen(number(key, b"\x01\x01" + text(b"") + where))
    bits = {
        who: int(number(key, b"\x01\x02" + text(who.encode()) + where) < Fraction(float(p)))
        for who in RECIPIENTS
    }
    return {
        "key": key.hex(),
        "subject": subject.hex(),
        "record": record.hex(),
        "field": field,
        "version": version,
        "carrier": carrier,
        "encoded": where.hex(),
        "bias": float(p),
        "symbols": bits,
    }


def main(folder: Path) -> None:
    cases = [
        case(
            material(f"mark key {n}", 32),
            material(f"person {n}", 16),
            material("record", 16) if n else bytes(16),
            at,
        )
        for n in range(6)
        for at in POSITIONS
    ]
    document = {"provenance": PROVENANCE, "cases": cases}
    (folder / "mark_symbols.json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
