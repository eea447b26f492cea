"""A token is given back while it is being redeemed: one of the two comes first, and the rows say which.

One round is one single-use token: three redeemers and the client's own revocation leave one barrier together, each
through a vault of its own. A use is spent or voided, never both, and nothing is redeemed once the revocation has
answered.
"""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select

from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, use
from consent.tokens.revoking import revoke
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one, request_of
from tests.races.town import Token, found, token
from vault.opening import Vault

REDEEMERS = 3
type Others = Callable[[int], list[Vault]]


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_twenty_races_a_use_is_redeemed_or_given_back(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(REDEEMERS + 1), now, rounds=20, longest=longest)


@pytest.mark.heavy
@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_a_thousand_races_a_use_is_redeemed_or_given_back(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(REDEEMERS + 1), now, rounds=1000, longest=longest)


def race_many(vault: Vault, vaults: list[Vault], now: int, *, rounds: int, longest: float) -> None:
    town = found(vault, now, people=10)
    ways = set()
    for number in range(rounds):
        one = token(town, number % 10, now)
        with dawdling(number, shortest=longest / 3, longest=longest):
            answers = _race(vaults, one, town.shops[0].client.client_id, now, turn=number)
        served = [answer for answer in answers if isinstance(answer, Disclosure)]
        assert {a.code for a in answers if isinstance(a, Denied)} <= {DenialCode.VOIDED, DenialCode.SPENT}
        assert isinstance(redeem_one(vault, request_of(one, now), now), Denied)
        with vault.data.read() as conn:
            spent, voided = conn.execute(
                select(use.c.spent, use.c.voided_at).where(use.c.id == one.use_id)
            ).one()
            state = conn.execute(
                select(consent_grant.c.state).where(consent_grant.c.id == one.grant_id)
            ).scalar_one()
        assert (len(served), spent, voided) in {(1, 1, None), (0, 0, now)}
        assert state == (GrantState.EXHAUSTED if served else GrantState.ACTIVE)
        ways.add(len(served))

    taken = audit(vault)
    assert taken.sound(), taken
    assert rounds < 100 or len(ways) > 1, "every race went the same way: nothing was raced"


def _race(
    vaults: list[Vault], one: Token, client_id: str, now: int, *, turn: int
) -> list[Disclosure | Denied | bool]:
    calls: list[Callable[[], Disclosure | Denied | bool]] = [
        partial(redeem_one, vaults[at], request_of(one, now), now) for at in range(REDEEMERS)
    ]
    calls.insert(turn % (REDEEMERS + 1), partial(_give_back, vaults[REDEEMERS], one, client_id, now))
    return at_once(calls)


def _give_back(vault: Vault, one: Token, client_id: str, now: int) -> bool:
    with vault.data.write() as conn:
        return revoke(conn, vault.installation.buckets, client_id, one.text, now)
