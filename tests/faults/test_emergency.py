"""When the store breaks under an emergency: no answer without its entry, and a retry is made good."""

from contextlib import suppress

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from consent.denials import Denied
from consent.ledger.entries.entry import Kind
from consent.ledger.errors import LedgerAlarm
from consent.schema.dual_tables import emergency_read, person_notice
from consent.staff.emergency import Opened
from tests.consent.dual.office import ASKER, Office
from tests.faults.breakage import failing_step, unreachable
from tests.races.town import found
from vault.opening import Vault


@pytest.fixture
def office(vault: Vault, now: int) -> Office:
    return Office(vault, now)


@pytest.fixture
def subject(vault: Vault, now: int):
    return found(vault, now, people=1).residents[0].consumer.subject


def state(office: Office) -> tuple[int, int, int]:
    """Reads, notices and disclosing entries: the three must always be equal."""
    with office.vault.data.read() as conn:
        reads, notices = (
            conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (emergency_read, person_notice)
        )
    return reads, notices, len(office.entries(Kind.DISCLOSE))


def test_whichever_step_fails_nothing_is_answered_that_is_not_in_the_ledger(office: Office, subject) -> None:
    whole = office.approved(subject)
    with failing_step(office.vault.data.engine, 0) as seen:
        assert isinstance(office.open(whole.id), Opened)
    done = 1

    for number in range(1, seen.steps + 1):
        request = office.approved(subject)
        answer = None
        with failing_step(office.vault.data.engine, number), suppress(DBAPIError):
            answer = office.open(request.id)
        reads, notices, entries = state(office)
        assert reads == notices == entries, number
        assert reads in {done, done + 1}
        if isinstance(answer, Opened):
            assert reads == done + 1, "answered before it was committed"
        again = office.open(request.id)
        done += 1
        assert isinstance(again, Opened), (number, again)
        assert state(office) == (done, done, done)


def test_with_the_ledger_down_nothing_is_answered_and_nothing_is_left(
    office: Office, subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = office.approved(subject)

    def down(*_):
        raise LedgerAlarm("ledger.example/2026/0", "down")

    monkeypatch.setattr("consent.staff.emergency.append", down)
    with pytest.raises(LedgerAlarm):
        office.open(request.id)

    assert state(office) == (0, 0, 0)
    monkeypatch.undo()
    assert isinstance(office.open(request.id), Opened)


def test_with_the_ledger_down_not_even_a_denial_is_answered(
    office: Office, subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = office.ask(subject)

    def down(*_):
        raise LedgerAlarm("ledger.example/2026/0", "down")

    monkeypatch.setattr("consent.dual.steps.append", down)
    with pytest.raises(LedgerAlarm):
        office.open(asked.id)
    monkeypatch.undo()

    assert isinstance(office.open(asked.id), Denied)
    assert len(office.entries(Kind.REFUSE)) == 1, "the failed attempt was not counted as the day's first"


@pytest.mark.parametrize("which", ["data", "keys"])
def test_without_either_data_base_nothing_is_answered(office: Office, others, subject, which: str) -> None:
    request = office.approved(subject)
    (other,) = others(1)
    away = Office(other, office.now)
    engine = other.data.engine if which == "data" else other.keyring._database.engine

    with unreachable(engine), pytest.raises(DBAPIError):
        away.open(request.id, ASKER)

    assert state(office) == (0, 0, 0)
    assert isinstance(away.open(request.id), Opened)
