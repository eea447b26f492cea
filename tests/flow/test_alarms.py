"""What the publisher says when stored data disagree with what was signed."""

import json

import pytest

from api.jobs.publisher import Publisher
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.publishing.memory import Memory

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def _alarms(capsys):
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    return [(line["where"], line["reason"]) for line in lines if line["event"] == "ledger_alarm"]


def _remember(memory, name):
    memory.save({name: Checkpoint(name, 1, bytes(32))})


def test_each_new_alarm_is_told_once_and_none_hides_a_later_one(world, capsys):
    memory = Memory(world.settings.checkpoint_state)
    publisher = Publisher(world.vault, world.clock, memory, None, 1)

    _remember(memory, "a/2026/0")
    publisher.publish_once()
    publisher.publish_once()
    assert [where for where, _ in _alarms(capsys)] == ["a/2026/0"]

    _remember(memory, "b/2026/0")
    publisher.publish_once()
    publisher.publish_once()
    assert [where for where, _ in _alarms(capsys)] == ["b/2026/0"]


def test_a_damaged_memory_is_told_and_nothing_is_signed(world, capsys):
    world.settings.checkpoint_state.write_text("{")
    app, person = world.app(), world.person()
    app.disclose(app.token_for(person))

    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()

    assert _alarms(capsys) == [("remembered heads", "the file is damaged")]
    assert world.http.get("/log/keys").text
    log = world.http.get("/log/keys").text.split("+")[0].split("/", 2)[2]
    assert world.http.get(f"/log/{log}/checkpoint").status_code == 404
