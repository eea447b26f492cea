"""Rivals in many threads, each with a transaction of its own: uses are spent exactly as often as granted."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import func, select

from consent.denials import Denied
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.redemption.disclose import Disclosure, disclose_many
from consent.redemption.redeem import Disclosed, redeem_many
from consent.schema.tables import disclosure, redelivery
from consent.tokens.exchange import Issued, exchange
from consent.withdrawal.withdraw import withdraw

CALLERS = 64


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run every call in a thread of its own, released at one moment; exceptions are answers too."""
    gate = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(at: int) -> None:
        gate.wait()
        try:
            answers[at] = calls[at]()
        except Exception as error:
            answers[at] = error

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a for a in answers if isinstance(a, Exception)] == []
    return answers


def redelivered(world):
    """How often, in how few rows: one for each disclosure."""
    with world.vault.data.read() as conn:
        rows = conn.execute(select(redelivery.c.attempts)).scalars().all()
    assert len(rows) <= 1
    return sum(rows)


def count(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def redeemers(world, requests):
    return [lambda r=r: redeem_many(world.vault, [r], world.now)[0] for r in requests]


def test_64_callers_of_a_one_use_token_get_exactly_one_disclosure(world):
    issued = world.token(world.app(), world.person())
    answers = together(redeemers(world, [world.request(issued) for _ in range(CALLERS)]))

    assert sum(isinstance(a, Disclosed) for a in answers) == 1
    assert count(world, disclosure) == 1


def test_64_callers_of_a_three_use_token_get_exactly_three(world):
    issued = world.token(world.app(), world.person(), uses=3)
    answers = together(redeemers(world, [world.request(issued) for _ in range(CALLERS)]))

    assert sorted(a.slot for a in answers if isinstance(a, Disclosed)) == [1, 2, 3]
    assert count(world, disclosure) == 3


def test_64_retries_under_one_key_get_one_disclosure_and_equal_answers(world):
    issued = world.token(world.app(), world.person(), uses=3)
    requests = [world.request(issued, key="k") for _ in range(CALLERS)]

    answers = together([lambda r=r: disclose_many(world.vault, [r], world.now)[0] for r in requests])

    assert all(isinstance(a, Disclosure) for a in answers)
    assert len({(a.receipt, tuple(a.values.items())) for a in answers}) == 1
    assert (count(world, disclosure), redelivered(world)) == (1, CALLERS - 1)


def test_one_proof_sent_64_times_is_accepted_once(world):
    request = world.request(world.token(world.app(), world.person(), uses=3))
    answers = together(redeemers(world, [request] * CALLERS))

    assert sum(isinstance(a, Disclosed) for a in answers) == 1


def test_one_code_exchanged_by_many_gives_one_token_and_that_one_is_voided(world):
    app, person = world.app(), world.person()
    approved = world.approve(app, person)
    request = world.exchanging(app, approved.code)

    answers = together([lambda: exchange(world.vault, request, world.now)] * 16)

    assert sum(isinstance(a, Issued) for a in answers) == 1
    assert sum(isinstance(a, Denied) for a in answers) == 15


def test_overlapping_batches_in_opposite_order_neither_deadlock_nor_lose_a_use(world):
    app, people = world.app(), world.people(12)
    tokens = [world.token(app, person, uses=2) for person in people]

    def batch(name, order):
        requests = [world.request(issued, key=f"{name}-{issued.grant_id.hex()}") for issued in order]
        return lambda: redeem_many(world.vault, requests, world.now)

    answers = together([batch("up", tokens), batch("down", tokens[::-1])] * 2)

    assert count(world, disclosure) == 24
    assert sum(isinstance(a, Disclosed) and not a.redelivered for out in answers for a in out) == 24


def test_the_same_key_for_different_tokens_at_once_stands_for_one_of_them(world):
    app, people = world.app(), world.people(8)
    tokens = [world.token(app, p) for p in people if p.bucket == people[0].bucket]
    answers = together(redeemers(world, [world.request(t, key="k") for t in tokens]))

    assert sum(isinstance(a, Disclosed) for a in answers) == 1
    assert count(world, disclosure) == 1


def test_no_disclosure_stands_behind_its_withdrawal_in_the_log(world):
    app, people = world.app(), world.people(8)
    tokens = [world.token(app, person, uses=8) for person in people]
    calls = []
    for person, issued in zip(people, tokens, strict=True):
        calls += redeemers(world, [world.request(issued) for _ in range(6)])
        calls.insert(
            len(calls) - 3,
            lambda p=person, i=issued: withdraw(world.vault, p.subject, p.bucket, i.grant_id, world.now),
        )

    together(calls)

    with world.vault.data.read() as conn:
        bodies = [parse(b) for b in conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars()]
    ended = set()
    for found in bodies:
        if found.kind is Kind.WITHDRAW:
            ended.add(found.tag)
        assert not (found.kind is Kind.ACCESS and found.tag in ended)
    assert len(ended) == 8
