"""Replacing a lost sign-in key: a day's wait, one at a time, an end that holds, and what the data base itself refuses."""

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts import keys as accounts
from consent.accounts.passkeys import passkeys_of
from consent.accounts.recovery import OPEN_MS, Begun, Replaced, Waiting, cancel, cancel_own, step, waiting
from consent.schema.recovery_tables import DELAY_MS, recovery
from tests.consent.presence import with_passkey
from vault.families.merge import merge
from vault.ids import new_id


def of(person):
    return person.bucket, person.subject


def stepped(world, person):
    with world.vault.data.write() as conn:
        return step(conn, of(person), world.now)


def signs_in(world, key):
    with world.vault.data.read() as conn:
        return accounts.sign_in(conn, key)


def rows(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(recovery.c.asked_at, recovery.c.end).order_by(recovery.c.asked_at)).all()


def test_two_proofs_a_day_apart_give_a_new_key_and_end_the_old_one_and_every_passkey(world):
    person = world.person()
    with_passkey(world.vault, person, world.now)

    begun = stepped(world, person)
    world.tick(DELAY_MS - 1)
    early = stepped(world, person)
    world.tick(1)
    taken = stepped(world, person)

    assert isinstance(begun, Begun)
    assert early == Waiting(due_at=begun.due_at)
    assert isinstance(taken, Replaced)
    assert DELAY_MS == 24 * 60 * 60 * 1000
    found = signs_in(world, taken.key)
    assert (found.bucket, found.subject) == of(person)
    with world.vault.data.read() as conn:
        assert passkeys_of(conn, of(person)) == []
        assert waiting(conn, of(person), world.now) is None
    assert isinstance(stepped(world, person), Begun), "it is taken once"


def test_until_then_nothing_changes(world):
    person = world.person()
    own = with_passkey(world.vault, person, world.now)
    stepped(world, person)
    world.tick(DELAY_MS - 1)
    stepped(world, person)

    with world.vault.data.read() as conn:
        assert len(passkeys_of(conn, of(person))) == 1
    assert own


@pytest.mark.parametrize("when", [0, DELAY_MS - 1, DELAY_MS, DELAY_MS + OPEN_MS - 1])
@pytest.mark.parametrize("how", ["by what was sent", "signed in"])
def test_what_is_stopped_begins_again_with_a_whole_day(world, how, when):
    person = world.person()
    begun = stepped(world, person)
    world.tick(when)

    with world.vault.data.write() as conn:
        if how == "signed in":
            assert cancel_own(conn, of(person), world.now)
        else:
            assert cancel(conn, begun.cancel, world.now)
    again = stepped(world, person)

    assert isinstance(again, Begun)
    assert again.due_at == world.now + DELAY_MS
    with world.vault.data.write() as conn:
        assert not cancel(conn, begun.cancel, world.now)


def test_what_nobody_takes_for_a_week_lapses(world):
    person = world.person()
    stepped(world, person)
    world.tick(DELAY_MS + OPEN_MS)

    with world.vault.data.read() as conn:
        assert waiting(conn, of(person), world.now) is None
    assert isinstance(stepped(world, person), Begun)
    assert [row.end for row in rows(world)] == ["lapsed", None]


def test_nobody_stops_another_person_s_and_what_is_no_secret_stops_nothing(world):
    one, two = world.people(2)
    begun = stepped(world, one)

    with world.vault.data.write() as conn:
        assert not cancel_own(conn, of(two), world.now)
        for text in ("", "rcx_", begun.cancel[:-1], begun.cancel.replace("rcx_", "ses_"), f"{begun.cancel}A"):
            assert not cancel(conn, text, world.now)
    assert [row.end for row in rows(world)] == [None]


def test_whoever_was_merged_away_gets_no_key(world):
    keep, drop = world.people(2)
    stepped(world, drop)
    merge(world.vault, keep.subject, drop.subject, world.now)
    world.tick(DELAY_MS)

    assert stepped(world, drop) is None


@pytest.mark.parametrize(
    "change",
    [
        {"due_at": 5},
        {"asked_at": 5},
        {"lapses_at": 1 << 50},
        {"subject": b"s" * 16},
        {"cancel_hash": b"c" * 32},
        {"ended_at": 5},
        {"end": "taken"},
    ],
)
def test_the_data_base_lets_nobody_shorten_the_day_or_hand_it_to_others(world, change):
    stepped(world, world.person())

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(recovery).values(**change))
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(delete(recovery))


@pytest.mark.parametrize(
    "bent",
    [
        {"due_at": DELAY_MS - 1},
        {"lapses_at": DELAY_MS},
        {"ended_at": DELAY_MS, "end": "taken"},
        {},
    ],
)
def test_the_data_base_takes_one_open_replacement_of_a_day_at_least(world, bent):
    person = world.person()
    stepped(world, person)
    base = {"due_at": DELAY_MS, "lapses_at": DELAY_MS + OPEN_MS, **bent}
    row = {name: world.now + value if isinstance(value, int) else value for name, value in base.items()}
    made = {"bucket": person.bucket, "id": new_id(person.bucket, world.now), "subject": person.subject}

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(insert(recovery).values(**made, cancel_hash=b"c" * 32, asked_at=world.now, **row))


@pytest.mark.parametrize("at", [0, DELAY_MS - 1, DELAY_MS + OPEN_MS])
def test_the_data_base_lets_nothing_be_taken_outside_its_time(world, at):
    stepped(world, world.person())

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(recovery).values(end="taken", ended_at=world.now + at))


def test_what_has_ended_stays_ended(world):
    person = world.person()
    stepped(world, person)
    with world.vault.data.write() as conn:
        cancel_own(conn, of(person), world.now)

    for change in ({"end": None, "ended_at": None}, {"end": "taken", "ended_at": world.now + DELAY_MS}):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(update(recovery).values(**change))
