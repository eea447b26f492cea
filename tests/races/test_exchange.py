"""Races before any disclosure: one code, one showing, one pushed request, many hands."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from consent.approving.approve import Approved, Showing, approve, claim
from consent.asking import ask
from consent.asking.ask import Pushed, PushParams
from consent.refusals import Refusal
from consent.schema.tables import consent_grant, notice_showing, use
from consent.tokens.exchange import Issued, exchange
from tests.races.crowd import at_once, dawdling
from tests.races.town import CHALLENGE, REDIRECT, approved, details_of_shop, exchange_of, found, show
from vault.opening import Vault

COPIES = 16


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "dawdling"])
def test_sixteen_copies_of_a_code_exchange_give_one_token(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, slow: bool
) -> None:
    town = found(vault, now, people=1)
    approval = approved(vault, town.shops[0], town.residents[0], now)
    vaults = others(4)
    calls = [
        lambda at=at: exchange(vaults[at % len(vaults)], exchange_of(approval), now) for at in range(COPIES)
    ]

    with dawdling(1) if slow else dawdling(1, shortest=0, longest=0):
        answers = at_once(calls)

    assert sum(isinstance(answer, Issued) for answer in answers) == 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(use)).scalar_one() == 1


def test_sixteen_people_following_one_request_uri_are_shown_it_once(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=COPIES)
    shop = town.shops[0]
    params = PushParams(redirect_uri=REDIRECT, state="s", code_challenge=CHALLENGE)
    with vault.data.write() as conn:
        details = details_of_shop(shop, now)
        pushed = ask.push(conn, vault.installation.buckets, shop.client, details, params, now)
    assert isinstance(pushed, Pushed)
    vaults = others(4)
    client_id = shop.client.client_id
    calls = [
        lambda at=at, who=who: claim(vaults[at % 4], who.consumer, pushed.request_uri, client_id, now)
        for at, who in enumerate(town.residents)
    ]

    with dawdling(11):
        answers = at_once(calls)

    assert sum(isinstance(answer, Showing) for answer in answers) == 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(notice_showing)).scalar_one() == 1


def test_sixteen_presses_of_the_yes_button_make_one_grant(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    resident = town.residents[0]
    shown = show(vault, town.shops[0], resident, now)
    vaults = others(4)
    calls = [
        lambda at=at: approve(vaults[at % len(vaults)], resident.consumer, shown.id, None, now)
        for at in range(COPIES)
    ]

    with dawdling(2):
        answers = at_once(calls)

    assert sum(isinstance(answer, Approved) for answer in answers) == 1
    assert sum(isinstance(answer, Refusal) for answer in answers) == COPIES - 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(consent_grant)).scalar_one() == 1
