"""The races of consent.md §3 (32 to 37) between two real server processes on one data base, with slow statements.

The thousand rounds of the heavy run are shared by several such pairs, each on data bases of its own: a pair's
processor is idle while its statements wait.
"""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest

from consent.denials import Denied
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.bench.proofs import ProofKey, disclosure_request
from tests.flow.installation import ASSERTION
from tests.races.audit import Audit, audit
from tests.races.lanes import Say, side_by_side
from tests.races.pair import ISSUER, Pair, Pairs, form_request
from tests.races.town import REDIRECT, VERIFIER, Shop, Token, Town, approved, found, open_shop, token

CROWD = 64
PEOPLE = 16
PAIRS = 6
ROUNDS = [1, pytest.param(1_000, marks=pytest.mark.heavy)]
type Round = Callable[[Pair, Town, int], Counter[str]]
_seeds = iter(range(500, 600))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pairs(request: pytest.FixtureRequest) -> Iterator[Pairs]:
    """Slow servers for all races of a data base."""
    with Pairs(request) as made:
        yield made


class Race:
    """Rounds on one pair or on many, and what the books say that they added."""

    def __init__(self, pairs: Sequence[Pair], rounds: int, say: Say) -> None:
        self._pairs, self._rounds, self._say = pairs, rounds, say
        # People nobody else in this module has enrolled.
        self._towns = [found(both.vault, now_ms(), people=PEOPLE, seed=next(_seeds)) for both in pairs]
        self._before = [audit(both.vault) for both in pairs]

    def run(self, one_round: Round) -> Counter[str]:
        """What all rounds counted together; a round raises when anything came twice."""
        counts: list[Counter[str]] = []

        def share(at: int) -> None:
            for number in range(at, self._rounds, len(self._pairs)):
                counts.append(one_round(self._pairs[at], self._towns[at], number))  # noqa: PERF401 - told while they come

        side_by_side(
            [partial(share, at) for at in range(len(self._pairs))],
            lambda: self._say(f"{len(counts)} of {self._rounds} rounds"),
        )
        total = sum(counts, Counter())
        self._say(f"{len(counts)} rounds: {dict(total)}, 0 doubled")
        assert len(counts) == self._rounds
        return total

    def added(self, figure: Callable[[Audit], int]) -> int:
        """By how much a figure of the books grew; they are in order."""
        after = [audit(both.vault) for both in self._pairs]
        for taken in after:
            assert taken.sound(), taken
        return sum(map(figure, after)) - sum(map(figure, self._before))


@pytest.fixture(params=ROUNDS)
def race(request: pytest.FixtureRequest, pairs: Pairs, say: Say) -> Race:
    rounds = request.param
    return Race(pairs.first(1 if rounds == 1 else PAIRS), rounds, say if rounds > 1 else print)


@pytest.fixture
def key() -> ProofKey:
    return ProofKey.generate()


@pytest.mark.parametrize("uses", [1, 3])
def test_two_servers_together_disclose_exactly_the_uses_of_a_token(
    race: Race, key: ProofKey, uses: int
) -> None:
    def one_round(both: Pair, town: Town, number: int) -> Counter[str]:
        one = token(town, number % PEOPLE, now_ms(), uses=uses, jkt=key.jkt)

        statuses, _ = both.send(crowd(key, one))

        assert statuses == {200: uses, 401: CROWD - uses}
        return Counter(won=uses, lost=CROWD - uses)

    assert race.run(one_round)["won"] == race.added(disclosures)


def test_two_servers_give_retries_under_one_key_one_disclosure_and_the_same_bytes(
    race: Race, key: ProofKey
) -> None:
    def one_round(both: Pair, town: Town, number: int) -> Counter[str]:
        one = token(town, number % PEOPLE, now_ms(), uses=3, jkt=key.jkt)
        requests = [disclosure_request(key, ISSUER, one.text, f"same-{number}") for _ in range(CROWD)]

        statuses, bodies = both.send(requests)

        assert statuses == {200: CROWD}
        assert len(set(bodies)) == 1
        return Counter(won=1, repeated=CROWD - 1)

    assert race.run(one_round)["won"] == race.added(disclosures)


def test_two_servers_accept_one_proof_once(race: Race, key: ProofKey) -> None:
    def one_round(both: Pair, town: Town, number: int) -> Counter[str]:
        one = token(town, number % PEOPLE, now_ms(), uses=3, jkt=key.jkt)
        copy = disclosure_request(key, ISSUER, one.text, f"proof-{number}").replace(b"idempotency-key", b"x")

        statuses, _ = both.send([copy] * CROWD)

        assert statuses == {200: 1, 401: CROWD - 1}
        return Counter(won=1, lost=CROWD - 1)

    assert race.run(one_round)["won"] == race.added(disclosures)


def test_two_servers_take_one_assertion_once_and_exchange_one_code_once(race: Race, key: ProofKey) -> None:
    shop_key, shops = ProofKey.generate(), dict[str, Shop]()

    def one_round(both: Pair, town: Town, number: int) -> Counter[str]:
        place = both.servers[0].url
        if place not in shops:
            shops[place] = open_shop(both.vault, 9, now_ms(), jose_key(shop_key))
        shop = shops[place]
        client = shop.client.client_id
        approval = approved(both.vault, shop, town.residents[number % PEOPLE], now_ms())
        form = {
            "grant_type": "authorization_code",
            "code": approval.code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            "client_assertion_type": ASSERTION,
        }

        asked = form_request("/introspect", {**form, **identity(shop_key, client), "token": "x"})
        copies, _ = both.send([asked] * CROWD)
        exchanges = [
            form_request(
                "/token",
                {**form, **identity(shop_key, client)},
                dpop=key.proof("POST", f"{ISSUER}/token", secrets.token_hex(4)),
            )
            for _ in range(CROWD)
        ]
        statuses, bodies = both.send(exchanges)

        assert copies == {200: 1, 401: CROWD - 1}
        assert statuses == {200: 1, 400: CROWD - 1}
        # The other copies are the code tried again: what it gave is worth nothing any more.
        text = json.loads(bodies[0])["access_token"]
        after, _ = both.send([disclosure_request(key, ISSUER, text, f"late-{number}")] * 2)
        assert after == {401: 2}
        return Counter(won=2, lost=2 * (CROWD - 1))

    race.run(one_round)

    assert race.added(disclosures) == 0


def test_no_disclosure_of_either_server_stands_behind_a_withdrawal(race: Race, key: ProofKey) -> None:
    def one_round(both: Pair, town: Town, number: int) -> Counter[str]:
        one = token(town, number % PEOPLE, now_ms(), uses=1_000, jkt=key.jkt)
        requests, ended = crowd(key, one), list[Withdrawn | Denied | None]()
        wait = threading.Timer(0.02 * (number % 20), lambda: ended.append(end(both, one)))

        wait.start()
        statuses, _ = both.send(requests)
        wait.join()

        assert set(statuses) <= {200, 401}
        assert isinstance(ended[0], Withdrawn)
        assert ended[0].disclosures == statuses[200]
        assert both.send(crowd(key, one)[:2])[0] == {401: 2}
        return Counter(withdrawn=1, won=statuses[200], lost=statuses[401], late=0)

    counted = race.run(one_round)

    assert race.added(lambda taken: taken.withdrawals) == counted["withdrawn"]
    assert race.added(lambda taken: taken.late) == 0
    assert race.added(disclosures) == counted["won"]


def disclosures(taken: Audit) -> int:
    return taken.disclosures


def crowd(key: ProofKey, one: Token) -> list[bytes]:
    """Sixty-four requests for one token, each with a proof and a key of its own."""
    name = secrets.token_hex(4)
    return [disclosure_request(key, ISSUER, one.text, f"{name}-{at}") for at in range(CROWD)]


def end(both: Pair, one: Token) -> Withdrawn | Denied | None:
    person = one.resident.consumer
    return withdraw(both.vault, person.subject, person.bucket, one.grant_id, now_ms())


def identity(key: ProofKey, client_id: str) -> dict[str, str]:
    return {"client_id": client_id, "client_assertion": key.assertion(client_id, ISSUER)}


def jose_key(key: ProofKey):
    from joserfc.jwk import ECKey

    return ECKey.import_key(key.pem(), {"kid": "shop"})
