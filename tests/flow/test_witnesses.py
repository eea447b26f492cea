"""Witnesses as outsiders and people meet them: the public checkpoint, a use's bundle, the operator's policy."""

import hashlib
import re

import pytest
from sqlalchemy import event

from api.jobs.cosigning import Cosigning
from api.jobs.holds import Holds
from api.jobs.publisher import Publisher
from api.witnesses import load_witnesses
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.formats import checkpoint, cosignature, note
from consent.ledger.formats.note import VerifierKey
from consent.ledger.publishing.memory import Memory
from tests.flow.installation import open_world
from tests.witness.parties import lying

SEED = hashlib.sha256(b"regulator").digest()
KEY = cosignature.key_of("regulator.example/w1", SEED)


@pytest.fixture
def liar():
    with lying() as found:
        yield found


@pytest.fixture
def world(vault, tmp_path, liar):
    path = tmp_path / "witnesses"
    path.write_text(f"witness regulator {KEY} {liar.url}\nquorum regulator\n")
    made = open_world(vault, tmp_path, witnesses=path)
    with made.http:
        yield made


def _used(world):
    """A person whose data was used once, and the log's address."""
    app, person = world.app(), world.person()
    answer = app.disclose(app.token_for(person)).json()
    _publisher(world).publish_once()
    return person, answer, f"/log/{answer['ledger']['log'].partition('/perusal/')[2]}/checkpoint"


def _publisher(world):
    return Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1)


def test_the_public_checkpoint_waits_for_its_witness_and_then_bears_its_line(world, liar):
    _, _, path = _used(world)
    assert world.http.get(path).status_code == 404

    for text in _texts(world, liar):
        liar.body = str(cosignature.sign(text, KEY, SEED, world.clock() // 1000)).encode()
        _cosigning(world).ask_all()
    world.clock.pass_seconds(1)

    shown = world.http.get(path)
    keys = [VerifierKey.parse(line) for line in world.http.get("/log/keys").text.splitlines()]
    assert checkpoint.verify(shown.content, keys).size > 0
    assert [one.key for one in cosignature.verify(note.parse(shown.content), [KEY])] == [KEY]


def test_without_its_witness_a_checkpoint_is_shown_after_a_minute(world, liar):
    liar.status = 500
    _, _, path = _used(world)
    _cosigning(world).ask_all()
    assert world.http.get(path).status_code == 404

    world.clock.pass_seconds(61)

    assert len(note.parse(world.http.get(path).content).signatures) == 1


def test_a_persons_bundle_and_its_page_bear_the_witness_once_it_has_cosigned(world, liar):
    person, _, _ = _used(world)
    path = re.search(r'href="(/en/uses/ds_\w+/bundle)"', person.get("/en/uses").text)[1]
    early, page = person.get(path).content, path.replace("/bundle", "/proof")
    assert "No witness known here has cosigned" in person.get(page).text
    for text in _texts(world, liar):
        liar.body = str(cosignature.sign(text, KEY, SEED, world.clock() // 1000)).encode()
        _cosigning(world).ask_all()

    late = person.get(path).content

    found = verify_bundle(early), verify_bundle(late)
    assert [one.ok for one in found] == [True, True]
    assert [[one.key for one in by] for by in (found[0].cosigned[0], found[1].cosigned[0])] == [[], [KEY]]
    told = person.get(page).text
    assert "No witness known here has cosigned" not in told
    assert re.search(
        rf"<li>{re.escape(KEY.name)}: \d+ \w+ \d{{4}} \d\d:\d\d:\d\d \(Beijing time\)</li>", told
    )


def test_a_checkpoint_is_worked_out_once_in_a_second_however_often_it_is_asked_for(world, liar):
    _, _, path = _used(world)
    for text in _texts(world, liar):
        liar.body = str(cosignature.sign(text, KEY, SEED, world.clock() // 1000)).encode()
        _cosigning(world).ask_all()
    asked: list[str] = []

    def note_statement(_conn, _cursor, statement, *_):
        asked.append(statement)

    event.listen(world.vault.data.engine, "before_cursor_execute", note_statement)
    try:
        first = world.http.get(path)
        once = len(asked)
        again = [world.http.get(path) for _ in range(3)]
        assert len(asked) == once
        world.clock.pass_seconds(1)
        assert world.http.get(path).content == first.content
    finally:
        event.remove(world.vault.data.engine, "before_cursor_execute", note_statement)

    assert {one.content for one in again} == {first.content}
    assert len(asked) > once > 0


def _cosigning(world):
    memory = Memory(world.settings.checkpoint_state)
    return Cosigning(world.vault, world.clock, memory, load_witnesses(world.settings), Holds(), 10)


def _texts(world, liar):
    """The checkpoints the witness is asked about, one for each log."""
    liar.asked.clear()
    _cosigning(world).ask_all()
    return [note.parse(one.partition(b"\n\n")[2]).text for one in liar.asked]
