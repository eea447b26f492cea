"""Rounds of a monitor: what goes wrong at one log is told of that one, and the others are looked at all the same."""

from pathlib import Path

import pytest

from api.monitor.home import MonitorHome
from api.monitor.run import Looked, Watch, round_over
from consent.ledger.monitor.alerts import Alarm
from consent.ledger.policy import Policy
from tests.consent.ledger.kit import NOW

ONE, TWO = "one.example/2026/0", "two.example/2026/0"


@pytest.fixture
def home(tmp_path: Path) -> MonitorHome:
    found = MonitorHome(tmp_path / "m")
    found.create("m.example")
    return found


def around(home: MonitorHome, *origins: str) -> list[Looked]:
    logs = dict.fromkeys(origins, "http://127.0.0.1:9")
    what = Watch(logs=logs, policy=Policy((), ()), auditor="")
    return list(round_over(home, what, lambda: NOW, lambda _text: None))


def test_a_failure_of_its_own_is_an_alert_about_that_log_and_ends_nothing(home: MonitorHome, monkeypatch):
    def head(reader):
        if reader.origin == ONE:
            raise TypeError("what nobody thought of")
        return b"no head"

    monkeypatch.setattr("api.monitor.run.HttpReader.head", head)

    one, two = around(home, ONE, TWO)

    assert [alert.alarm for alert in one.alerts] == [Alarm.BROKEN_OFF]
    assert "thought" not in one.alerts[0].says
    assert [alert.alarm for alert in two.alerts] == [Alarm.UNREADABLE]
    assert len((home.path / "alerts").read_text().splitlines()) == 2
