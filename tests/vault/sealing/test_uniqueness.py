"""No salt and no nonce comes twice in a million, drawn where the vault draws them (vault.md §6.11)."""

import io
from itertools import islice

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vault.people.made_up import values
from vault.ids import Bucket, new_subject
from vault.keys.keyring import SubjectKey
from vault.keys.wrapping import wrap
from vault.people.drafts import draft_person
from vault.people.enrol import _Draft, _seal
from vault.people.versions import Step, _sealed
from vault.sealing.stream import SealingWriter

EACH = 250_000
KEY = bytes(range(32))
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def enrolled(vault):
    """Salts of new people's values: drawn for a whole person at once and cut apart."""
    drafts = draft_person(vault.keyring.tag_keys, vault.installation.buckets, values(1))
    person = _Draft(0, new_subject(), Bucket(0), drafts * 3)
    key = SubjectKey(person.subject, 1, KEY, KEY)
    while True:
        for *_, blob, _ in _seal(vault, person, key):
            yield blob[6:30]


def changed(vault):
    """Salts of later versions."""
    (draft, *_) = draft_person(vault.keyring.tag_keys, vault.installation.buckets, values(1))
    step = Step(0, Bucket(0), SubjectKey(new_subject(), 1, KEY, KEY), draft)
    while True:
        _, _, blob, _ = _sealed(vault, step, step.key, 2)
        yield blob[6:30]


def wrapped(_vault):
    """Nonces of wrapped keys."""
    cipher = AESGCM(KEY)
    while True:
        yield wrap(cipher, KEY, b"context")[:12]


def streamed(_vault):
    """Salts of sealed files."""
    while True:
        file = io.BytesIO()
        SealingWriter(file, KEY)
        yield file.getvalue()[1:33]


SOURCES = (enrolled, changed, wrapped, streamed)


def repeated(vault, each):
    """By source, how many of so many were there before: as a whole, and as the 12 bytes that are the nonce."""
    found = {}
    for source in SOURCES:
        drawn = list(islice(source(vault), each))
        found[source.__name__] = (each - len(set(drawn)), each - len({one[-12:] for one in drawn}))
    return found


def test_a_million_salts_and_nonces_are_all_different(vault):
    assert repeated(vault, EACH) == {source.__name__: (0, 0) for source in SOURCES}


@pytest.mark.parametrize("period", [1, 100])
def test_a_source_of_randomness_that_repeats_itself_would_be_noticed(vault, monkeypatch, period):
    calls = iter(range(10**6))

    def broken(length):
        return (next(calls) % period).to_bytes(4) * (length // 4)

    monkeypatch.setattr("secrets.token_bytes", broken)

    assert all(whole > 0 and nonce > 0 for whole, nonce in repeated(vault, 2_000).values())


def test_salts_cut_from_one_draw_do_not_overlap(vault, monkeypatch):
    monkeypatch.setattr("secrets.token_bytes", lambda length: bytes(at % 251 for at in range(length)))

    salts = list(islice(enrolled(vault), 8))

    assert b"".join(salts) == bytes(at % 251 for at in range(24 * 8))
