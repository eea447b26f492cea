"""Races around the refresh token: many refreshes spend no more uses than were granted, and none outlives its code."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from consent.denials import Denied
from consent.redemption.disclose import Disclosure
from consent.schema.tables import consent_grant, disclosure, refresh_token, use
from consent.tokens.exchange import Issued, exchange
from consent.tokens.refreshing import Refresh, refresh
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one, request_of
from tests.races.town import JKT, Token, approved, exchange_of, found
from vault.ids import secret_hash
from vault.opening import Vault

COPIES = 16
USES = 3


def count(vault: Vault, table, *where) -> int:
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "dawdling"])
def test_sixteen_refreshes_redeemed_at_once_disclose_exactly_what_was_granted(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, slow: bool
) -> None:
    town = found(vault, now, people=1)
    approval = approved(vault, town.shops[0], town.residents[0], now, uses=USES, batch=1)
    issued = exchange(vault, exchange_of(approval), now)
    assert isinstance(issued, Issued)
    assert issued.refresh
    vaults = others(4)
    wanted = Refresh(client_id=town.shops[0].client.client_id, secret=issued.refresh, jkt=JKT)

    def read_once(at: int) -> Disclosure | Denied:
        own = vaults[at % len(vaults)]
        minted = refresh(own, wanted, now)
        if not isinstance(minted, Issued):
            assert isinstance(minted, Denied)
            return minted
        resident = town.residents[0]
        token = Token(
            resident=resident,
            text=minted.token,
            bucket=resident.consumer.bucket,
            hash=secret_hash(minted.token),
            grant_id=minted.grant_id,
            use_id=minted.use_id,
        )
        return redeem_one(own, request_of(token, now), now)

    with dawdling(3) if slow else dawdling(3, shortest=0, longest=0):
        answers = at_once([lambda at=at: read_once(at) for at in range(COPIES)])

    assert sum(isinstance(answer, Disclosure) for answer in answers) == USES
    assert count(vault, disclosure) == USES
    with vault.data.read() as conn:
        assert conn.execute(select(consent_grant.c.used)).scalar_one() == USES


def test_a_code_raced_against_its_own_refresh_token_leaves_nothing_alive(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    approval = approved(vault, town.shops[0], town.residents[0], now, uses=USES, batch=1)
    issued = exchange(vault, exchange_of(approval), now)
    assert isinstance(issued, Issued)
    assert issued.refresh
    vaults = others(4)
    wanted = Refresh(client_id=town.shops[0].client.client_id, secret=issued.refresh, jkt=JKT)
    calls = [
        (lambda at=at: exchange(vaults[at % 4], exchange_of(approval), now))
        if at % 4 == 0
        else (lambda at=at: refresh(vaults[at % 4], wanted, now))
        for at in range(COPIES)
    ]

    with dawdling(4):
        at_once(calls)

    assert count(vault, use, use.c.voided_at.is_(None)) == 0
    assert count(vault, refresh_token, refresh_token.c.voided_at.is_(None)) == 0
