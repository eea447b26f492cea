"""Time stamps against an authority of somebody else's making: `openssl ts`, which also verifies what we keep."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.authority import Authority
from vault.signing.timestamps import NotStamped, Question, ask, verify

MESSAGE = b"a checkpoint\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def asked() -> Question:
    return ask(MESSAGE)


@pytest.fixture(scope="module")
def answer(authority: Authority, asked: Question) -> bytes:
    return authority.answer(asked.der)


def test_an_answer_says_when(authority: Authority, asked: Question, answer: bytes):
    at_ms = verify(answer, MESSAGE, authority.roots, nonce=asked.nonce)

    assert abs(at_ms - time.time() * 1000) < 600_000


def test_openssl_verifies_the_answer_we_keep(authority: Authority, answer: bytes):
    assert authority.verifies(answer, MESSAGE)
    assert not authority.verifies(answer, MESSAGE + b"x")


def test_an_answer_about_other_bytes_is_refused(authority: Authority, answer: bytes):
    with pytest.raises(NotStamped):
        verify(answer, MESSAGE + b"x", authority.roots)


def test_an_answer_that_was_given_before_is_no_answer_to_a_new_question(authority: Authority, answer: bytes):
    with pytest.raises(NotStamped):
        verify(answer, MESSAGE, authority.roots, nonce=ask(MESSAGE).nonce)


def test_an_authority_nobody_trusts_is_refused(authority: Authority, answer: bytes, tmp_path: Path):
    other = Authority.made(tmp_path)

    with pytest.raises(NotStamped):
        verify(answer, MESSAGE, other.roots)
    with pytest.raises(NotStamped):
        verify(other.answer(ask(MESSAGE).der), MESSAGE, authority.roots)


def test_a_refusal_is_no_stamp(authority: Authority):
    with pytest.raises(NotStamped):
        verify(authority.answer(b"not a question"), MESSAGE, authority.roots)


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80" * 40, bytes(70_000)])
def test_what_is_no_answer_is_refused(authority: Authority, data: bytes):
    with pytest.raises(NotStamped):
        verify(data, MESSAGE, authority.roots)


@pytest.mark.parametrize("pem", [b"", b"no certificate"])
def test_trust_needs_a_certificate(answer: bytes, pem: bytes):
    with pytest.raises(NotStamped):
        verify(answer, MESSAGE, pem)


def test_a_changed_answer_never_says_another_time_or_speaks_of_other_bytes(
    authority: Authority, asked: Question, answer: bytes
):
    """A few bytes of the form are free, such as those around the certificates; what is signed is not."""
    sound, dice, refused = verify(answer, MESSAGE, authority.roots), random.Random(0), 0
    for at in range(len(answer)):
        changed = bytearray(answer)
        changed[at] ^= 1 << dice.randrange(8)
        try:
            assert verify(bytes(changed), MESSAGE, authority.roots, nonce=asked.nonce) == sound
        except NotStamped:
            refused += 1
    assert refused > len(answer) // 2
