"""From a token to values: what `disclose_many` answers, what it leaves behind, and what spoils what."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest
from sqlalchemy import func, select

from consent import ledgering
from consent.denials import DenialCode, Denied
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry, opening
from consent.redemption import disclose, redeem
from consent.redemption.disclose import Disclosure, disclose_many
from consent.redemption.redeem import Disclosed, redeem_many
from consent.schema.tables import denial, disclosure, redelivery, replay
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import DAY, idempotency
from tests.vault.people import made_up as people
from vault.ids import Bucket
from vault.reading.records import Updated, update_value


@pytest.fixture
def one(world):
    app, person = world.app(), world.person()
    return app, person, world.token(app, person)


def redelivered(world):
    """How often, in how few rows: one for each disclosure."""
    with world.vault.data.read() as conn:
        rows = conn.execute(select(redelivery.c.attempts)).scalars().all()
    assert len(rows) <= 1
    return sum(rows)


def count(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def entries(world, *kinds):
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body)).scalars()
        return [found for found in map(parse, bodies) if found.kind in kinds]


def code(answer):
    assert isinstance(answer, Denied), answer
    return answer.code


def test_a_token_gives_the_approved_values_once_and_then_nothing(world, one):
    _, person, issued = one
    first = disclose_many(world.vault, [world.request(issued)], world.now)[0]
    second = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    assert isinstance(first, Disclosure)
    assert first.values == {name: people.values(0)[name] for name in ("name", "phone")}
    assert (first.disclosed.slot, first.disclosed.quota) == (1, 1)
    assert first.disclosed.subject == person.subject
    assert second == Denied(code=DenialCode.SPENT)


def test_every_disclosure_has_one_ledger_entry_of_its_own_id(world, one):
    _, _, issued = one
    answer = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    (found,) = entries(world, Kind.ACCESS)
    assert found.id == answer.disclosed.disclosure_id
    assert parse(answer.disclosed.position.body) == found


def test_a_subset_of_the_fields_may_be_asked_for_but_nothing_else(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=2)

    narrow, wide = disclose_many(
        world.vault,
        [world.request(issued, fields=("phone",)), world.request(issued, fields=("phone", "email"))],
        world.now,
    )

    assert set(narrow.values) == {"phone"}
    assert code(wide) is DenialCode.FIELD_NOT_GRANTED


def test_a_mixed_batch_gives_everybody_their_own_answer_in_order(world):
    app, (a, b, c) = world.app(), world.people(3)
    tokens = [world.token(app, a), world.token(app, b), world.token(app, c, uses=2)]
    made_up = replace(world.request(tokens[0]), token_hash=b"?" * 32)
    requests = [
        made_up,
        world.request(tokens[0], jkt="x" * 43),
        world.request(tokens[1]),
        world.request(tokens[2]),
        world.request(tokens[1]),
        world.request(tokens[0]),
        world.request(tokens[2]),
        world.request(tokens[2]),
    ]

    answers = disclose_many(world.vault, requests, world.now)

    said = [a.disclosed.subject if isinstance(a, Disclosure) else a.code for a in answers]
    assert said == [
        DenialCode.UNKNOWN_TOKEN,
        DenialCode.WRONG_KEY,
        b.subject,
        c.subject,
        DenialCode.SPENT,
        a.subject,
        c.subject,
        DenialCode.SPENT,
    ]
    assert count(world, disclosure) == 4


def test_an_empty_batch_does_nothing(world):
    assert disclose_many(world.vault, [], world.now) == []


def test_a_proof_works_once_even_for_another_use_of_the_same_token(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    request = world.request(issued)

    together = disclose_many(world.vault, [request, request], world.now)
    later = disclose_many(world.vault, [request], world.now)

    assert isinstance(together[0], Disclosure)
    assert code(together[1]) is code(later[0]) is DenialCode.REPLAYED_PROOF


def test_strangers_leave_no_replay_rows_and_one_counter(world, one):
    _, _, issued = one
    strangers = [
        replace(world.request(issued), token_hash=bytes([i]) * 32, bucket=Bucket(i)) for i in range(40)
    ]

    answers = disclose_many(world.vault, strangers, world.now)

    assert {code(answer) for answer in answers} == {DenialCode.UNKNOWN_TOKEN}
    assert count(world, replay) == 0
    assert count(world, denial) <= world.vault.installation.buckets.many


def test_expired_tokens_and_closed_windows_are_denied_by_the_time_of_redemption(world, one):
    _, _, issued = one

    assert code(disclose_many(world.vault, [world.request(issued)], world.now + 120_000)[0]) is (
        DenialCode.EXPIRED
    )
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now + 119_999)[0], Disclosure)


def test_a_retry_gets_the_same_answer_and_counts_as_a_redelivery(world, one):
    _, _, issued = one
    first = disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0]
    world.tick(200_000)  # the token has expired meanwhile; a lost answer must not cost a use
    again = [disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0] for _ in range(5)]

    for answer in again:
        assert (answer.values, answer.receipt) == (first.values, first.receipt)
        assert answer.disclosed == first.disclosed._replace(redelivered=True)
    assert (count(world, disclosure), redelivered(world)) == (1, 5)
    assert len(entries(world, Kind.ACCESS)) == 1


def test_a_retry_reads_the_values_of_the_first_answer_even_if_they_changed(world, one):
    _, person, issued = one
    first = disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0]
    people.change(world.vault, person.subject, "phone", "19999999999", world.now + 1)

    again = disclose_many(world.vault, [world.request(issued, key="k")], world.now + 2)[0]

    assert again.values == first.values


def test_a_change_asks_the_clock_only_after_the_uses_before_it_have_committed(world, one, monkeypatch):
    """It arrived with an earlier time while a use was committing: the retry must read what was answered."""
    _, person, issued = one
    order, holds, go = [], Event(), Event()
    truth = redeem.append

    def slow(*args, **more):
        holds.set()
        assert go.wait(30)
        order.append("use")
        return truth(*args, **more)

    def clock():
        order.append("clock")
        return world.now + 1

    monkeypatch.setattr(redeem, "append", slow)
    with ThreadPoolExecutor(2) as pool:
        using = pool.submit(disclose_many, world.vault, [world.request(issued, key="k")], world.now)
        assert holds.wait(30)
        changed = ("phone", "19999999999", world.now - 5)
        changing = pool.submit(update_value, world.vault, person.subject, *changed, clock=clock)
        with pytest.raises(TimeoutError):
            changing.result(timeout=0.3)
        go.set()
        first, version = using.result(30)[0], changing.result(30)
    assert (order, version) == (["use", "clock"], Updated(2))
    again = disclose_many(world.vault, [world.request(issued, key="k")], world.now + 2)[0]

    assert again.values == first.values
    assert again.values["phone"] == people.values(0)["phone"]


def test_retries_inside_one_batch_collapse_to_one_disclosure(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)

    answers = disclose_many(world.vault, [world.request(issued, key="k") for _ in range(8)], world.now)

    assert len({answer.receipt for answer in answers}) == 1
    assert [answer.disclosed.redelivered for answer in answers] == [False] + [True] * 7
    assert (count(world, disclosure), redelivered(world)) == (1, 7)


def test_the_same_key_for_another_request_is_a_mismatch(world):
    app, person = world.app(), world.person()
    issued, other = world.token(app, person, uses=2), world.token(app, person)
    disclose_many(world.vault, [world.request(issued, key="k")], world.now)

    body = world.request(issued, idempotency=idempotency("k", "other body"))
    token = world.request(other, key="k")

    assert [code(a) for a in disclose_many(world.vault, [body, token], world.now)] == [
        DenialCode.IDEMPOTENCY_MISMATCH
    ] * 2
    assert count(world, disclosure) == 1


def test_two_apps_may_use_the_same_key(world):
    person = world.person()
    tokens = [world.token(world.app(name=name), person) for name in ("A Ltd", "B Ltd")]

    answers = disclose_many(world.vault, [world.request(t, key="k") for t in tokens], world.now)

    assert all(isinstance(answer, Disclosure) for answer in answers)


def test_a_denied_attempt_may_be_repeated_under_its_key(world, one):
    _, _, issued = one
    wrong = world.request(issued, key="k", fields=("email",))
    assert code(disclose_many(world.vault, [wrong], world.now)[0]) is DenialCode.FIELD_NOT_GRANTED

    assert isinstance(disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0], Disclosure)


def test_retries_end_after_five_minutes_and_with_the_consent(world, one):
    _, person, issued = one
    disclose_many(world.vault, [world.request(issued, key="k")], world.now)

    late = disclose_many(world.vault, [world.request(issued, key="k")], world.now + 300_000)[0]
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    ended = disclose_many(world.vault, [world.request(issued, key="k")], world.now)[0]

    assert (code(late), code(ended)) == (DenialCode.EXPIRED, DenialCode.WITHDRAWN)


def test_denied_attempts_enter_the_ledger_once_a_day_and_are_counted(world, one):
    _, _, issued = one
    disclose_many(world.vault, [world.request(issued)], world.now)
    for _ in range(3):
        disclose_many(world.vault, [world.request(issued), world.request(issued)], world.now)
    world.tick(1000)
    disclose_many(world.vault, [world.request(issued, jkt="x" * 43)], world.now)

    with world.vault.data.read() as conn:
        counted = dict(conn.execute(select(denial.c.code, denial.c.attempts)).all())
    assert counted == {"spent": 6, "wrong_key": 1}
    assert len(entries(world, Kind.REFUSE)) == 2


def test_a_dead_token_cannot_grow_a_persons_ledger_for_ever(world, one):
    _, _, issued = one
    disclose_many(world.vault, [world.request(issued)], world.now)
    for _ in range(20 * 24):
        world.tick(DAY // 24)
        assert code(disclose_many(world.vault, [world.request(issued)], world.now)[0]) is DenialCode.SPENT

    assert len(entries(world, Kind.REFUSE)) <= 2
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.sum(denial.c.attempts))).scalar_one() == 20 * 24
    assert count(world, denial) <= 21


def test_one_row_the_data_base_turns_down_does_not_spoil_the_others(world, monkeypatch):
    """Decide is made to overlook a spent use: the trigger refuses the set, then only that one."""
    app, people_ = world.app(), world.people(3)
    tokens = [world.token(app, person) for person in people_]
    disclose_many(world.vault, [world.request(tokens[1])], world.now)
    monkeypatch.setattr(
        redeem, "decide", lambda attempts, _: [redeem.Allowed(a.facts.fields, 1, 1) for a in attempts]
    )

    answers = redeem_many(world.vault, [world.request(t) for t in tokens], world.now)

    assert [type(answer) for answer in answers] == [Disclosed, Denied, Disclosed]
    assert count(world, disclosure) == 3
    assert len(entries(world, Kind.ACCESS)) == 3


def test_a_use_the_ledger_does_not_bear_out_is_not_decrypted(world, monkeypatch, caplog):
    """The entry is made to commit to other fields than the row says."""
    app, (honest, robbed) = world.app(), world.people(2)
    tokens = [world.token(app, honest), world.token(app, robbed)]
    truth = ledgering.access_fields

    def lie(**about):
        mine = about["grant"] == redeem.grant_text(tokens[1].grant_id)
        return truth(**{**about, "fields": ("name",)} if mine else about)

    monkeypatch.setattr(redeem, "access_fields", lie)

    answers = disclose_many(world.vault, [world.request(t) for t in tokens], world.now)

    assert isinstance(answers[0], Disclosure)
    assert code(answers[1]) is DenialCode.UNREADABLE
    assert "disagree" in caplog.text
    assert people.values(1)["phone"] not in caplog.text


def test_nothing_is_read_when_the_commit_fails(world, one, monkeypatch):
    _, _, issued = one

    def crash(*args, **more):
        raise RuntimeError("power cut")

    monkeypatch.setattr(redeem, "append", crash)
    read = []
    monkeypatch.setattr(disclose, "open_many", lambda *args: read.append(args))

    with pytest.raises(RuntimeError, match="power cut"):
        disclose_many(world.vault, [world.request(issued)], world.now)

    assert read == []
    assert (count(world, disclosure), count(world, replay)) == (0, 0)
    monkeypatch.undo()
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)


def test_a_secret_that_does_not_open_costs_its_neighbours_nothing(world, monkeypatch):
    app, people_ = world.app(), world.people(3)
    tokens = [world.token(app, person) for person in people_]
    truth = disclose.permits

    def damaged(vault, refs):
        with vault.data.write() as conn:
            conn.execute(
                opening.update().where(opening.c.subject == people_[1].subject).values(sealed=b"?" * 110)
            )
        return truth(vault, refs)

    monkeypatch.setattr(disclose, "permits", damaged)

    answers = disclose_many(world.vault, [world.request(t) for t in tokens], world.now)

    assert [type(answer) for answer in answers] == [Disclosure, Denied, Disclosure]
    assert code(answers[1]) is DenialCode.UNREADABLE


@pytest.mark.parametrize("step", ["permits", "open_many", "receipts"])
def test_whatever_one_item_breaks_after_the_commit_the_others_are_read_and_nothing_is_raised(
    world, monkeypatch, caplog, step
):
    app, people_ = world.app(), world.people(3)
    tokens = [world.token(app, person) for person in people_]
    truth, calls = getattr(disclose, step), []

    def breaks(vault, items):
        calls.append(len(items))
        if len(items) > 1 or len(calls) == 3:
            raise RuntimeError(people.values(1)["phone"])
        return truth(vault, items)

    monkeypatch.setattr(disclose, step, breaks)

    answers = disclose_many(world.vault, [world.request(t, key=t.token) for t in tokens], world.now)
    assert calls == [3, 1, 1, 1]
    assert [type(answer) for answer in answers] == [Disclosure, Denied, Disclosure]
    assert code(answers[1]) is DenialCode.UNREADABLE
    assert people.values(1)["phone"] not in caplog.text
    monkeypatch.undo()
    again = disclose_many(world.vault, [world.request(tokens[1], key=tokens[1].token)], world.now)[0]
    assert (again.disclosed.redelivered, set(again.values)) == (True, {"name", "phone"})


def test_a_person_whose_keys_are_gone_is_like_a_token_nobody_issued(world, one):
    _, person, issued = one
    world.vault.keyring.destroy_many([(person.bucket, person.subject)])

    answer = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    assert code(answer) is DenialCode.UNKNOWN_TOKEN


def test_an_answer_does_not_print_its_values(world, one):
    _, _, issued = one
    answer = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    assert people.values(0)["phone"] not in repr(answer)
