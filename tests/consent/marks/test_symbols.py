"""Bits of recipients: the frozen answers, the law they follow, and that no two questions share a message."""

import json
from collections import Counter
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.marks.symbols import BIASES, Position, Symbols, bias, encode, symbol
from tests.vectors import generate_marks
from vault.ids import PROFILE, RecordId, SubjectId

FOLDER = Path(generate_marks.__file__).parent
CASES = json.loads((FOLDER / "mark_symbols.json").read_text(encoding="utf-8"))["cases"]
KEY = bytes(range(32))
POSITIONS = st.builds(
    Position,
    subject=st.binary(max_size=20).map(SubjectId),
    record=st.binary(max_size=20).map(RecordId),
    field=st.text(max_size=8),
    version=st.integers(0, 2**64 - 1),
    carrier=st.text(max_size=8),
)


def position(case):
    return Position(
        SubjectId(bytes.fromhex(case["subject"])),
        RecordId(bytes.fromhex(case["record"])),
        case["field"],
        case["version"],
        case["carrier"],
    )


def many(count):
    return [Position(SubjectId(n.to_bytes(16, "big")), PROFILE, "phone", 1, "spaces") for n in range(count)]


def test_bits_are_those_of_a_second_implementation_for_ever(tmp_path):
    generate_marks.main(tmp_path)
    assert (tmp_path / "mark_symbols.json").read_bytes() == (FOLDER / "mark_symbols.json").read_bytes()

    for case in CASES:
        key, at = bytes.fromhex(case["key"]), position(case)
        assert encode(at).hex() == case["encoded"]
        assert bias(key, at) == case["bias"]
        assert {who: symbol(key, at, who) for who in case["symbols"]} == case["symbols"]


@given(st.lists(POSITIONS, max_size=6), st.text(max_size=8), st.binary(min_size=32, max_size=32))
def test_many_at_once_answer_as_one_by_one(positions, recipient, key):
    symbols, encoded = Symbols(key), [encode(at) for at in positions]

    biases = symbols.biases(encoded)

    assert list(biases) == [bias(key, at) for at in positions]
    assert list(symbols.of(recipient, encoded, biases)) == [symbol(key, at, recipient) for at in positions]


@given(POSITIONS, POSITIONS)
def test_two_positions_never_share_a_message(one, other):
    assert (encode(one) == encode(other)) == (one == other)
    # Whatever follows, neither is how the other begins.
    assert one == other or not encode(one).startswith(encode(other))


def test_biases_come_as_often_as_the_law_says_and_bits_follow_their_bias():
    count = 20_000
    encoded = [encode(at) for at in many(count)]
    biases = Symbols(KEY).biases(encoded)
    seen = Counter(biases)

    for p, share in BIASES:
        assert abs(seen[p] - share * count) < 5 * sqrt(share * (1 - share) * count)
    bits = Symbols(KEY).of("org_a", encoded, biases)
    for p, _ in BIASES:
        ones = sum(bit for bit, each in zip(bits, biases, strict=True) if each == p)
        assert abs(ones - p * seen[p]) < 5 * sqrt(p * (1 - p) * seen[p])


def test_two_recipients_two_versions_and_two_keys_have_independent_bits():
    count = 20_000
    positions = many(count)
    encoded = [encode(at) for at in positions]
    later = [encode(at._replace(version=2)) for at in positions]
    half = [0.5] * count  # with one bias for all, chance alone makes half of the bits equal
    first = Symbols(KEY).of("org_a", encoded, half)

    for other in (
        Symbols(KEY).of("org_b", encoded, half),
        Symbols(KEY).of("org_a", later, half),
        Symbols(KEY[::-1]).of("org_a", encoded, half),
    ):
        same = sum(a == b for a, b in zip(first, other, strict=True))
        assert abs(same - count / 2) < 5 * sqrt(count) / 2


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match="32 bytes"):
        symbol(bytes(length), many(1)[0], "org_a")
    with pytest.raises(ValueError, match="32 bytes"):
        Symbols(bytes(length))
