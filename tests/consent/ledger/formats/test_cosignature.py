"""Cosignatures: somebody else's known answer, both kinds, and every way in which one may not hold."""

import hashlib
import json
from pathlib import Path

import pytest

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import cosignature, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import COSIGNER, COSIGNER_ML_DSA_44, Note, SignatureLine, VerifierKey

KNOWN = json.loads((Path(__file__).parents[3] / "vectors" / "ledger_known.json").read_text())["cosignature"]
SEED = hashlib.sha256(KNOWN["seed_of"].encode()).digest()
TEXT = Checkpoint("a.example/2026/0", 7, bytes(range(32))).text
KINDS = pytest.mark.parametrize("kind", [COSIGNER, COSIGNER_ML_DSA_44], ids=["ed25519", "ml-dsa-44"])


def test_a_mirrors_published_cosignature_comes_out_byte_for_byte():
    published = note.parse(KNOWN["note"].encode())
    key = cosignature.key_of(KNOWN["name"], SEED)

    assert cosignature.sign(published.text, key, SEED, KNOWN["at_s"]) == published.signatures[0]
    assert [(one.key, one.at_s) for one in cosignature.verify(published, [key])] == [(key, KNOWN["at_s"])]


@KINDS
def test_a_cosignature_says_who_and_when(kind: bytes):
    key = cosignature.key_of("w.example", SEED, kind)
    signed = Note(TEXT, (cosignature.sign(TEXT, key, SEED, 1_795_300_000),))

    assert note.parse(bytes(signed)) == signed
    assert VerifierKey.parse(str(key)) == key
    assert cosignature.verify(signed, [key]) == (cosignature.Cosigned(key, 1_795_300_000),)


@KINDS
def test_a_cosignature_under_another_head_refuses_the_whole(kind: bytes):
    key = cosignature.key_of("w.example", SEED, kind)
    line = cosignature.sign(TEXT, key, SEED, 5)
    other = Checkpoint("a.example/2026/0", 8, bytes(range(32))).text

    with pytest.raises(Unproven):
        cosignature.verify(Note(other, (line,)), [key])


@KINDS
def test_a_cosignature_with_another_time_does_not_hold(kind: bytes):
    key = cosignature.key_of("w.example", SEED, kind)
    line = cosignature.sign(TEXT, key, SEED, 5)
    moved = SignatureLine(line.name, line.key_id, (6).to_bytes(8) + line.signature[8:])

    with pytest.raises(Unproven):
        cosignature.verify(Note(TEXT, (moved,)), [key])


def test_the_form_of_ml_dsa_44_binds_the_cosigners_name():
    mine = cosignature.key_of("w.example", SEED, COSIGNER_ML_DSA_44)
    other = cosignature.key_of("x.example", SEED, COSIGNER_ML_DSA_44)
    line = cosignature.sign(TEXT, mine, SEED, 5)

    with pytest.raises(Unproven):
        cosignature.verify(Note(TEXT, (SignatureLine(other.name, other.key_id, line.signature),)), [other])


@pytest.mark.parametrize(
    "raw", [b"", bytes(8), bytes(72), b"\xff" * 72], ids=["none", "time", "zero", "late"]
)
def test_a_known_cosigner_without_a_time_or_a_signature_is_refused(raw: bytes):
    key = cosignature.key_of("w.example", SEED)

    with pytest.raises(Unproven):
        cosignature.verify(Note(TEXT, (SignatureLine(key.name, key.key_id, raw),)), [key])


def test_cosigners_nobody_knows_and_keys_of_logs_are_ignored():
    log = note.sign(TEXT, "a.example/2026/0", SEED)
    line = cosignature.sign(TEXT, cosignature.key_of("w.example", SEED), SEED, 5)
    signed = Note(TEXT, (*log.signatures, line))
    log_key = VerifierKey("a.example/2026/0", cosignature.key_of("a.example/2026/0", SEED).public)

    assert cosignature.verify(signed, [log_key]) == ()
    assert note.verify(signed, [log_key]) == (log_key,)


def test_a_cosigners_word_is_no_signature_of_a_log():
    key = cosignature.key_of("a.example/2026/0", SEED)
    signed = Note(TEXT, (cosignature.sign(TEXT, key, SEED, 5),))

    with pytest.raises(Unproven):
        note.verify(signed, [key])


@pytest.mark.parametrize("name", ["", "two words", "plus+plus", "x" * 256])
def test_a_cosigner_has_a_plain_name(name: str):
    with pytest.raises(Malformed):
        cosignature.key_of(name, SEED)


@pytest.mark.parametrize("at_s", [0, -1, 2**63])
def test_a_cosignature_bears_a_time(at_s: int):
    with pytest.raises(Malformed):
        cosignature.sign(TEXT, cosignature.key_of("w.example", SEED), SEED, at_s)
