"""Writes the known answers of split root keys: `python -m tests.vectors.generate_shares [FOLDER]`.

A second implementation that imports nothing of the vault: logarithm tables to the base 3 where the vault
multiplies bit by bit, powers added up where it uses Horner's rule, base32 from its definition. Frozen: a share
on paper must open its root for ever.
"""

import hashlib
import json
import sys
from pathlib import Path

PROVENANCE = "tests/vectors/generate_shares.py: a second implementation that shares no code with vault/"
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def tables() -> tuple[list[int], dict[int, int]]:
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        doubled = value << 1
        value ^= doubled ^ 0x11B if doubled & 0x100 else doubled
    return powers, {power: at for at, power in enumerate(powers)}


POWERS, LOGS = tables()


def times(a: int, b: int) -> int:
    return POWERS[(LOGS[a] + LOGS[b]) % 255] if a and b else 0


def power(x: int, exponent: int) -> int:
    return POWERS[LOGS[x] * exponent % 255]


def material(label: str, length: int) -> bytes:
    return hashlib.shake_256(label.encode()).digest(length)


def part(coefficients: list[bytes], x: int) -> bytes:
    values = []
    for column in zip(*coefficients, strict=True):
        total = 0
        for exponent, coefficient in enumerate(column):
            total ^= times(coefficient, power(x, exponent))
        values.append(total)
    return bytes(values)


def text(body: bytes) -> str:
    raw = body + hashlib.sha256(b"perusal/share" + body).digest()[:6]
    number = int.from_bytes(raw, "big")
    letters = "".join(ALPHABET[number >> shift & 31] for shift in range(395, -1, -5))
    return "pss_" + "-".join(letters[at : at + 5] for at in range(0, 80, 5))


def case(k: int, n: int) -> dict[str, object]:
    label = f"shares {k} of {n}"
    secret, set_id = material(f"{label} secret", 32), material(f"{label} set", 8)
    entropy = [material(f"{label} coefficient {degree}", 32) for degree in range(1, k)]
    shares = []
    for x in range(1, n + 1):
        y = part([secret, *entropy], x)
        commitment = hashlib.sha256(b"perusal/commitment" + set_id + bytes([x]) + y).hexdigest()
        share = text(bytes([1]) + set_id + bytes([k, n, x]) + y)
        shares.append({"x": x, "y": y.hex(), "commitment": commitment, "text": share})
    return {
        "k": k,
        "n": n,
        "set_id": set_id.hex(),
        "secret": secret.hex(),
        "coefficients": [one.hex() for one in entropy],
        "shares": shares,
    }


def main(folder: Path) -> None:
    cases = [case(k, n) for k, n in ((2, 2), (2, 3), (3, 5), (5, 5), (7, 16))]
    document = {"provenance": PROVENANCE, "cases": cases}
    (folder / "root_shares.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
