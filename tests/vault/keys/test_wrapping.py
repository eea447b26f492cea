"""Keys under keys: bound to their context, and contexts that never blur."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.keys.wrapping import WRAPPED_BYTES, context, unwrap, wrap
from vault.sealing.sealed import Unopenable

CIPHER = AESGCM(bytes(range(32)))
parts = st.lists(st.binary(max_size=20), max_size=5)


@given(parts, parts)
def test_two_contexts_never_read_alike(one, other):
    assume(one != other)
    assert context(*one) != context(*other)


def test_texts_and_numbers_have_one_form():
    assert context("sk", 1) == context(b"sk", bytes(7) + b"\1")


def test_a_key_comes_back_under_its_context_only():
    wrapped = wrap(CIPHER, b"k" * 32, b"one")
    assert len(wrapped) == WRAPPED_BYTES
    assert unwrap(CIPHER, wrapped, b"one") == b"k" * 32
    with pytest.raises(Unopenable):
        unwrap(CIPHER, wrapped, b"other")
    with pytest.raises(Unopenable):
        unwrap(AESGCM(bytes(32)), wrapped, b"one")


def test_every_changed_byte_and_every_other_length_is_refused():
    wrapped = wrap(CIPHER, b"k" * 32, b"")
    altered = [wrapped[:at] + bytes((wrapped[at] ^ 1,)) + wrapped[at + 1 :] for at in range(len(wrapped))]
    for bad in [*altered, b"", wrapped[:-1], wrapped + b"\0"]:
        with pytest.raises(Unopenable):
            unwrap(CIPHER, bad, b"")


def test_wrapping_twice_never_repeats_a_nonce():
    assert len({wrap(CIPHER, b"k" * 32, b"")[:12] for _ in range(2_000)}) == 2_000
