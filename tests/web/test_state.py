"""Sessions, staff keys, attempts and jobs: what the web floor keeps in the data base, on both of them."""

import pytest
from sqlalchemy import select

from api.edge.access import Access
from api.edge.attempts import (
    MOST_FAILURES,
    PERIOD_MS,
    network_of,
    note_failure,
    source_of,
    sweep_attempts,
    wait_seconds,
)
from api.edge.sessions import Lifetime, end_session, find_session, open_session, sweep_sessions
from api.jobs.lease import LeaseLost, enqueue, fail, finish, report, status, take
from api.jobs.worker import Worker
from api.staff.keys import end_staff_keys, find_staff, issue_staff_key
from api.tables import portal_session, staff
from vault.ids import Bucket, SubjectId

NOW = 1_795_300_000_000
MINUTE = 60_000
LIFETIME = Lifetime(idle=30 * MINUTE, longest=12 * 60 * MINUTE)
SUBJECT = SubjectId(b"s" * 16)


@pytest.fixture
def data(backend):
    return backend.data


def _signed_in(data):
    with data.write() as conn:
        return open_session(conn, Bucket(0), SUBJECT, NOW)


def test_a_session_is_found_by_its_secret_and_only_its_hash_is_stored(data):
    secret = _signed_in(data)

    session = find_session(data, secret, NOW, LIFETIME)

    assert session.subject == SUBJECT
    with data.read() as conn:
        row = conn.execute(select(portal_session)).one()
    assert secret.encode() not in b"".join(bytes(value) for value in row if isinstance(value, bytes))


def test_two_sign_ins_never_share_a_secret(data):
    assert _signed_in(data) != _signed_in(data)


def test_a_session_chosen_by_a_visitor_is_nobody_s(data):
    assert find_session(data, "ses_" + "A" * 51, NOW, LIFETIME) is None
    assert find_session(data, "", NOW, LIFETIME) is None


def test_a_session_ends_when_idle_and_lives_on_when_used(data):
    secret = _signed_in(data)

    assert find_session(data, secret, NOW + 29 * MINUTE, LIFETIME) is not None
    assert find_session(data, secret, NOW + 58 * MINUTE, LIFETIME) is not None
    assert find_session(data, secret, NOW + 58 * MINUTE + 31 * MINUTE, LIFETIME) is None


def test_a_session_ends_after_its_longest_life_however_busy(data):
    secret = _signed_in(data)
    for minute in range(0, 12 * 60, 20):
        assert find_session(data, secret, NOW + minute * MINUTE, LIFETIME) is not None

    assert find_session(data, secret, NOW + LIFETIME.longest + 1, LIFETIME) is None


def test_signing_out_ends_the_session_on_the_server(data):
    secret = _signed_in(data)

    with data.write() as conn:
        end_session(conn, "ses_planted")
        end_session(conn, secret)

    assert find_session(data, secret, NOW, LIFETIME) is None


def test_sweeping_removes_ended_sessions_only(data):
    _signed_in(data)
    with data.write() as conn:
        live = open_session(conn, Bucket(0), SUBJECT, NOW + 60 * MINUTE)
        sweep_sessions(conn, NOW + 61 * MINUTE, LIFETIME)

    with data.read() as conn:
        assert len(conn.execute(select(portal_session)).all()) == 1
    assert find_session(data, live, NOW + 61 * MINUTE, LIFETIME) is not None


def test_a_staff_key_names_one_actor_and_role_until_it_is_ended(data):
    with data.write() as conn:
        key = issue_staff_key(conn, actor="Lin, night shift", role=Access.INVESTIGATOR, now_ms=NOW)

    with data.read() as conn:
        member = find_staff(conn, f"Bearer {key}")
        stored = conn.execute(select(staff.c.key_hash)).scalar_one()
    assert (member.actor, member.role) == ("Lin, night shift", Access.INVESTIGATOR)
    assert "Lin" not in member.custody_name
    assert key.encode() not in stored

    with data.write() as conn:
        (ended,) = end_staff_keys(conn, actor="Lin, night shift", now_ms=NOW + 1)
        assert ended == member.key_id
        assert find_staff(conn, f"Bearer {key}") is None


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic stf_x", "Bearer stf_" + "A" * 51])
def test_anything_else_in_the_header_is_nobody(data, header):
    with data.read() as conn:
        assert find_staff(conn, header) is None


def test_a_source_must_wait_after_too_many_failures_and_not_a_moment_longer_than_the_period(data):
    source, other = source_of(b"k" * 32, "192.0.2.1"), source_of(b"k" * 32, "192.0.2.2")
    with data.write() as conn:
        for _ in range(MOST_FAILURES):
            assert wait_seconds(conn, source, NOW) == 0
            note_failure(conn, source, NOW)

        assert 0 < wait_seconds(conn, source, NOW) <= PERIOD_MS // 1000 + 1
        assert wait_seconds(conn, other, NOW) == 0
        assert wait_seconds(conn, source, NOW + PERIOD_MS) == 0
        sweep_attempts(conn, NOW + PERIOD_MS)
        assert wait_seconds(conn, source, NOW) == 0


def _job(data, kind="trace"):
    with data.write() as conn:
        return enqueue(conn, kind, {"dump": "dmp_x"}, NOW)


def test_a_job_is_taken_once_reported_on_and_finished(data):
    job_id = _job(data)

    taken = take(data, "one", NOW)
    assert take(data, "two", NOW) is None
    report(data, taken, "match", 5, 10, NOW + 1)
    with data.read() as conn:
        found = status(conn, job_id)
    assert (found.state, found.stage, found.done, found.total) == ("running", "match", 5, 10)

    finish(data, taken, NOW + 2)
    with data.read() as conn:
        assert status(conn, job_id).state == "done"


def test_a_dead_worker_s_job_is_resumed_and_the_dead_one_can_write_nothing_more(data):
    job_id = _job(data)
    dead = take(data, "dead", NOW)

    heir = take(data, "heir", NOW + 31_000)

    assert heir.id == job_id
    assert heir.attempts == 2
    for late in (lambda: report(data, dead, "x", 1, 1, NOW), lambda: finish(data, dead, NOW)):
        with pytest.raises(LeaseLost):
            late()
    fail(data, heir, "no_identifier_column", NOW)
    with data.read() as conn:
        assert status(conn, job_id).code == "no_identifier_column"


def test_a_job_that_kills_three_workers_is_given_up(data):
    job_id = _job(data)
    for round_ in range(3):
        assert take(data, f"w{round_}", NOW + round_ * 31_000) is not None

    assert take(data, "w3", NOW + 3 * 31_000) is None
    with data.read() as conn:
        assert status(conn, job_id).code == "gave_up"


def test_the_worker_turns_what_a_job_raises_into_its_code(data, capsys):
    outcomes = {"good": None, "bad": RuntimeError("138 1234 5678 is somebody's number")}

    def work(payload, report):
        report("half", 1, 2)
        if outcomes[payload["which"]]:
            raise outcomes[payload["which"]]

    with data.write() as conn:
        ids = [enqueue(conn, "trace", {"which": which}, NOW + n) for n, which in enumerate(outcomes)]
        ids.append(enqueue(conn, "unheard_of", {}, NOW + 5))
    worker = Worker(data, lambda: NOW, {"trace": work})

    while worker.do_one():
        pass

    with data.read() as conn:
        assert [status(conn, job_id).state for job_id in ids] == ["done", "failed", "failed"]
        assert [status(conn, job_id).code for job_id in ids] == [None, "internal_error", "unknown_kind"]
    assert "somebody" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("testclient", "testclient", True),
        ("testclient", "", False),
    ],
)
def test_a_network_that_somebody_is_given_whole_is_one_source(one, other, same):
    assert (network_of(one) == network_of(other)) is same
