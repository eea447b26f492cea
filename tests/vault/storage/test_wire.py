"""Statements straight to PostgreSQL: what comes back, what a failure leaves, and that nothing is mixed up."""

import signal
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from tests.backends import Backend
from vault.storage import wire
from vault.storage.database import Database, Dialect, open_database
from vault.storage.pgarray import encode
from vault.storage.wire import send


@pytest.fixture
def conn(backend: Backend) -> Iterator[Connection]:
    if backend.data.dialect is not Dialect.POSTGRESQL:
        pytest.skip("SQLite needs no wire")
    with backend.data.engine.connect() as made:
        send(made, [("CREATE TABLE noted (id bigint PRIMARY KEY, said text)", {})])
        made.commit()
        yield made


def note(number: int, said: str | None = None) -> tuple[str, dict[str, object]]:
    return "INSERT INTO noted (id, said) VALUES (%(id)s, %(said)s)", {"id": number, "said": said}


def noted(conn: Connection) -> list[int]:
    return [row[0] for row in send(conn, [("SELECT id FROM noted ORDER BY id", {})])[0]]


def test_every_kind_of_value_comes_back_as_it_was_sent(conn: Connection) -> None:
    text = "SELECT %(number)s, %(text)s, %(raw)s, %(truth)s, %(none)s::bigint, %(numbers)b, %(texts)b, %(raws)b, '%%'"
    given = {"number": -(2**63), "text": "雨 %s", "raw": b"\x00\xff", "truth": True, "none": None}
    arrays = {
        "numbers": encode("int", [1, None, 2]),
        "texts": encode("text", ["a", None]),
        "raws": encode("bytes", [b"", b"\x01"]),
    }
    ((row,),) = send(conn, [(text, given | arrays)])
    assert row == (-(2**63), "雨 %s", b"\x00\xff", True, None, [1, None, 2], ["a", None], [b"", b"\x01"], "%")


def test_each_statement_of_an_exchange_sees_what_those_before_it_did(conn: Connection) -> None:
    count = ("SELECT count(*) FROM noted", {})
    answers = send(conn, [count, note(1), count, note(2), count])
    assert answers == [[(0,)], [], [(1,)], [], [(2,)]]


def test_what_is_not_committed_is_rolled_back(conn: Connection) -> None:
    send(conn, [note(1)])
    conn.rollback()
    assert noted(conn) == []


def test_a_statement_prepared_before_a_roll_back_still_answers(conn: Connection) -> None:
    for number in range(7):  # the driver prepares what it has seen five times
        send(conn, [note(number)])
        conn.exec_driver_sql("SELECT 1")
        conn.rollback()
    send(conn, [note(7)])
    assert noted(conn) == [7]


def test_the_same_new_statement_twice_in_one_exchange_is_prepared_under_two_names(conn: Connection) -> None:
    send(conn, [note(1), note(2), note(3)])
    send(conn, [("SELECT 1", {}), note(4, "text now"), ("SELECT 2", {})])
    assert noted(conn) == [1, 2, 3, 4]


def test_the_first_failure_ends_the_exchange_and_is_the_one_that_is_raised(conn: Connection) -> None:
    with pytest.raises(IntegrityError):
        send(conn, [note(1), note(1), ("SELECT 1/0", {})])
    conn.rollback()
    assert noted(conn) == []


def test_an_error_carries_no_parameters(conn: Connection) -> None:
    with pytest.raises(DBAPIError) as refused:
        send(conn, [("SELECT %(secret)s::bigint", {"secret": "tel 13812345678"}), note(1)])
    assert "13812345678" not in str(refused.value.statement)
    assert not refused.value.params


def test_a_statement_that_could_not_be_prepared_is_prepared_when_it_can_be(conn: Connection) -> None:
    later = ("SELECT count(*) FROM later", {})
    with pytest.raises(DBAPIError):
        send(conn, [later])
    conn.rollback()
    send(conn, [("CREATE TABLE later (id bigint)", {})])
    assert send(conn, [later]) == [[(0,)]]


def test_more_than_any_socket_holds_goes_both_ways_at_once(conn: Connection) -> None:
    big = "雨" * 1_000_000
    answers = send(conn, [("SELECT %(big)s, %(at)s", {"big": big, "at": at}) for at in range(8)])
    assert answers == [[(big, at)] for at in range(8)]


def test_without_a_transaction_each_exchange_is_committed_as_it_ends(conn: Connection) -> None:
    conn.commit()
    conn.execution_options(isolation_level="AUTOCOMMIT")
    send(conn, [note(1), note(2)])
    conn.rollback()
    assert noted(conn) == [1, 2]


def test_an_exchange_that_is_broken_off_leaves_no_answers_for_the_next(
    conn: Connection, backend: Backend
) -> None:
    (((pid,),),) = send(conn, [("SELECT pg_backend_pid()", {})])
    asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = %(pid)s::int AND wait_event = 'PgSleep'"

    def break_off() -> None:
        with backend.data.engine.connect() as other:
            while not send(other, [(asleep, {"pid": pid})])[0]:
                other.rollback()  # within one transaction the view does not change
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    breaker = threading.Thread(target=break_off)
    breaker.start()  # and does nothing before the statement runs
    try:
        with pytest.raises(KeyboardInterrupt):
            send(conn, [("SELECT pg_sleep(30)", {}), ("SELECT 'late'", {})])
    finally:
        breaker.join()
        signal.signal(signal.SIGUSR1, before)
    assert conn.invalidated
    with backend.data.engine.connect() as other:
        assert send(other, [("SELECT 'now'", {})]) == [[("now",)]]


def test_a_connection_that_is_gone_is_an_error_and_then_another_connection(
    conn: Connection, backend: Backend
) -> None:
    ((mine,),) = send(conn, [("SELECT pg_backend_pid()", {})])
    with backend.data.engine.connect() as other:
        send(other, [("SELECT pg_terminate_backend(%(pid)s::int)", {"pid": mine[0]})])
    with pytest.raises(DBAPIError) as gone:
        noted(conn)
    assert gone.value.connection_invalidated or conn.invalidated


def test_a_server_that_falls_silent_is_given_up(
    conn: Connection, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(wire, "PATIENCE_S", 0.2)
        with pytest.raises(OperationalError) as silent:
            send(conn, [("SELECT pg_sleep(30)", {})])
    assert silent.value.connection_invalidated
    with backend.data.engine.connect() as other:
        assert send(other, [("SELECT 'now'", {})]) == [[("now",)]]


def test_a_plan_that_no_longer_fits_its_table_is_made_anew_on_the_next_connection(
    conn: Connection, backend: Backend
) -> None:
    everything = ("SELECT * FROM noted", {})
    send(conn, [note(1), everything])
    conn.commit()
    with backend.data.write() as other:
        other.exec_driver_sql("ALTER TABLE noted ADD COLUMN at bigint")

    with pytest.raises(DBAPIError) as stale:
        send(conn, [everything])

    assert stale.value.connection_invalidated
    conn.rollback()
    assert send(conn, [everything]) == [[(1, None, None)]]


def test_statements_that_the_server_forgot_are_prepared_again_on_the_next_connection(
    conn: Connection,
) -> None:
    send(conn, [note(1)])
    conn.commit()
    conn.exec_driver_sql("DEALLOCATE ALL")

    with pytest.raises(DBAPIError) as forgotten:
        send(conn, [note(2)])

    assert forgotten.value.connection_invalidated
    conn.rollback()
    send(conn, [note(2)])
    assert noted(conn) == [1, 2]


def test_a_machine_that_is_gone_is_noticed_within_a_minute_unless_the_address_says_otherwise(
    conn: Connection, backend: Backend
) -> None:
    def parameters(database: Database) -> dict[str, str]:
        with database.engine.connect() as made:
            driver = made.connection.driver_connection
            assert driver is not None
            return driver.info.get_parameters()

    patient = open_database(f"{backend.data_url}&tcp_user_timeout=90000")
    ours, theirs = parameters(backend.data), parameters(patient)
    patient.close()

    keepalive = int(ours["keepalives_idle"]) + int(ours["keepalives_interval"]) * int(
        ours["keepalives_count"]
    )
    assert keepalive <= 60
    assert (ours["tcp_user_timeout"], theirs["tcp_user_timeout"]) == ("60000", "90000")
    assert theirs["keepalives_idle"] == ours["keepalives_idle"]
