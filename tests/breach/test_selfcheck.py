"""Was I in a leak: who asks learns it of one identifier, and everybody else learns nothing; the erased are forgotten."""

import pytest
from sqlalchemy import func, select

from breach.errors import LeaksBusy, LeaksMoved, UnknownLeak
from breach.intake.quarantine import receive
from breach.selfcheck import publish as publishing
from breach.selfcheck.answer import Question, answer
from breach.selfcheck.forget import forget
from breach.selfcheck.periods import current, renew
from breach.selfcheck.publish import leaks, publish, withdraw
from breach.selfcheck.shape import STEP, bits_for, group_of, home_of, size_for
from breach.selfcheck.tables import leak_owner, leak_point
from tests.vault.people import made_up as people
from vault.blinding import blind
from vault.ids import Buckets
from vault.oblivious import LABEL_BYTES, SLOT_BITS, identifier, label_of, slot_of


def quiet(*_):
    """Nobody wants to be told."""


def dump_of(rows) -> bytes:
    return ("name,phone,email,id\n" + "".join(",".join(row) + "\n" for row in rows)).encode()


def row(number: int) -> list[str]:
    values = people.values(number)
    return [values["name"], values["phone"], values["email"], values["resident_id"]]


@pytest.fixture
def taken(vault, tmp_path, now):
    """Takes rows into the quarantine."""

    def take(rows, at=now):
        return receive(vault, [dump_of(rows)], tmp_path / "quarantine", now_ms=at)

    return take


@pytest.fixture
def tell(vault, now, taken):
    """Publishes rows as a leak."""
    return lambda rows, at=now: publish(vault, taken(rows, at), now_ms=at, actor="staff", report=quiet)


def asked_of(vault, kind, text):
    """What somebody who asks learns: the names of the leaks an identifier is in; and the answer they got."""
    with vault.data.read() as conn:
        period = current(conn)
        told = [one.name for one in leaks(conn) if one.published_at is not None]
    known = identifier(kind, text)
    blinded = blind(known)
    prefix = slot_of(known) >> SLOT_BITS - period.bits
    got = answer(
        vault, Question(period=period.number, bits=period.bits, prefix=prefix, blinded=blinded.point)
    )
    labels = [got.labels[at : at + LABEL_BYTES] for at in range(0, len(got.labels), LABEL_BYTES)]
    result = blinded.opened(got.evaluated)
    return [name for name in told if label_of(result, name) in labels], labels


def rows_of(vault, table):
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_who_is_in_a_leak_learns_in_which_and_who_is_not_learns_that(vault, tell, now):
    first = tell([row(n) for n in range(12)])
    second = tell([row(n) for n in range(8, 20)], now + 86_400_000)

    assert asked_of(vault, "phone", people.phone(2))[0] == [first.name]
    assert asked_of(vault, "email", "user9@example.com")[0] == [first.name, second.name]
    assert asked_of(vault, "resident_id", people.resident_id(15))[0] == [second.name]
    assert asked_of(vault, "phone", people.phone(99))[0] == []
    assert asked_of(vault, "email", people.phone(2))[0] == []


def test_every_answer_is_as_long_in_the_order_of_bytes_and_the_same_when_asked_again(vault, tell):
    tell([row(n) for n in range(30)])

    found, labels = asked_of(vault, "phone", people.phone(2))
    missed, others = asked_of(vault, "phone", people.phone(99))

    assert found
    assert not missed
    assert labels == others == sorted(labels)
    assert len(set(labels)) == STEP
    assert asked_of(vault, "phone", people.phone(2))[1] == labels


def test_values_however_written_and_wherever_they_stand_are_found_and_masked_ones_are_not(vault, tell):
    rows = [row(n) for n in range(10)]
    rows[1][1] = f"+86 {rows[1][1][:3]}-{rows[1][1][3:7]}-{rows[1][1][7:]}"
    rows[2][2] = rows[2][2].upper()
    rows[3] = [rows[3][2]]
    rows[4][1] = f"{rows[4][1][:3]}****{rows[4][1][-4:]}"

    tell(rows)

    assert asked_of(vault, "phone", people.phone(1))[0]
    assert asked_of(vault, "email", "user2@example.com")[0]
    assert asked_of(vault, "email", "user3@example.com")[0]
    assert not asked_of(vault, "phone", people.phone(4))[0]


def test_publishing_again_changes_nothing_and_a_reading_cut_short_goes_on(vault, taken, now, monkeypatch):
    quarantined = taken([row(n) for n in range(12)])
    keep = publishing._keep

    def cut(*arguments):
        keep(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "_keep", cut)
    with pytest.raises(KeyboardInterrupt):
        publish(vault, quarantined, now_ms=now, actor="staff", report=quiet)
    monkeypatch.undo()
    kept = rows_of(vault, leak_point)
    assert not asked_of(vault, "phone", people.phone(2))[0]

    told = publish(vault, quarantined, now_ms=now + 1, actor="staff", report=quiet)

    assert kept == rows_of(vault, leak_point) == 36
    assert asked_of(vault, "phone", people.phone(2))[0] == [told.name]
    assert publish(vault, quarantined, now_ms=now + 2, actor="staff", report=quiet) == told


def test_no_value_of_anybody_is_kept(vault, tell):
    tell([row(n) for n in range(12)])

    with vault.data.read() as conn:
        kept = repr(conn.execute(select(leak_point)).all())
    assert rows_of(vault, leak_point) == 36
    for value in row(3)[1:]:
        assert value not in kept


def test_whoever_is_erased_is_forgotten_in_every_leak_and_nobody_else_is(vault, tell, enrolled, now):
    tell([row(n) for n in range(12)])
    tell([row(n) for n in range(15)], now + 1)
    gone = enrolled[3]

    with vault.data.write() as conn:
        forget(conn, [(gone.bucket, gone.subject)])

    for kind, text in (("phone", people.phone(3)), ("email", "user3@example.com")):
        assert asked_of(vault, kind, text)[0] == []
    assert len(asked_of(vault, "phone", people.phone(4))[0]) == 2
    assert rows_of(vault, leak_point) == 36 + 45 - 6
    assert rows_of(vault, leak_owner) == 66


def test_a_new_period_answers_the_same_with_other_labels_and_the_old_one_no_more(vault, tell, now):
    told = tell([row(n) for n in range(12)])
    before = asked_of(vault, "phone", people.phone(2))[1]
    blinded = blind(identifier("phone", people.phone(2))).point

    assert renew(vault, now, quiet) == 2

    found, labels = asked_of(vault, "phone", people.phone(2))
    assert found == [told.name]
    assert not set(labels) & set(before)
    assert rows_of(vault, leak_point) == 36
    with pytest.raises(LeaksMoved):
        answer(vault, Question(period=1, bits=0, prefix=0, blinded=blinded))


def test_a_renewal_cut_short_goes_on_and_brings_nobody_back_who_was_erased_meanwhile(
    vault, tell, enrolled, now
):
    tell([row(n) for n in range(12)])
    gone = enrolled[3]

    def erase_then_stop(_what, done, _total):
        if done == 36:
            with vault.data.write() as conn:
                forget(conn, [(gone.bucket, gone.subject)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        renew(vault, now, erase_then_stop)
    with pytest.raises(LeaksBusy):
        tell([row(n) for n in range(20, 30)], now + 1)
    assert asked_of(vault, "phone", people.phone(4))[0]

    assert renew(vault, now, quiet) == 2

    assert not asked_of(vault, "phone", people.phone(3))[0]
    assert asked_of(vault, "phone", people.phone(4))[0]
    assert rows_of(vault, leak_point) == 33


def test_a_leak_that_is_withdrawn_is_told_of_no_more(vault, tell, now):
    told = tell([row(n) for n in range(12)])
    tell([row(n) for n in range(5)], now + 1)

    assert withdraw(vault, told.id) == 36

    assert len(asked_of(vault, "phone", people.phone(2))[0]) == 1
    assert asked_of(vault, "phone", people.phone(9))[0] == []
    with pytest.raises(UnknownLeak):
        withdraw(vault, told.id)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("bits", "prefix"), [(1, 0), (0, 1), (16, 3)])
def test_a_question_by_another_shape_is_sent_back(vault, tell, bits, prefix):
    tell([row(n) for n in range(3)])
    point = blind(identifier("phone", "13800000000")).point

    with pytest.raises(LeaksMoved):
        answer(vault, Question(period=1, bits=bits, prefix=prefix, blinded=point))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_with_nothing_published_there_is_nothing_to_make_anew(vault, now):
    with pytest.raises(UnknownLeak):
        renew(vault, now, quiet)


def test_groups_grow_to_a_thousand_before_they_are_split():
    assert [bits_for(count) for count in (0, 511, 1_023, 1_024, 2_048, 10_000_000, 10**12)] == [
        0,
        0,
        0,
        1,
        2,
        14,
        16,
    ]
    assert [size_for(largest) for largest in (0, 1, 256, 257)] == [256, 256, 256, 512]


@pytest.mark.parametrize("many", [1, 3, 16, 4096])
def test_every_slot_of_a_group_is_in_its_buckets(many):
    buckets = Buckets(5, many)

    for bits in (0, 1, 7, 16):
        for prefix in {0, (1 << bits) - 1, (1 << bits) // 2}:
            group = group_of(prefix, bits, buckets)
            homes = {home_of(slot, buckets) for slot in (group.first_slot, group.last_slot)}
            assert homes == {group.first_bucket, group.last_bucket}
            assert homes <= set(buckets.every())
