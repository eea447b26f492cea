"""Many changes at once: one answer each, one order for all, a constant number of statements."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, func, select

from tests.vault.people.made_up import enrol, phone, values
from vault.finding.tag_tables import unique_key
from vault.ids import new_subject
from vault.people.changes import CHUNK, Change, Updated, update_many
from vault.people.drafts import Refused
from vault.reading.history import history, masked
from vault.tables import value


def changed(vault, now_ms, *changes, **further):
    listed = [Change(subject=who.subject, field=field, text=text) for who, field, text in changes]
    return update_many(vault, listed, now_ms, clock=lambda: now_ms, **further)


def test_each_change_gets_its_own_answer_in_order(vault, now):
    one, two = enrol(vault, range(2), now)
    stranger = Change(subject=new_subject(), field="phone", text=phone(8))
    answers = update_many(
        vault,
        [
            Change(subject=one.subject, field="phone", text=phone(7)),
            stranger,
            Change(subject=two.subject, field="phone", text="1"),
            Change(subject=two.subject, field="email", text="USER1@example.com"),
            Change(subject=two.subject, field="phone", text=phone(0)),
            Change(subject=two.subject, field="name", text="Person Q"),
        ],
        now + 10,
        clock=lambda: now,
    )
    assert answers[:2] == [Updated(2), Refused("person_unknown", "")]
    assert isinstance(answers[2], Refused)
    assert answers[3:] == [Updated(1), Refused("person_exists", "phone"), Updated(2)]


def test_two_changes_of_one_field_are_made_one_after_the_other(vault, now):
    (one,) = enrol(vault, range(1), now)
    assert changed(vault, now + 1, *[(one, "phone", phone(n)) for n in (5, 6, 6)]) == [
        Updated(2),
        Updated(3),
        Updated(3),
    ]
    assert masked(vault, one.subject, ["phone"]) == {"phone": "199****0006"}


def test_of_two_people_who_want_one_number_in_one_call_one_gets_it(vault, now):
    one, two = enrol(vault, range(2), now)
    answers = changed(vault, now + 1, (one, "phone", phone(9)), (two, "phone", phone(9)))
    assert sorted(map(str, answers)) == sorted(map(str, [Updated(2), Refused("person_exists", "phone")]))


def test_a_number_given_up_in_a_call_is_free_from_the_next_one_on(vault, now):
    one, two = enrol(vault, range(2), now)
    swap = ((one, "phone", phone(1)), (two, "phone", phone(7)))
    assert changed(vault, now + 1, *swap) == [Refused("person_exists", "phone"), Updated(2)]
    assert changed(vault, now + 2, *swap) == [Updated(2), Updated(2)]


def test_a_version_never_begins_in_the_millisecond_of_creation(vault, now):
    (one,) = enrol(vault, range(1), now)
    changed(vault, now, (one, "phone", phone(7)))
    assert [line.valid_from for line in history(vault, one.subject, "phone")] == [now, now + 1]


def test_the_number_of_statements_does_not_grow_with_the_list(vault, now):
    people = enrol(vault, range(60), now)
    counts = []

    def count(many: int, text: int) -> int:
        seen = []
        event.listen(vault.data.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        changed(
            vault, now + text, *[(p, "phone", phone(1000 * text + n)) for n, p in enumerate(people[:many])]
        )
        return len(seen)

    counts = [count(2, 1), count(60, 2)]
    # Listeners pile up: the second one is told of its own statements only.
    assert counts[0] == counts[1]


def test_a_list_longer_than_one_transaction_is_answered_whole(vault, now, monkeypatch):
    monkeypatch.setattr("vault.people.changes.CHUNK", 3)
    people = enrol(vault, range(8), now)
    answers = changed(vault, now + 1, *[(p, "phone", phone(100 + n)) for n, p in enumerate(people)])
    assert answers == [Updated(2)] * 8
    assert CHUNK == 2_000


def test_what_is_written_beside_the_versions_is_committed_with_them_or_not_at_all(vault, now):
    (one,) = enrol(vault, range(1), now)
    told = []
    changed(
        vault, now + 1, (one, "phone", phone(7)), (one, "email", values(0)["email"]), within=told_by(told)
    )
    assert [(w.subject, w.field, w.version, w.valid_from) for w in told] == [
        (one.subject, "phone", 2, now + 1)
    ]

    def fail(_conn, _written):
        raise RuntimeError("no ledger")

    with pytest.raises(RuntimeError):
        changed(vault, now + 2, (one, "phone", phone(8)), within=fail)
    assert masked(vault, one.subject, ["phone"]) == {"phone": "199****0007"}


def told_by(told: list):
    return lambda _conn, written: told.extend(written)


def test_batches_that_cross_each_other_neither_deadlock_nor_share_a_number(vault, now):
    people = enrol(vault, range(12), now)
    barrier = threading.Barrier(4)

    def run(worker: int):
        order = people if worker % 2 else people[::-1]
        barrier.wait(timeout=30)
        return changed(vault, now + 1, *[(p, "phone", phone(500 + n)) for n, p in enumerate(order)])

    with ThreadPoolExecutor(4) as pool:
        answers = [answer for part in pool.map(run, range(4)) for answer in part]
    assert any(isinstance(answer, Updated) for answer in answers)
    with vault.data.read() as conn:
        phones = select(unique_key.c.tag).where(unique_key.c.kind == 65)
        assert len(set(conn.execute(phones).scalars())) == 12
        heads = select(func.count()).where(value.c.field == "phone", value.c.valid_to.is_(None))
        assert conn.execute(heads).scalar_one() == 12
