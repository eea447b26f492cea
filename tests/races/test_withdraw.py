"""Withdrawal against redemption, thousands of times: nothing commits behind the withdrawal, nothing gets lost.

One round is one person with a three-use token: three redeemers and the person's withdrawal leave one barrier
together, each through a vault of its own. The order is the ledger's: by index, not by anybody's clock.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import Token, Town, found, token
from vault.opening import Vault

USES = 3
PEOPLE = 25
type Others = Callable[[int], list[Vault]]
type Answer = Disclosure | Denied | Withdrawn | None


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_fifteen_races_no_disclosure_stands_behind_its_withdrawal(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(USES + 1), now, rounds=15, longest=longest)


@pytest.mark.heavy
@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_a_thousand_races_no_disclosure_stands_behind_its_withdrawal(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_many(vault, others(USES + 1), now, rounds=1000, longest=longest)


def race_many(vault: Vault, vaults: list[Vault], now: int, *, rounds: int, longest: float) -> None:
    """Run the rounds, then count what the callers were told against what the rows say."""
    town = found(vault, now, people=PEOPLE)
    told = 0
    before: list[int] = []
    for number, one in enumerate(_tokens(town, rounds, now)):
        with dawdling(number, shortest=longest / 3, longest=longest):
            answers = _race(vaults, one, now, turn=number)
        served = given([a for a in answers if isinstance(a, Disclosure | Denied)])
        ended = next(a for a in answers if isinstance(a, Withdrawn))
        told += len(served)
        before.append(ended.disclosures)
        assert ended.disclosures == len(served)
        assert {a.code for a in answers if isinstance(a, Denied)} <= {DenialCode.WITHDRAWN}

    taken = audit(vault)
    assert (taken.withdrawals, taken.late) == (rounds, 0)
    assert taken.disclosures == told
    assert taken.sound(), taken
    assert rounds < 100 or len(set(before)) > 1, "every race went the same way: nothing was raced"


def _tokens(town: Town, rounds: int, now: int) -> Iterator[Token]:
    for number in range(rounds):
        yield token(town, number % PEOPLE, now, uses=USES)


def _race(vaults: list[Vault], one: Token, now: int, *, turn: int) -> list[Answer]:
    person = one.resident.consumer
    calls: list[Callable[[], Answer]] = [
        partial(redeem_one, vaults[at], request_of(one, now), now) for at in range(USES)
    ]
    ending = partial(withdraw, vaults[USES], person.subject, person.bucket, one.grant_id, now)
    calls.insert(turn % (USES + 1), ending)
    return at_once(calls)
