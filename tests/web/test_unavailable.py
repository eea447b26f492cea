"""When the store or the ledger is down: 503 and a time to come back, whoever asks; our own mistakes stay 500."""

import json
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.edge.access import Access
from api.edge.problems import as_problem
from consent.ledger.errors import LedgerAlarm
from tests.faults.breakage import unreachable
from tests.vault.people import made_up as people

PHONE = "13812341234"


def answered(error):
    """What the edge makes of an error that was really raised."""
    with pytest.raises(type(error)) as raised:
        raise error
    return as_problem(raised.value)


def lost():
    return DBAPIError("SELECT", None, Exception(PHONE), connection_invalidated=True)


def of_sqlite(number):
    error = sqlite3.OperationalError(PHONE)
    error.sqlite_errorcode = number
    return OperationalError("SELECT", None, error)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT", None, Exception(PHONE)),
        InterfaceError("SELECT", None, Exception(PHONE)),
        of_sqlite(sqlite3.SQLITE_IOERR),
        of_sqlite(sqlite3.SQLITE_BUSY),
        PoolTimeout(PHONE),
        lost(),
    ],
    ids=["operational", "interface", "disk", "busy", "pool", "lost"],
)
def test_a_store_that_does_not_answer_is_no_fault_of_the_caller_and_no_value_is_logged(error, capsys):
    problem = answered(error)

    assert (problem.status, problem.code) == (503, "database_unreachable")
    assert int(problem.headers["Retry-After"]) > 0
    logged = capsys.readouterr().err
    assert json.loads(logged)["error_id"] == problem.headers["X-Error-Id"]
    assert PHONE not in logged


@pytest.mark.parametrize(
    "error",
    [
        IntegrityError("INSERT", None, Exception(PHONE)),
        ProgrammingError("SELECT", None, Exception(PHONE)),
        of_sqlite(sqlite3.SQLITE_ERROR),
        DBAPIError("SELECT", None, Exception(PHONE)),
    ],
    ids=["integrity", "programming", "no such table", "other"],
)
def test_a_mistake_of_ours_stays_ours(error, capsys):
    problem = answered(error)

    assert (problem.status, problem.code) == (500, "internal_error")
    assert PHONE not in capsys.readouterr().err


def test_a_missing_table_is_a_mistake_on_both_data_bases(vault):
    with pytest.raises(DBAPIError) as raised, vault.data.read() as conn:
        conn.execute(text("SELECT * FROM no_such_table"))

    assert as_problem(raised.value).status == 500


def test_every_alarm_of_a_pass_is_told(capsys):
    alarm = LedgerAlarm("log/2026/0", "gone", others=(LedgerAlarm("log/2026/1", "rolled back"),))

    problem = answered(alarm)

    assert (problem.status, problem.code) == (503, "ledger.alarm")
    assert int(problem.headers["Retry-After"]) > 0
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["event"], one["where"]) for one in told] == [
        ("ledger_alarm", "log/2026/0"),
        ("ledger_alarm", "log/2026/1"),
    ]


def test_without_the_data_base_staff_people_and_recipients_are_asked_to_come_back(world):
    operator, person, app = world.staff_key(Access.OPERATOR), world.person(), world.app()
    person.sign_in()

    with unreachable(world.vault.data.engine):
        answers = {
            "staff": world.http.post("/v1/people", headers=operator, json=[people.values(5)]),
            "person": person.get("/zh-CN/uses"),
            "recipient": app.push(),
        }

    for who, answer in answers.items():
        assert answer.status_code == 503, who
        assert int(answer.headers["retry-after"]) > 0, who
    assert answers["staff"].json()["code"] == answers["recipient"].json()["code"] == "database_unreachable"
    assert answers["recipient"].json()["error"] == "server_error"
    assert "数据库没有应答" in answers["person"].text
    assert world.http.post("/v1/people", headers=operator, json=[people.values(5)]).status_code == 200
