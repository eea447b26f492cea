"""The races of consent.md §3 (32 to 37) between two real server processes on one data base, with slow statements."""

import json
import secrets
import threading
import time
from collections.abc import Iterator

import pytest

from consent.denials import Denied
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.bench.proofs import ProofKey, disclosure_request
from tests.flow.installation import ASSERTION
from tests.races.audit import Audit, audit
from tests.races.pair import ISSUER, Pair, form_request, pair
from tests.races.town import REDIRECT, VERIFIER, Token, Town, approved, found, open_shop, token
from tests.sites import lasting_bare_backend

CROWD = 64
PEOPLE = 16


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two slow servers for all races of a data base."""
    home = tmp_path_factory.mktemp("pair") / "home"
    with lasting_bare_backend(request) as backend, pair(home, backend, slow=True) as made:
        yield made


@pytest.fixture
def before(both: Pair) -> Audit:
    """What stood in the books before the test."""
    return audit(both.vault)


ROUNDS = [1, pytest.param(1_000, marks=pytest.mark.heavy)]
_seeds = iter(range(500, 600))


@pytest.fixture
def town(both: Pair) -> Town:
    """People nobody else in this module has enrolled."""
    return found(both.vault, now_ms(), people=PEOPLE, seed=next(_seeds))


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("uses", [1, 3])
def test_two_servers_together_disclose_exactly_the_uses_of_a_token(
    both: Pair, before: Audit, town: Town, uses: int, rounds: int
) -> None:
    key = ProofKey.generate()
    for number in range(rounds):
        one = token(town, number % PEOPLE, now_ms(), uses=uses, jkt=key.jkt)

        statuses, _ = both.send(crowd(key, one))

        assert statuses == {200: uses, 401: CROWD - uses}
    taken = audit(both.vault)
    assert taken.disclosures - before.disclosures == rounds * uses
    assert taken.sound(), taken


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_servers_give_retries_under_one_key_one_disclosure_and_the_same_bytes(
    both: Pair, before: Audit, town: Town, rounds: int
) -> None:
    key = ProofKey.generate()
    for number in range(rounds):
        one = token(town, number % PEOPLE, now_ms(), uses=3, jkt=key.jkt)
        requests = [disclosure_request(key, ISSUER, one.text, f"same-{number}") for _ in range(CROWD)]

        statuses, bodies = both.send(requests)

        assert statuses == {200: CROWD}
        assert len(set(bodies)) == 1
    assert audit(both.vault).disclosures - before.disclosures == rounds


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_servers_accept_one_proof_once(both: Pair, before: Audit, town: Town, rounds: int) -> None:
    key = ProofKey.generate()
    for number in range(rounds):
        one = token(town, number % PEOPLE, now_ms(), uses=3, jkt=key.jkt)
        copy = disclosure_request(key, ISSUER, one.text, f"proof-{number}").replace(b"idempotency-key", b"x")

        statuses, _ = both.send([copy] * CROWD)

        assert statuses == {200: 1, 401: CROWD - 1}
    assert audit(both.vault).disclosures - before.disclosures == rounds


@pytest.mark.parametrize("rounds", ROUNDS)
def test_two_servers_take_one_assertion_once_and_exchange_one_code_once(
    both: Pair, town: Town, rounds: int
) -> None:
    key, shop_key = ProofKey.generate(), ProofKey.generate()
    shop = open_shop(both.vault, 9, now_ms(), jose_key(shop_key))
    client = shop.client.client_id
    for number in range(rounds):
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


@pytest.mark.parametrize("rounds", ROUNDS)
def test_no_disclosure_of_either_server_stands_behind_a_withdrawal(
    both: Pair, before: Audit, town: Town, rounds: int
) -> None:
    key, answered = ProofKey.generate(), 0
    for number in range(rounds):
        one = token(town, number % PEOPLE, now_ms(), uses=1_000, jkt=key.jkt)
        requests, ended = crowd(key, one), []
        wait = threading.Timer(0.002 * (number % 20), lambda: ended.append(end(both, one)))  # noqa: B023

        wait.start()
        statuses, _ = both.send(requests)
        wait.join()

        assert set(statuses) <= {200, 401}
        assert isinstance(ended[0], Withdrawn)
        assert ended[0].disclosures == statuses[200]
        assert both.send(crowd(key, one)[:2])[0] == {401: 2}
        answered += statuses[200]
    taken = audit(both.vault)
    assert (taken.withdrawals - before.withdrawals, taken.late) == (rounds, 0)
    assert taken.disclosures - before.disclosures == answered
    assert taken.sound(), taken


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
