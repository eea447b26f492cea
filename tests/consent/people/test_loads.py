"""A long load of people: broken off anywhere, it goes on where it was, with nobody lost, doubled or without a key."""

import pytest

from consent.accounts.keys import sign_in
from consent.people import loads
from consent.people.keeping import Enrolled
from tests.vault.people.made_up import phone
from vault.people.enrol import NewPerson
from vault.reading.records import count_people


def people(numbers):
    return [(at, "en", NewPerson({"name": "Zoe", "phone": phone(at)})) for at in numbers]


@pytest.fixture
def load(vault):
    return loads.name_of(vault, b"a file")


def test_a_load_tells_how_far_it_came_and_forgets_itself_when_it_is_finished(vault, load, now):
    assert loads.progress(vault, load) is None
    loads.take_in(vault, load, people(range(1, 4)), 5, now)
    loads.take_in(vault, load, people(range(6, 8)), 9, now + 1)

    far = loads.progress(vault, load)

    assert (far.done, far.enrolled, far.refused) == (9, 5, 0)
    assert [one.line for one in far.last] == [6, 7]
    loads.finish(vault, load)
    assert loads.progress(vault, load) is None


def test_the_keys_of_the_last_batch_can_be_had_again_and_sign_in(vault, load, now):
    first = loads.take_in(vault, load, people([1, 2]), 2, now)

    again = loads.progress(vault, load).last

    assert [(one.subject, one.key) for one in again] == [(one.subject, one.key) for one in first]
    with vault.data.read() as conn:
        assert [sign_in(conn, one.key).subject for one in again] == [one.subject for one in first]


def test_the_stored_keys_cannot_be_read_in_the_data_base(vault, load, now):
    (one,) = loads.take_in(vault, load, people([1]), 1, now)
    with vault.data.read() as conn:
        stored = conn.exec_driver_sql("SELECT sealed FROM bulk_load").scalar_one()
    assert one.key.encode() not in bytes(stored)
    assert one.subject.hex().encode() not in bytes(stored)


def test_what_breaks_within_a_batch_leaves_neither_people_nor_progress(vault, load, now, monkeypatch):
    def broken(*_args):
        raise RuntimeError("out of paper")

    monkeypatch.setattr(loads, "_seal", broken)
    with pytest.raises(RuntimeError):
        loads.take_in(vault, load, people([1, 2]), 2, now)

    assert loads.progress(vault, load) is None
    with vault.data.read() as conn:
        assert count_people(conn) == 0


def test_a_batch_of_people_who_are_there_already_still_counts_as_done(vault, load, now):
    loads.take_in(vault, load, people([1, 2]), 2, now)
    again = loads.take_in(vault, load, people([1, 2]), 4, now)

    assert not any(isinstance(one, Enrolled) for one in again)
    far = loads.progress(vault, load)
    assert (far.done, far.enrolled, far.refused) == (4, 2, 2)
    assert far.last == ()


def test_loads_of_two_sources_know_nothing_of_each_other(vault, load, now):
    loads.take_in(vault, load, people([1]), 1, now)
    assert loads.progress(vault, loads.name_of(vault, b"another file")) is None


def test_no_repr_shows_a_key(vault, load, now):
    (one,) = loads.take_in(vault, load, people([1]), 1, now)
    assert one.key not in repr(loads.progress(vault, load))
