"""Honey persons: opened like everybody, answered like everybody, and every opening is an alarm."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.vault.people import made_up as people
from vault.honey.tables import alarm, honey
from vault.honey.watch import TTL_SECONDS, HoneyWatch, Sighting, Source, mac_of
from vault.people.honey import alarms, mark_seen, watch_over, watched
from vault.reader import Unreadable, open_many
from vault.storage.database import metadata


@pytest.fixture
def crowd(vault, now):
    """Three people; the second is honey."""
    made = people.enrol(vault, range(3), now)
    watch_over(vault, [(made[1].bucket, made[1].subject)], now)
    return made


def raised(vault):
    vault.watch.settle()
    with vault.data.read() as conn:
        return alarms(conn)


def test_opening_a_honey_person_raises_one_alarm_and_answers_as_always(vault, crowd, now):
    permits = [people.permit(vault, one, ("name", "phone"), now) for one in crowd]

    answers = open_many(vault, permits)

    assert [answer["phone"] for answer in answers] == [people.phone(at) for at in range(3)]
    (told,) = raised(vault)
    assert (told.bucket, told.source, told.who) == (crowd[1].bucket, "read", "corner shop")
    assert (told.at, told.seen_at, told.place) == (now, None, "ledger.example/2026/0#0")


def test_the_same_use_read_again_is_the_same_alarm_and_another_use_is_another(vault, crowd, now):
    again = people.permit(vault, crowd[1], ("name",), now)
    for permit in (again, again, people.permit(vault, crowd[1], ("name",), now + 1)):
        open_many(vault, [permit])

    assert [one.at for one in raised(vault)] == [now + 1, now]


def test_a_reading_that_opens_nothing_raises_nothing(vault, crowd, now):
    people.erase(vault, crowd[1], now)

    (answer,) = open_many(vault, [people.permit(vault, crowd[1], ("name",), now)])

    assert isinstance(answer, Unreadable)
    assert raised(vault) == []


def test_the_data_base_does_not_say_who_is_honey(vault, crowd):
    with vault.data.read() as conn:
        (row,) = conn.execute(select(honey)).all()
        assert watched(conn, vault, [(one.bucket, one.subject) for one in crowd]) == {
            (crowd[1].bucket, crowd[1].subject)
        }
        tables = [table for table in metadata.sorted_tables if "subject" in table.c]
        kept = {
            table.name: [
                conn.execute(
                    select(func.count()).select_from(table).where(table.c.subject == one.subject)
                ).scalar_one()
                for one in crowd
            ]
            for table in tables
        }

    assert crowd[1].subject not in bytes(row.mac)
    assert row.mac == mac_of(vault.keyring, crowd[1].subject)
    assert all(len(set(counts)) == 1 for counts in kept.values()), kept


def test_another_process_notices_a_honey_person_within_a_minute(vault, crowd, now):
    clock = [0.0]
    watch = HoneyWatch(clock=lambda: clock[0])
    seen = [
        Sighting(
            bucket=crowd[2].bucket,
            subject=crowd[2].subject,
            source=Source.FIND,
            who="operator/abc",
            place="x",
            at_ms=now,
        )
    ]
    watch.note(vault.data, vault.keyring, seen)
    watch_over(vault, [(crowd[2].bucket, crowd[2].subject)], now)

    watch.note(vault.data, vault.keyring, seen)
    watch.settle()
    assert raised(vault) == []
    clock[0] = TTL_SECONDS
    watch.note(vault.data, vault.keyring, seen)
    watch.settle()

    assert [one.source for one in raised(vault)] == ["find"]


def test_a_watch_that_cannot_read_its_list_changes_no_answer(vault, crowd, now, monkeypatch):
    def broken():
        raise OperationalError("select", None, Exception("nobody answers"))

    watch = HoneyWatch()
    monkeypatch.setattr(type(vault.data), "read", lambda _self: broken())

    watch.note(vault.data, vault.keyring, [])

    watch.settle()


def test_every_new_alarm_is_told_to_the_listener_by_name_only(vault, crowd, now):
    told = []
    vault.watch.on_alarm(told.append)

    for _ in range(2):
        open_many(vault, [people.permit(vault, crowd[1], ("name",), now)])
    vault.watch.settle()

    assert len(told) == 1
    assert told[0].startswith("alm_")


def test_the_first_who_looks_at_an_alarm_stays_on_record(vault, crowd, now):
    open_many(vault, [people.permit(vault, crowd[1], ("name",), now)])
    (told,) = raised(vault)

    with vault.data.write() as conn:
        assert mark_seen(conn, told.bucket, told.id, "operator/one", now + 1)
        assert mark_seen(conn, told.bucket, told.id, "operator/two", now + 2)
        assert not mark_seen(conn, told.bucket, bytes(16), "operator/two", now + 2)

    (seen,) = raised(vault)
    assert (seen.seen_by, seen.seen_at) == ("operator/one", now + 1)


@pytest.mark.parametrize(
    "statement",
    [
        lambda: alarm.update().values(who="nobody"),
        lambda: alarm.update().values(seen_at=1),
        alarm.delete,
        honey.delete,
        lambda: honey.update().values(planted_at=1),
    ],
    ids=["rewrite", "half seen", "delete alarm", "delete honey", "rewrite honey"],
)
def test_nobody_changes_or_removes_an_alarm_or_a_honey_person(vault, crowd, now, statement):
    open_many(vault, [people.permit(vault, crowd[1], ("name",), now)])
    assert len(raised(vault)) == 1

    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(statement())
