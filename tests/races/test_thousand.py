"""A thousand rounds of every race that decides over a use: sixty-four hands, slow statements, several processes' vaults.

Withdrawals against redemptions have their thousand in `test_withdraw`.
"""

import secrets
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from consent.approving.approve import Showing, claim
from consent.asking import ask
from consent.asking.ask import Pushed, PushParams
from consent.denials import Denied
from consent.redemption.disclose import Disclosure
from consent.signing import replay
from consent.tokens.exchange import Issued, exchange
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import (
    CHALLENGE,
    REDIRECT,
    Approval,
    Token,
    Town,
    approved,
    details_of_shop,
    exchange_of,
    found,
    token,
)
from vault.opening import Vault

pytestmark = pytest.mark.heavy

ROUNDS = 1_000
CROWD = 64
PROCESSES = 4
PEOPLE = 64
type Others = Callable[[int], list[Vault]]
type Answer = Disclosure | Denied


@pytest.fixture
def town(vault: Vault, now: int) -> Town:
    return found(vault, now, people=PEOPLE)


@pytest.fixture
def vaults(others: Others) -> Sequence[Vault]:
    return others(PROCESSES)


def rounds(vaults: Sequence[Vault], call: Callable[[int, Vault], Callable[[], object]]) -> list[list[object]]:
    """What all hands of each round were answered; `call(round, vault)` makes one hand's call."""
    answers = []
    for number in range(ROUNDS):
        with dawdling(number):
            answers.append(at_once([call(number, vaults[at % PROCESSES]) for at in range(CROWD)]))
    return answers


def redeemed(
    town: Town, vaults: Sequence[Vault], now: int, uses: int, *, keyed: bool = False
) -> list[list[Answer]]:
    """The rounds of redeeming one token of `uses` uses each."""
    made: dict[int, Token] = {}

    def call(number: int, vault: Vault) -> Callable[[], Answer]:
        if number not in made:
            made[number] = token(town, number % PEOPLE, now, uses=uses)
        key = f"again-{number}" if keyed else None
        return partial(redeem_one, vault, request_of(made[number], now, key=key), now)

    return rounds(vaults, call)


@pytest.mark.parametrize("uses", [1, 3])
def test_a_token_is_spent_exactly_as_often_as_it_may_be(
    vault: Vault, town: Town, vaults: Sequence[Vault], now: int, uses: int
) -> None:
    answers = redeemed(town, vaults, now, uses)

    assert {len(given(some)) for some in answers} == {uses}
    taken = audit(vault)
    assert (taken.disclosures, taken.late) == (ROUNDS * uses, 0)
    assert taken.sound(), taken


def test_retries_under_one_key_are_one_disclosure(
    vault: Vault, town: Town, vaults: Sequence[Vault], now: int
) -> None:
    answers = redeemed(town, vaults, now, 3, keyed=True)

    assert {len(given(some)) for some in answers} == {CROWD}
    assert {len({one.receipt for one in given(some)}) for some in answers} == {1}
    assert audit(vault).disclosures == ROUNDS
    assert audit(vault).sound(), audit(vault)


def test_a_proof_or_an_assertion_is_accepted_once(vault: Vault, vaults: Sequence[Vault], now: int) -> None:
    buckets, jtis = vault.installation.buckets, [secrets.token_bytes(32) for _ in range(ROUNDS)]

    def remember(number: int, by: Vault) -> Callable[[], bool]:
        def attempt() -> bool:
            with by.data.write() as conn:
                return replay.remember(conn, buckets, "assertion", jtis[number], now + 60_000)

        return attempt

    assert {sum(map(bool, some)) for some in rounds(vaults, remember)} == {1}


def test_a_code_is_exchanged_once(vault: Vault, town: Town, vaults: Sequence[Vault], now: int) -> None:
    made: dict[int, Approval] = {}

    def call(number: int, by: Vault) -> Callable[[], Issued | Denied]:
        if number not in made:
            made[number] = approved(vault, town.shops[0], town.residents[number % PEOPLE], now)
        return partial(exchange, by, exchange_of(made[number]), now)

    answers = rounds(vaults, call)

    assert {sum(isinstance(one, Issued) for one in some) for some in answers} == {1}


def test_a_request_uri_is_shown_to_one_person(
    vault: Vault, town: Town, vaults: Sequence[Vault], now: int
) -> None:
    shop, made = town.shops[0], {}
    params = PushParams(redirect_uri=REDIRECT, state="s", code_challenge=CHALLENGE)
    people = iter(range(ROUNDS * CROWD))

    def call(number: int, by: Vault) -> Callable[[], object]:
        if number not in made:
            with vault.data.write() as conn:
                details = details_of_shop(shop, now)
                made[number] = ask.push(conn, vault.installation.buckets, shop.client, details, params, now)
        pushed = made[number]
        assert isinstance(pushed, Pushed)
        who = town.residents[next(people) % PEOPLE].consumer
        return partial(claim, by, who, pushed.request_uri, shop.client.client_id, now)

    answers = rounds(vaults, call)

    assert {sum(isinstance(one, Showing) for one in some) for some in answers} == {1}
