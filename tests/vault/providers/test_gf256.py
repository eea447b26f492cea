"""Splitting and combining: the field against published products, secrecy by counting every polynomial."""

import itertools
import json
import secrets
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import generate_shares
from vault.providers.gf256 import combine, invert, multiply, split

FOLDER = Path(generate_shares.__file__).parent
CASES = json.loads((FOLDER / "root_shares.json").read_text(encoding="utf-8"))["cases"]
ELEMENTS = st.integers(0, 255)


def named(case):
    return f"{case['k']} of {case['n']}"


# FIPS 197 §4.2 gives the first three; the others are those of another program's tests for the same field.
@pytest.mark.parametrize(
    ("a", "b", "product"),
    [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (3, 7, 9), (3, 0, 0), (0, 3, 0)],
)
def test_products_are_the_published_ones(a, b, product):
    assert multiply(a, b) == product


def test_the_inverse_is_the_published_one_and_zero_has_none():
    assert invert(0x53) == 0xCA
    assert invert(0) == 0


def test_every_other_element_times_its_inverse_is_one():
    assert all(multiply(a, invert(a)) == 1 for a in range(1, 256))


@given(ELEMENTS, ELEMENTS, ELEMENTS)
def test_multiplication_commutes_associates_and_distributes(a, b, c):
    assert multiply(a, b) == multiply(b, a)
    assert multiply(a, multiply(b, c)) == multiply(multiply(a, b), c)
    assert multiply(a, b ^ c) == multiply(a, b) ^ multiply(a, c)


def test_multiplication_agrees_with_logarithm_tables_everywhere():
    for a, b in itertools.product(range(256), repeat=2):
        assert multiply(a, b) == generate_shares.times(a, b)


@given(st.data(), st.binary(min_size=1, max_size=40))
def test_any_k_of_n_parts_give_the_secret_back(data, secret):
    n = data.draw(st.integers(2, 8))
    k = data.draw(st.integers(2, n))
    parts = list(enumerate(split(secret, k, n), start=1))
    chosen = data.draw(st.permutations(parts))
    assert combine(chosen[:k]) == secret
    assert combine(chosen) == secret


def test_every_choice_of_three_of_five_parts_gives_the_secret_back():
    secret = secrets.token_bytes(32)
    parts = list(enumerate(split(secret, 3, 5), start=1))
    assert {combine(chosen) for chosen in itertools.combinations(parts, 3)} == {secret}


@pytest.mark.parametrize("secret", [0, 1, 0x80, 0xFF])
def test_one_part_of_two_takes_every_value_exactly_once_whatever_the_secret(secret):
    for x in (1, 2, 255):
        seen = Counter(split(bytes((secret,)), 2, 255, lambda _, c=c: bytes((c,)))[x - 1] for c in range(256))
        assert set(seen.values()) == {1}
        assert len(seen) == 256


@pytest.mark.parametrize("secret", [0, 0xA5])
def test_two_parts_of_three_take_every_pair_exactly_once_whatever_the_secret(secret):
    seen = set()
    for coefficients in itertools.product(range(256), repeat=2):
        entropy = iter(coefficients)
        first, _, third = split(bytes((secret,)), 3, 3, lambda _, e=entropy: bytes((next(e),)))
        seen.add((first, third))
    assert len(seen) == 65_536


def test_every_split_asks_for_fresh_coefficients():
    asked = []

    def entropy(length):
        asked.append(length)
        return secrets.token_bytes(length)

    assert split(bytes(32), 3, 5, entropy) != split(bytes(32), 3, 5, entropy)
    assert asked == [32, 32, 32, 32]


def test_fewer_parts_than_needed_give_something_else():
    secret = secrets.token_bytes(32)
    parts = list(enumerate(split(secret, 3, 5), start=1))
    assert all(combine(pair) != secret for pair in itertools.combinations(parts, 2))


@pytest.mark.parametrize(("k", "n"), [(1, 3), (0, 0), (4, 3), (2, 256)])
def test_impossible_numbers_of_parts_are_refused(k, n):
    with pytest.raises(ValueError, match="2 <= k"):
        split(bytes(4), k, n)


@pytest.mark.parametrize("parts", [[(1, b"a"), (1, b"b")], [(1, b"a"), (2, b"bc")], []])
def test_parts_that_cannot_belong_together_are_refused(parts):
    with pytest.raises(ValueError, match="parts"):
        combine(parts)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_known_parts_are_made_and_combined(case):
    entropy = iter(bytes.fromhex(one) for one in case["coefficients"])
    made = split(bytes.fromhex(case["secret"]), case["k"], case["n"], lambda _: next(entropy))
    assert [one.hex() for one in made] == [share["y"] for share in case["shares"]]
    last = [(share["x"], bytes.fromhex(share["y"])) for share in case["shares"][-case["k"] :]]
    assert combine(last).hex() == case["secret"]


def test_the_generator_writes_the_frozen_file_byte_for_byte(tmp_path):
    generate_shares.main(tmp_path)
    assert (tmp_path / "root_shares.json").read_bytes() == (FOLDER / "root_shares.json").read_bytes()
