"""Serving marked values: other bytes for each recipient, the same meaning, and always the same bytes again."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.errors import UnsuitableCarrier
from consent.ids import canonical_json
from consent.ledger.entries import log_entry
from consent.ledger.tables import entry
from consent.marks import epochs, seals, tolerance
from consent.marks.carriers import CARRIERS, read
from consent.marks.served import served_before
from consent.marks.symbols import Position, symbol
from consent.marks.tables import mark_epoch, mark_served, served_hash
from consent.permits.issue import permits
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import disclosure
from tests.vault.people import made_up as people
from vault.fields import FIELDS
from vault.ids import PROFILE

PHONE = tuple(code for code, field in CARRIERS.items() if field == "phone")


@pytest.fixture
def marked(world):
    tolerance.allow(world.vault, "delivery", PHONE, world.now)
    return world


def answers(world, app, persons, key=None, **changes):
    tokens = [world.token(app, person) for person in persons]
    requests = [replace(world.request(token, key), **changes) for token in tokens]
    found = disclose_many(world.vault, requests, world.now)
    assert all(isinstance(one, Disclosure) for one in found), found
    return found


def test_two_recipients_get_other_bytes_of_the_same_meaning_and_each_the_same_again(marked):
    apps = [marked.app(name=f"Carrier {i} Ltd") for i in range(2)]
    persons = marked.people(12)

    served = [[one.values for one in answers(marked, app, persons)] for app in apps]
    marked.tick(86_000_000)
    again = [[one.values for one in answers(marked, app, persons)] for app in apps]

    assert served == again
    assert served[0] != served[1]
    for i, pair in enumerate(zip(*served, strict=True)):
        assert {FIELDS["phone"].canonical(values["phone"]) for values in pair} == {people.phone(i)}
        assert {values["name"] for values in pair} == {people.values(i)["name"]}


def test_what_is_served_shows_the_bits_of_its_recipient(marked):
    app, (person,) = marked.app(), marked.people(1)

    (answer,) = answers(marked, app, [person])

    key = epochs.key(marked.vault, 1)
    at = [Position(person.subject, PROFILE, "phone", 1, code) for code in PHONE]
    drawn = {one.carrier: symbol(key, one, app.client.recipient.id) for one in at}
    assert read("phone", answer.values["phone"]) == drawn
    with marked.vault.data.read() as conn:
        rows = served_before(conn, [(person.bucket, person.subject, "phone", PROFILE, 1)], marked.now + 1)
        nobody = served_before(conn, [(person.bucket, person.subject, "phone", PROFILE, 2)], marked.now + 1)
    assert rows == [(0, app.client.recipient.id, 1, tuple(sorted(PHONE)))]
    assert nobody == []


def test_a_retry_gets_the_same_bytes_and_the_same_receipt_whatever_was_decided_meanwhile(marked):
    app, (person,) = marked.app(), marked.people(1)
    token = marked.token(app, person)
    (first,) = disclose_many(marked.vault, [marked.request(token, "k1")], marked.now)

    tolerance.allow(marked.vault, "delivery", (), marked.now)
    tolerance.opt_out(marked.vault, person.subject, marked.now)
    epochs.roll(marked.vault, marked.now)
    (again,) = disclose_many(marked.vault, [marked.request(token, "k1")], marked.now)

    assert first.values["phone"] != people.phone(0)
    assert (again.values, again.receipt) == (first.values, first.receipt)


def test_a_version_stays_under_its_epoch_and_the_next_one_comes_under_the_newest(marked):
    app, (person,) = marked.app(), marked.people(1)
    (first,) = answers(marked, app, [person])
    marked.tick(1)
    assert epochs.roll(marked.vault, marked.now) == 2

    (again,) = answers(marked, app, [person])
    marked.tick(1)
    people.change(marked.vault, person.subject, "phone", people.phone(77), marked.now)
    marked.tick(1)
    (changed,) = answers(marked, app, [person])

    assert again.values == first.values
    assert FIELDS["phone"].canonical(changed.values["phone"]) == people.phone(77)
    with marked.vault.data.read() as conn:
        rows = conn.execute(select(mark_served.c.version, mark_served.c.epoch)).all()
    assert sorted(map(tuple, rows)) == [(1, 1), (2, 2)]


def test_without_a_tolerance_with_an_opt_out_and_of_other_fields_nothing_is_marked(world):
    app, persons = world.app(), world.people(3)
    (plain,) = answers(world, app, persons[:1])
    tolerance.allow(world.vault, "delivery", PHONE, world.now)
    tolerance.opt_out(world.vault, persons[1].subject, world.now)

    (refused,) = answers(world, app, persons[1:2])
    (other,) = answers(world, world.app("customer_care", "Helpful Ltd"), persons[2:])
    tolerance.opt_in(world.vault, persons[1].subject)
    (back,) = answers(world, app, persons[1:2])

    assert [one.values["phone"] for one in (plain, refused, other)] == [people.phone(i) for i in range(3)]
    assert back.values["phone"] != people.phone(1)
    with world.vault.data.read() as conn:
        assert conn.execute(select(disclosure.c.marks)).scalars().all().count(None) == 3


def test_only_carriers_of_fields_that_a_purpose_asks_for_can_be_tolerated(world):
    for wanted in (["email.domain"], ["phone.colour"]):
        with pytest.raises(UnsuitableCarrier):
            tolerance.allow(world.vault, "delivery", wanted, world.now)
    assert epochs.epochs(world.vault) == []


def test_one_person_twice_in_a_batch_is_written_once(marked):
    app, (person,) = marked.app(), marked.people(1)

    one, two = answers(marked, app, [person, person])

    assert one.values == two.values
    with marked.vault.data.read() as conn:
        assert len(conn.execute(select(mark_served.c.epoch)).all()) == 1


def test_marked_and_unmarked_ones_in_one_batch_each_get_their_own(marked):
    care = marked.app("customer_care", "Helpful Ltd")
    app, persons = marked.app(), marked.people(2)
    requests = [
        marked.request(marked.token(one, who)) for one, who in ((care, persons[0]), (app, persons[1]))
    ]

    plain, other = disclose_many(marked.vault, requests, marked.now)

    assert plain.values["phone"] == people.phone(0)
    assert FIELDS["phone"].canonical(other.values["phone"]) == people.phone(1) != other.values["phone"]


def test_the_commitment_to_a_key_is_in_every_log_before_it_is_used(marked):
    answers(marked, marked.app(), marked.people(1))

    with marked.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).order_by(entry.c.bucket, entry.c.idx)).scalars().all()
        began = conn.execute(select(mark_epoch.c.bucket)).scalars().all()
    told = [log_entry.parse(body) for body in bodies if log_entry.is_about_log(body)]
    said = [one for one in told if isinstance(one, log_entry.MarkEpoch)]

    assert sorted(began) == sorted(marked.vault.installation.buckets.every())
    assert {(one.epoch, one.commitment) for one in said} == {
        (1, epochs.commitment(1, epochs.key(marked.vault, 1)))
    }
    assert len(said) == len(began)


def test_the_data_base_refuses_an_epoch_nobody_committed_to_and_another_one_for_the_same_version(marked):
    answers(marked, marked.app(), marked.people(1))
    with marked.vault.data.read() as conn:
        row = dict(conn.execute(select(disclosure)).mappings().one())
        served = dict(conn.execute(select(mark_served)).mappings().one())

    lines = canonical_json([f"2 1 phone {PHONE[0]}"])
    with pytest.raises(DBAPIError, match="the ledger does not know"), marked.vault.data.write() as conn:
        conn.execute(insert(disclosure).values(**{**row, "id": bytes(16), "slot": 2, "marks": lines}))
    with pytest.raises(DBAPIError), marked.vault.data.write() as conn:
        conn.execute(insert(mark_served).values(**{**served, "epoch": 2, "version": 9}))
    epochs.roll(marked.vault, marked.now)
    with pytest.raises(DBAPIError, match="under one epoch"), marked.vault.data.write() as conn:
        conn.execute(insert(mark_served).values(**{**served, "epoch": 2, "carriers": PHONE[0]}))


def test_a_use_whose_marks_were_changed_behind_our_back_gets_no_permit(marked, caplog):
    (answer,) = answers(marked, marked.app(), marked.people(1))
    with marked.vault.data.write() as conn:
        if marked.vault.data.dialect == "sqlite":
            conn.exec_driver_sql("DROP TRIGGER disclosure_no_update")
        else:
            conn.exec_driver_sql("ALTER TABLE disclosure DISABLE TRIGGER ALL")
        conn.execute(update(disclosure).values(marks=canonical_json([f"1 1 phone {PHONE[0]}"])))

    done = answer.disclosed
    assert permits(marked.vault, [(done.bucket, done.disclosure_id)]) == [None]
    assert "disagree" in caplog.text


def sealed(world, answer):
    done = answer.disclosed
    proof = seals.proof_of(world.vault, (done.bucket, done.disclosure_id))
    with world.vault.data.read() as conn:
        body = conn.execute(select(entry.c.body).where(entry.c.id == proof.entry_id)).scalar_one()
    return proof, log_entry.parse(body)


def test_the_bytes_that_were_served_can_be_shown_and_no_others(marked):
    app, persons = marked.app(), marked.people(5)
    found = answers(marked, app, persons)
    again = answers(marked, app, persons[:1])
    assert seals.proof_of(marked.vault, (found[0].disclosed.bucket, found[0].disclosed.disclosure_id)) is None

    assert seals.seal_due(marked.vault, marked.now) == 6
    assert seals.seal_due(marked.vault, marked.now) == 0

    for answer in (*found, *again):
        proof, told = sealed(marked, answer)
        assert seals.shows(proof, answer.values, told)
        assert not seals.shows(proof, {**answer.values, "phone": answer.values["phone"] + " "}, told)
        assert not seals.shows(replace(proof, salt=bytes(32)), answer.values, told)
        assert not seals.shows(proof, answer.values, replace(told, root=bytes(32)))


def test_a_hash_is_sealed_once_and_stays(marked):
    answers(marked, marked.app(), marked.people(1))
    seals.seal_due(marked.vault, marked.now)

    for change in (
        update(served_hash).values(place=7),
        update(served_hash).values(hash=bytes(32)),
        delete(served_hash),
        delete(mark_served),
        update(mark_epoch).values(commitment=bytes(32)),
    ):
        with pytest.raises(DBAPIError), marked.vault.data.write() as conn:
            conn.execute(change)


def test_an_epoch_that_was_begun_in_some_buckets_only_is_begun_in_the_others_next(marked, monkeypatch):
    begin, done = epochs._begin, []

    def dies(vault, bucket, number, now_ms):
        if done:
            raise OSError("away")
        done.append(bucket)
        begin(vault, bucket, number, now_ms)

    buckets = len(list(marked.vault.installation.buckets.every()))
    if buckets == 1:
        pytest.skip("one bucket is begun or it is not")
    monkeypatch.setattr(epochs, "_begin", dies)
    with pytest.raises(OSError, match="away"):
        epochs.roll(marked.vault, marked.now)
    monkeypatch.undo()

    assert epochs.roll(marked.vault, marked.now) == 2
    assert [one.buckets for one in epochs.epochs(marked.vault)] == [buckets, buckets]
