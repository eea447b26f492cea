"""Races of what is polled for: one user code, one device code, many hands."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from consent.approving.approve import Approved, Showing, approve
from consent.asking.ask import Via
from consent.decoupled import devices
from consent.decoupled.devices import Started
from consent.decoupled.polling import Poll, Waiting, poll
from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure
from consent.schema.decoupled_tables import request_outcome
from consent.schema.tables import use
from consent.tokens.minting import Issued
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one, request_of
from tests.races.town import JKT, Shop, Token, details_of_shop, found
from vault.ids import secret_hash
from vault.opening import Vault

COPIES = 16


def started(vault: Vault, shop: Shop, now: int) -> Started:
    with vault.data.write() as conn:
        answer = devices.start(conn, vault, shop.client, details_of_shop(shop, now), None, now)
    assert isinstance(answer, Started)
    return answer


def poll_once(vault: Vault, shop: Shop, secret: str, now: int) -> object:
    wanted = Poll(via=Via.DEVICE, client_id=shop.client.client_id, secret=secret, jkt=JKT)
    with vault.data.write() as conn:
        return poll(conn, vault, wanted, now)


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "dawdling"])
def test_sixteen_polls_of_an_approved_device_code_give_one_token_that_works(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, slow: bool
) -> None:
    town = found(vault, now, people=1)
    shop, resident = town.shops[0], town.residents[0]
    given = started(vault, shop, now)
    shown = devices.enter(vault, resident.consumer, given.user_code, now)
    assert isinstance(shown, Showing)
    assert isinstance(approve(vault, resident.consumer, shown.id, None, now), Approved)
    vaults = others(4)
    calls = [lambda at=at: poll_once(vaults[at % 4], shop, given.device_code, now) for at in range(COPIES)]

    with dawdling(5) if slow else dawdling(5, shortest=0, longest=0):
        answers = at_once(calls)

    (issued,) = [answer for answer in answers if isinstance(answer, Issued)]
    assert answers.count(Denied(code=DenialCode.CODE_REUSED)) == COPIES - 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(use)).scalar_one() == 1
    token = Token(
        resident=resident,
        text=issued.token,
        bucket=resident.consumer.bucket,
        hash=secret_hash(issued.token),
        grant_id=issued.grant_id,
        use_id=issued.use_id,
    )
    assert isinstance(redeem_one(vault, request_of(token, now), now), Disclosure)


def test_sixteen_people_typing_one_user_code_are_shown_it_once(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=COPIES)
    given = started(vault, town.shops[0], now)
    vaults = others(4)
    calls = [
        lambda at=at, who=who: devices.enter(vaults[at % 4], who.consumer, given.user_code, now)
        for at, who in enumerate(town.residents)
    ]

    with dawdling(6):
        answers = at_once(calls)

    assert sum(isinstance(answer, Showing) for answer in answers) == 1


def test_an_approval_raced_by_polls_is_fetched_at_most_once_and_never_lost(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    shop, resident = town.shops[0], town.residents[0]
    given = started(vault, shop, now)
    shown = devices.enter(vault, resident.consumer, given.user_code, now)
    assert isinstance(shown, Showing)
    vaults = others(4)

    def one(at: int) -> object:
        if at == 0:
            return approve(vaults[0], resident.consumer, shown.id, None, now)
        return poll_once(vaults[at % 4], shop, given.device_code, now)

    with dawdling(7):
        answers = at_once([lambda at=at: one(at) for at in range(COPIES)])

    issued = sum(isinstance(answer, Issued) for answer in answers)
    assert all(isinstance(answer, Approved | Issued | Denied | Waiting) for answer in answers)
    assert issued + isinstance(poll_once(vault, shop, given.device_code, now), Issued) == 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(request_outcome)).scalar_one() == 1
