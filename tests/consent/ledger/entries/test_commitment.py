"""Commitments: computed here a second time, from the words of the layout."""

import hashlib
import hmac
import json
import secrets

import pytest

from consent.ledger.entries.commitment import Opening, Shown, commit, reveal, verify_revealed
from consent.ledger.errors import Malformed
from tests.vectors import ledger_formats

FROZEN = json.loads(ledger_formats.FILE.read_text(encoding="utf-8"))["commitment"]
SECRET = bytes.fromhex(FROZEN["secret"])
FIELDS = tuple((name, value) for name, value in FROZEN["fields"])
OPENING = Opening(SECRET, FIELDS)
COMMITMENT = bytes.fromhex(FROZEN["commitment"])


def _by_the_words(secret: bytes, fields: tuple[tuple[str, str], ...]) -> bytes:
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    outer = hashlib.sha256(b"ccl/c1\0")
    for at, (name, value) in enumerate(fields):
        info = b"ccl/n1\0" + at.to_bytes(4, "big")
        inner = hashlib.sha256(b"ccl/f1\0" + hmac.new(extracted, info + b"\x01", hashlib.sha256).digest())
        for part in (name.encode(), value.encode()):
            inner.update(len(part).to_bytes(4, "big") + part)
        outer.update(inner.digest())
    return outer.digest()


def test_the_commitment_is_the_one_its_layout_describes():
    assert commit(SECRET, FIELDS) == COMMITMENT == _by_the_words(SECRET, FIELDS)


def test_all_some_or_no_fields_can_be_shown():
    for names in (None, {"recipient"}, {"purpose", "note"}, set()):
        shown = reveal(OPENING, names)

        assert verify_revealed(COMMITMENT, shown)
        assert {item.name for item in shown if isinstance(item, Shown)} == (
            {name for name, _ in FIELDS} if names is None else names
        )


def test_a_changed_moved_dropped_or_added_field_is_noticed():
    shown = list(reveal(OPENING))
    first = shown[0]
    assert isinstance(first, Shown)

    for wrong in (
        [Shown(first.name, "rc_other", first.nonce), *shown[1:]],
        [Shown("recipien", "t" + first.value, first.nonce), *shown[1:]],
        shown[::-1],
        shown[1:],
        [*shown, bytes(32)],
        [shown[0], *shown],
        [],
    ):
        assert not verify_revealed(COMMITMENT, tuple(wrong))


def test_a_nonce_of_another_length_cannot_shift_bytes_between_name_and_value():
    first = reveal(OPENING)[0]
    assert isinstance(first, Shown)
    moved = Shown(first.name, first.value, first.nonce + b"\x00")

    assert not verify_revealed(COMMITMENT, (moved, *reveal(OPENING)[1:]))


def test_equal_fields_under_different_secrets_have_nothing_in_common():
    one, other = reveal(OPENING, set()), reveal(Opening(bytes(32), FIELDS), set())

    assert not set(one) & set(other)


def test_equal_values_in_one_entry_have_different_digests():
    twice = reveal(Opening(SECRET, (("a", "x"), ("b", "x"))), set())

    assert twice[0] != twice[1]


@pytest.mark.parametrize(
    ("secret", "fields"),
    [
        (SECRET[:31], FIELDS),
        (SECRET, ()),
        (SECRET, (("a", "1"), ("a", "2"))),
        (SECRET, tuple((str(at), "") for at in range(65))),
    ],
)
def test_a_short_secret_no_field_a_repeated_name_or_too_many_are_refused(secret, fields):
    with pytest.raises(Malformed):
        commit(secret, fields)


def test_an_opening_does_not_print_its_contents():
    assert "rc_example" not in repr(OPENING)


def test_over_ten_thousand_entries_no_nonce_comes_twice():
    assert_nonces_differ(10_000)


@pytest.mark.heavy
def test_over_a_million_entries_no_nonce_comes_twice():
    assert_nonces_differ(1_000_000)


def assert_nonces_differ(entries: int) -> None:
    """Of two fields each, under secrets made as the server makes them."""
    seen: set[bytes] = set()
    for _ in range(entries):
        shown = reveal(Opening(secrets.token_bytes(32), (("recipient", "rc_1"), ("purpose", "delivery"))))
        nonces = [one.nonce for one in shown if isinstance(one, Shown)]
        assert {len(nonce) for nonce in nonces} == {32}
        seen.update(nonces)
    assert len(seen) == 2 * entries
