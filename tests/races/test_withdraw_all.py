"""Withdrawing everything while sixty-four redemptions of several consents run: none later, none lost.

The order is the ledger's, by index, which is the order of the commits in one log: nobody's clock is asked.
"""

from collections.abc import Callable
from functools import partial

import pytest

from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure
from consent.withdrawal.withdraw import Scope, Withdrawn, withdraw_all
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import Token, found, token
from vault.opening import Vault

CROWD = 64
GRANTS = 4
PROCESSES = 4
type Others = Callable[[int], list[Vault]]
type Answer = Disclosure | Denied | list[Withdrawn]


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_withdrawing_everything_amid_sixty_four_redemptions_lets_none_stand_behind_it(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(PROCESSES + 1), now, rounds=3, longest=longest)


@pytest.mark.heavy
@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_a_thousand_rounds_withdrawing_everything_lets_none_stand_behind_it(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(PROCESSES + 1), now, rounds=1000, longest=longest)


def race_many(vault: Vault, vaults: list[Vault], now: int, *, rounds: int, longest: float) -> None:
    """Each round a person's four consents are redeemed sixteen times each while the person ends all of them."""
    town = found(vault, now, people=rounds, shops=GRANTS)
    told = 0
    for number in range(rounds):
        tokens = [token(town, number, now, uses=CROWD, shop=shop) for shop in range(GRANTS)]
        with dawdling(number, shortest=longest / 3, longest=longest):
            answers = at_once(_calls(vaults, tokens, now, turn=number * 7 % CROWD))
        ended = next(answer for answer in answers if isinstance(answer, list))
        served = given([answer for answer in answers if isinstance(answer, Disclosure | Denied)])
        told += len(served)
        assert {one.grant_id for one in ended} == {one.grant_id for one in tokens}
        assert {one.grant_id: one.disclosures for one in ended} == {
            one.grant_id: sum(s.disclosed.grant_id == one.grant_id for s in served) for one in tokens
        }
        assert {a.code for a in answers if isinstance(a, Denied)} <= {DenialCode.WITHDRAWN}

    taken = audit(vault)
    assert (taken.withdrawals, taken.late) == (rounds * GRANTS, 0)
    assert taken.disclosures == told
    assert taken.sound(), taken


def _calls(vaults: list[Vault], tokens: list[Token], now: int, *, turn: int) -> list[Callable[[], Answer]]:
    person = tokens[0].resident.consumer
    calls: list[Callable[[], Answer]] = [
        partial(redeem_one, vaults[at % PROCESSES], request_of(tokens[at % GRANTS], now), now)
        for at in range(CROWD)
    ]
    calls.insert(turn, partial(withdraw_all, vaults[PROCESSES], person.subject, person.bucket, Scope(), now))
    return calls
