"""A suspension among redemptions on several workers: whatever begins after it has committed gets nothing."""

from collections.abc import Callable
from functools import partial
from threading import Event

import pytest

from consent.denials import DenialCode, Denied
from consent.recipients import suspensions
from consent.redemption.disclose import Disclosure
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one, request_of
from tests.races.town import Token, found, token
from vault.opening import Vault

REDEEMERS = 8
USES = 12
type Others = Callable[[int], list[Vault]]
type Try = tuple[bool, Disclosure | Denied]
"""Whether the suspension was known to have committed when the redemption began, and what came of it."""


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
@pytest.mark.parametrize("whole", [False, True], ids=["client", "recipient"])
def test_no_redemption_that_begins_after_a_suspension_discloses_anything(
    vault: Vault, others: Others, now: int, whole: bool, longest: float
) -> None:
    town = found(vault, now, people=REDEEMERS)
    tokens = [token(town, number, now, uses=USES) for number in range(REDEEMERS)]
    client = town.shops[0].client
    name = client.recipient.id if whole else client.client_id
    vaults, committed, begun = others(REDEEMERS + 1), Event(), Event()

    def redeem(place: int) -> list[Try]:
        return [_redeem(vaults[place], tokens[place], now, committed, begun) for _ in range(USES)]

    def suspend() -> list[Try]:
        begun.wait(30)
        with vaults[-1].data.write() as conn:
            suspensions.suspend(conn, name, "a race", now)
        committed.set()
        return []

    calls: list[Callable[[], list[Try]]] = [partial(redeem, place) for place in range(REDEEMERS)]
    with dawdling(7, shortest=longest / 3, longest=longest):
        tries = [one for answers in at_once([*calls, suspend]) for one in answers]

    late = [answer for after, answer in tries if after]
    assert all(answer == Denied(code=DenialCode.SUSPENDED) for answer in late)
    assert {type(answer) for _, answer in tries} <= {Disclosure, Denied}
    assert any(isinstance(answer, Disclosure) for _, answer in tries)
    taken = audit(vault)
    assert taken.disclosures == sum(isinstance(answer, Disclosure) for _, answer in tries)
    assert taken.sound(), taken


def _redeem(vault: Vault, one: Token, now: int, committed: Event, begun: Event) -> Try:
    after = committed.is_set()
    answer = redeem_one(vault, request_of(one, now), now)
    begun.set()
    return after, answer
