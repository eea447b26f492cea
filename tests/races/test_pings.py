"""Several servers at the pings: each is sent by one of them, and an answer at the last moment is told as well."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from consent.approving.approve import Approved, Showing, approve
from consent.decoupled import backchannel, handles, pings
from consent.decoupled.backchannel import Started, Wanted
from consent.decoupled.polling import LIFETIME_MS
from consent.delivery.deliveries import Outcome, Result, Room
from consent.recipients import register as recipients
from consent.schema.backchannel_tables import backchannel_ping
from tests.races.crowd import at_once, dawdling
from tests.races.town import Shop, Town, details_of_shop, found
from vault.opening import Vault

SERVERS = 4
PINGS = 24
type Others = Callable[[int], list[Vault]]
type Sent = list[pings.Ping]


def pinged(vault: Vault, town: Town) -> Shop:
    """The town's shop, whose client is pinged from now on."""
    shop = town.shops[0]
    with vault.data.write() as conn:
        recipients.notify_at(conn, shop.client.client_id, "https://app.example/answered")
        client = recipients.client(conn, shop.client.client_id)
    assert client is not None
    return replace(shop, client=client)


def ask(vault: Vault, shop: Shop, hint: str, now: int) -> Started:
    wanted = Wanted(hint=hint, number="42", token="t0ken")
    with vault.data.write() as conn:
        started = backchannel.start(conn, vault, shop.client, details_of_shop(shop, now), wanted, now)
    assert isinstance(started, Started)
    return started


def send_all(vault: Vault, now: int) -> Sent:
    """Send what is due, until nothing is."""
    sent: Sent = []
    while due := pings.take(vault, now, Room(limit=3, share=2)):
        for one in due:
            pings.settle(vault.data, one, Outcome(result=Result.DELIVERED), now, 0.0)
            sent.append(one.ping)
    return sent


def test_no_ping_is_sent_by_two_servers_and_none_is_left(vault: Vault, others: Others, now: int) -> None:
    shop = pinged(vault, found(vault, now, people=1))
    asked = {ask(vault, shop, f"nobody-{number}", now).auth_req_id for number in range(PINGS)}
    vaults = others(SERVERS)

    with dawdling(3):
        answers = at_once([partial(send_all, one, now + LIFETIME_MS) for one in vaults])

    sent = [ping.auth_req_id for mine in answers for ping in mine]
    assert len(sent) == PINGS
    assert set(sent) == asked
    with vault.data.read() as conn:
        assert set(conn.execute(select(backchannel_ping.c.sealed)).scalars()) == {None}


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_at_the_end_of_the_waiting_is_told_and_leaves_nothing_sealed(
    vault: Vault, others: Others, now: int, seed: int
) -> None:
    town = found(vault, now, people=1)
    shop, person = pinged(vault, town), town.residents[0].consumer
    with vault.data.write() as conn:
        hint = handles.allow(conn, vault, person, shop.client.recipient.id, now)
    started, end = ask(vault, shop, hint, now), now + LIFETIME_MS
    with vault.data.read() as conn:
        (question,) = backchannel.waiting(conn, vault, person, now)
    shown = backchannel.pick(vault, person, question.id, "42", now)
    assert isinstance(shown, Showing)
    *vaults, last = others(SERVERS)

    def decide() -> Sent:
        assert isinstance(approve(last, person, shown.id, None, end - 1), Approved)
        return []

    with dawdling(seed):
        answers = at_once([decide, *(partial(send_all, one, end) for one in vaults)])

    sent = [ping for mine in answers for ping in mine] + send_all(vault, end)
    assert [ping.auth_req_id for ping in sent][:1] == [started.auth_req_id]
    assert len(sent) <= 2, "at most once for the end and once for the answer"
    with vault.data.read() as conn:
        kept = conn.execute(select(backchannel_ping)).one()
    assert (kept.delivered_at, kept.sealed) == (end, None)
