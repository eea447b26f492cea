"""Signed notes and checkpoints against the specification's example and another log's published output."""

import json

import pytest

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.tree import EMPTY, EMPTY_ROOT, leaf_hash
from tests.vectors import ledger_formats
from vault.signing import signatures

KNOWN = json.loads(ledger_formats.FILE.with_name("ledger_known.json").read_text())
SEED, OTHER = bytes(32), bytes([1]) * 32
TEXT = "log.example/1\n0\n" + "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" + "\n"


def _key(name: str, seed: bytes = SEED) -> VerifierKey:
    return VerifierKey(name, signatures.public_key(seed))


def test_the_example_of_the_specification_verifies():
    key = VerifierKey.parse(KNOWN["note"]["vkey"])
    parsed = note.parse(KNOWN["note"]["note"].encode())

    assert note.verify(parsed, [key]) == (key,)
    assert parsed.text == "This is an example message.\n"
    assert str(key) == KNOWN["note"]["vkey"]


def test_another_programs_log_is_reproduced_byte_for_byte():
    log = KNOWN["tessera"]
    key = VerifierKey.parse(log["vkey"])
    frontier = EMPTY

    for size, published in enumerate(log["checkpoints"]):
        mine = Checkpoint(key.name, size, frontier.root())
        assert checkpoint.sign(mine, bytes.fromhex(log["seed"])) == published.encode()
        assert checkpoint.verify(published.encode(), [key]) == mine
        frontier = frontier.extend([leaf_hash(entry.encode()) for entry in log["entries"][size : size + 1]])


def test_a_key_that_holds_a_plus_in_its_base64_is_split_at_the_first_two_only():
    keys = [_key("a.example", bytes([at]) * 32) for at in range(64)]

    assert any(str(key).count("+") > 2 for key in keys)
    assert [VerifierKey.parse(str(key)) for key in keys] == keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "exa mple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
    ],
)
def test_a_verifier_key_in_any_other_shape_is_refused(text: str):
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


def test_signatures_by_unknown_keys_are_passed_over():
    mine, theirs = note.sign(TEXT, "log.example/1", SEED), note.sign(TEXT, "witness", OTHER)
    both = note.Note(TEXT, theirs.signatures + mine.signatures)

    assert note.verify(both, [_key("log.example/1")]) == (_key("log.example/1"),)
    assert note.parse(bytes(both)) == both


def test_a_known_keys_wrong_signature_refuses_the_whole_note():
    good, forged = note.sign(TEXT, "log.example/1", SEED), note.sign("other\n", "witness", OTHER)
    both = note.Note(TEXT, good.signatures + forged.signatures)

    with pytest.raises(Unproven):
        note.verify(both, [_key("log.example/1"), _key("witness", OTHER)])


def test_a_note_nobody_known_signed_is_refused():
    with pytest.raises(Unproven):
        note.verify(note.sign(TEXT, "log.example/1", SEED), [_key("log.example/1", OTHER)])


def test_the_last_empty_line_divides_text_from_signatures():
    signed = note.sign("one\n\ntwo\n", "a", SEED)

    assert note.parse(bytes(signed)).text == "one\n\ntwo\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        "text\n\n\u2014 a QUJDREU=".encode(),
        b"text\n\n- a QUJDREU=\n",
        "text\n\n\u2014  a QUJDREU=\n".encode(),
        "text\n\n\u2014 a+b QUJDREU=\n".encode(),
        "text\n\n\u2014 a QUJDREU\n".encode(),
        "text\n\n\u2014 a QUJDREV=\n".encode(),
        "text\n\n\u2014 a QUJDRA==\n".encode(),
        "te\txt\n\n\u2014 a QUJDREU=\n".encode(),
        b"\xff\n\n\xe2\x80\x94 a QUJDREU=\n",
        ("text\n\n" + "\u2014 a QUJDREU=\n" * 65).encode(),
        b"x" * 262_145,
    ],
)
def test_bytes_that_are_no_note_are_refused(data: bytes):
    with pytest.raises(Malformed):
        note.parse(data)


def test_a_text_without_final_newline_cannot_be_signed():
    with pytest.raises(Malformed):
        note.sign("text", "a", SEED)


def test_the_log_itself_must_have_signed_its_checkpoint():
    found = Checkpoint("log.example/1", 0, EMPTY_ROOT)
    by_other = bytes(note.sign(found.text, "witness", OTHER))

    with pytest.raises(Unproven):
        checkpoint.verify(by_other, [_key("witness", OTHER)])


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "extension\n",
        TEXT.removesuffix("\n"),
        TEXT.replace("\n0\n", "\n00\n"),
        TEXT.replace("\n0\n", "\n-1\n"),
        TEXT.replace("\n0\n", "\n+1\n"),
        TEXT.replace("\n0\n", f"\n{2**63}\n"),
        TEXT.replace("log.example/1", "log example"),
        TEXT.replace("47DE", "57DE"),
        "log.example/1\n1\nAAAA\n",
    ],
)
def test_a_checkpoint_in_any_other_shape_is_refused(text: str):
    with pytest.raises(Malformed):
        checkpoint.parse_text(text)
