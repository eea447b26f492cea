"""A thousand rounds of every race that decides over a use: sixty-four hands, slow statements, several processes' vaults.

Withdrawals against redemptions have their thousand in `test_withdraw`; two real servers theirs in `test_two_servers`.
"""

import secrets
from collections.abc import Iterator
from functools import partial

import pytest

from consent.approving.approve import Showing, claim
from consent.asking import ask
from consent.asking.ask import Pushed, PushParams
from consent.redemption.disclose import Disclosure
from consent.signing import replay
from consent.tokens.exchange import Issued, exchange
from tests.conftest import NOW
from tests.races.audit import Audit
from tests.races.lanes import CROWD, PEOPLE, ROUNDS, Hands, Lane, Lanes, Say, counted, opened_lanes
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import (
    CHALLENGE,
    REDIRECT,
    Approval,
    Token,
    approved,
    details_of_shop,
    exchange_of,
    token,
)
from vault.opening import Vault
from vault.providers.base import Provider

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lanes(request: pytest.FixtureRequest, provider: Provider, say: Say) -> Iterator[Lanes]:
    """For all races of a data base."""
    with opened_lanes(request, provider, say) as made:
        yield made


@pytest.fixture
def before(lanes: Lanes) -> list[Audit]:
    """What stood in the books before the test."""
    return lanes.audits()


def spend(lane: Lane, one: Token) -> Hands:
    return lane.everybody(lambda by: redeem_one(by, request_of(one, NOW), NOW))


def retry(lane: Lane, one: Token) -> Hands:
    return lane.everybody(lambda by: redeem_one(by, request_of(one, NOW, key=one.use_id.hex()), NOW))


def served(answer: object) -> bool:
    return isinstance(answer, Disclosure)


def disclosures(lanes: Lanes, before: list[Audit]) -> int:
    """How many the races added, by books that are in order."""
    after = lanes.audits()
    for taken in after:
        assert taken.sound(), taken
    return sum(one.disclosures for one in after) - sum(one.disclosures for one in before)


@pytest.mark.parametrize("uses", [1, 3])
def test_a_token_is_spent_exactly_as_often_as_it_may_be(lanes: Lanes, before: list[Audit], uses: int) -> None:
    rounds = lanes.race(lambda lane, number: token(lane.town, number % PEOPLE, NOW, uses=uses), spend)

    counted(lanes.say, rounds, served, uses)
    assert disclosures(lanes, before) == ROUNDS * uses


def test_retries_under_one_key_are_one_disclosure(lanes: Lanes, before: list[Audit]) -> None:
    rounds = lanes.race(lambda lane, number: token(lane.town, number % PEOPLE, NOW, uses=3), retry)

    counted(lanes.say, rounds, served, CROWD)
    assert {len({one.receipt for one in given(some)}) for some in rounds} == {1}
    assert disclosures(lanes, before) == ROUNDS


def test_a_proof_or_an_assertion_is_accepted_once(lanes: Lanes) -> None:
    def remember(jti: bytes, by: Vault) -> bool:
        with by.data.write() as conn:
            return replay.remember(conn, by.installation.buckets, "assertion", jti, NOW + 60_000)

    rounds = lanes.race(
        lambda _lane, _number: secrets.token_bytes(32),
        lambda lane, jti: lane.everybody(partial(remember, jti)),
    )

    counted(lanes.say, rounds, bool, 1)


def test_a_code_is_exchanged_once(lanes: Lanes) -> None:
    def approval(lane: Lane, number: int) -> Approval:
        return approved(lane.vault, lane.town.shops[0], lane.town.residents[number % PEOPLE], NOW)

    rounds = lanes.race(
        approval, lambda lane, one: lane.everybody(lambda by: exchange(by, exchange_of(one), NOW))
    )

    counted(lanes.say, rounds, lambda answer: isinstance(answer, Issued), 1)


def test_a_request_uri_is_shown_to_one_person(lanes: Lanes) -> None:
    params = PushParams(redirect_uri=REDIRECT, state="s", code_challenge=CHALLENGE)

    def pushed(lane: Lane, _number: int) -> Pushed:
        shop = lane.town.shops[0]
        with lane.vault.data.write() as conn:
            made = ask.push(
                conn, lane.vault.installation.buckets, shop.client, details_of_shop(shop, NOW), params, NOW
            )
        assert isinstance(made, Pushed)
        return made

    def claims(lane: Lane, one: Pushed) -> Hands:
        client = lane.town.shops[0].client.client_id
        people = [lane.town.residents[at % PEOPLE].consumer for at in range(CROWD)]
        return [
            partial(claim, lane.vaults[at % len(lane.vaults)], who, one.request_uri, client, NOW)
            for at, who in enumerate(people)
        ]

    rounds = lanes.race(pushed, claims)

    counted(lanes.say, rounds, lambda answer: isinstance(answer, Showing), 1)
