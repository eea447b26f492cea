"""Entries about the log itself: one spelling each, and their place in the tree."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.append import append_about_log
from consent.ledger.entries import entry as person_entry
from consent.ledger.entries import log_entry
from consent.ledger.entries.log_entry import (
    Closing,
    Index,
    KeyRotation,
    LogEntry,
    MarkEpoch,
    Opening,
    ServedMarks,
    Why,
)
from consent.ledger.errors import Malformed
from consent.ledger.formats.note import VerifierKey
from consent.ledger.tree import leaf_hash
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, grow

ID = bytes(range(16))
ROOT = bytes(range(32))
ALL: list[LogEntry] = [
    Index(id=ID, ts=NOW, upto=300, rows=5, root=ROOT),
    KeyRotation(id=ID, ts=NOW, key=VerifierKey(f"{HOST}/{YEAR}/0", ROOT)),
    Opening(
        id=ID, ts=NOW, before=f"{HOST}/{YEAR - 1}/0", size=9, root=ROOT, checkpoint_sha256=ROOT, why=Why.YEAR
    ),
    Opening(
        id=ID,
        ts=NOW,
        before=f"{HOST}/{YEAR}/0",
        size=9,
        root=ROOT,
        checkpoint_sha256=ROOT,
        why=Why.DAMAGE,
        incident_sha256=ROOT,
    ),
    Closing(id=ID, ts=NOW, after=f"{HOST}/{YEAR + 1}/0", why=Why.DAMAGE),
    MarkEpoch(id=ID, ts=NOW, epoch=2, commitment=ROOT),
    ServedMarks(id=ID, ts=NOW, count=7, root=ROOT),
]
KINDS = pytest.mark.parametrize(
    "about",
    ALL,
    ids=["index", "key rotation", "opening", "opening for damage", "closing", "mark epoch", "served marks"],
)


@KINDS
def test_an_entry_about_the_log_survives_its_bytes(about: LogEntry):
    data = log_entry.encode(about)

    assert log_entry.parse(data) == about
    assert log_entry.is_about_log(data)


def test_the_layout_of_an_index_entry_is_frozen():
    assert log_entry.encode(ALL[0]).decode() == (
        f'{{"id":"{ID.hex()}","m":5,"r":"{ROOT.hex()}","t":"index","ts":{NOW},"u":300,"v":1}}'
    )


def test_the_layouts_of_entries_about_marks_are_frozen():
    assert log_entry.encode(ALL[5]).decode() == (
        f'{{"e":2,"id":"{ID.hex()}","k":"{ROOT.hex()}","t":"marks","ts":{NOW},"v":1,"w":"epoch"}}'
    )
    assert log_entry.encode(ALL[6]).decode() == (
        f'{{"id":"{ID.hex()}","m":7,"r":"{ROOT.hex()}","t":"marks","ts":{NOW},"v":1,"w":"served"}}'
    )


def test_the_layout_of_an_opening_for_damage_is_frozen():
    assert log_entry.encode(ALL[3]).decode() == (
        f'{{"h":"{ROOT.hex()}","i":"{ROOT.hex()}","id":"{ID.hex()}","o":"{HOST}/{YEAR}/0","r":"{ROOT.hex()}",'
        f'"t":"shard","ts":{NOW},"v":1,"w":"open","y":"damage","z":9}}'
    )


@pytest.mark.parametrize(("why", "incident"), [(Why.YEAR, ROOT), (Why.DAMAGE, None)])
def test_an_opening_has_an_incident_exactly_when_a_log_was_given_up(why, incident):
    about = dataclasses.replace(ALL[2], why=why, incident_sha256=incident)

    with pytest.raises(Malformed):
        log_entry.encode(about)


@KINDS
def test_neither_layout_takes_the_other_ones_bytes(about: LogEntry, backend: Backend):
    of_a_person = grow(backend, 1)[0].body

    with pytest.raises(Malformed):
        person_entry.parse(log_entry.encode(about))
    with pytest.raises(Malformed):
        log_entry.parse(of_a_person)
    assert not log_entry.is_about_log(of_a_person)


@KINDS
@given(data=st.data())
def test_one_changed_member_is_another_entry_or_none(about: LogEntry, data: st.DataObject):
    good = json.loads(log_entry.encode(about))
    name = data.draw(st.sampled_from(sorted(good)))
    bad = good | {name: data.draw(st.one_of(st.integers(), st.text(max_size=4), st.none(), st.booleans()))}
    text = json.dumps(bad, sort_keys=True, separators=(",", ":")).encode()

    try:
        found = log_entry.parse(text)
    except Malformed:
        return
    assert log_entry.encode(found) == text


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"v":1}', b'{"t":"index","v":1}', b"\xff", b"1" * 2000]
)
def test_other_bytes_are_no_entry_about_a_log(text: bytes):
    with pytest.raises(Malformed):
        log_entry.parse(text)


def test_it_takes_the_next_index_and_moves_the_head(backend: Backend):
    grow(backend, 300)

    with backend.data.write() as conn:
        position = append_about_log(conn, LOG, ALL[0], NOW + 5, HOST)
    after = grow(backend, 1, seed=1)[0]

    assert (position.idx, position.n, after.idx) == (300, 0, 301)
    assert position.leaf == leaf_hash(position.body)
    assert log_entry.parse(position.body) == dataclasses.replace(ALL[0], ts=NOW + 5)


def test_it_may_be_the_first_of_its_log(backend: Backend):
    with backend.data.write() as conn:
        position = append_about_log(conn, LOG, ALL[2], NOW, HOST)

    assert (position.idx, grow(backend, 1)[0].idx) == (0, 1)
