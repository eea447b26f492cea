"""The same races over real HTTP: a server in its own process, many connections, and a second process beside it."""

import itertools
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
from joserfc.jwk import ECKey

from api.demo.recipient_client import Pushed, RecipientClient, RefusedByServer, UseToken
from api.demo.traffic import connections, endpoints_of
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.bench.load import Outcome
from tests.bench.proofs import ProofKey, disclosure_request
from tests.faults.live import Live, installation
from tests.races.audit import Audit, audit
from tests.races.crowd import at_once
from tests.races.town import REDIRECT, VERIFIER, Token, Town, approved, found, open_shop, token
from tests.sites import lasting_bare_backend
from vault.opening import Vault

CROWD = 64
COPIES = 16
ROUNDS = 10


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Live, Vault]]:
    """One running server for all races of a data base, and its installation opened by this process too."""
    home = tmp_path_factory.mktemp("live") / "home"
    with lasting_bare_backend(request) as backend, installation(home, backend) as (live, vault):
        live.start()
        yield live, vault
        assert live.stop() == 0


@pytest.fixture
def before(served: tuple[Live, Vault]) -> Audit:
    """What stood in the books before the test."""
    return audit(served[1])


_seeds = itertools.count(100)


def new_town(vault: Vault, people: int) -> Town:
    """People nobody else in this module has enrolled."""
    return found(vault, now_ms(), people=people, seed=next(_seeds))


def test_sixty_four_connections_get_exactly_the_uses_of_a_token(
    served: tuple[Live, Vault], before: Audit
) -> None:
    live, vault = served
    town, key = new_town(vault, 2), ProofKey.generate()

    for person, uses in ((0, 1), (1, 3)):
        one = token(town, person, now_ms(), uses=uses, jkt=key.jkt)
        outcome = crowd(live, key, [(one, f"{uses}-{at}") for at in range(CROWD)])

        assert outcome.statuses == {200: uses, 401: CROWD - uses}
    taken = audit(vault)
    assert taken.disclosures - before.disclosures == 4
    assert taken.sound(), taken


def test_sixty_four_retries_over_http_are_answered_byte_for_byte_alike(
    served: tuple[Live, Vault], before: Audit
) -> None:
    live, vault = served
    town, key = new_town(vault, 1), ProofKey.generate()
    one = token(town, 0, now_ms(), uses=3, jkt=key.jkt)

    outcome = crowd(live, key, [(one, "same") for _ in range(CROWD)])

    assert outcome.statuses == {200: CROWD}
    assert len(set(outcome.bodies.values())) == 1
    taken = audit(vault)
    assert taken.disclosures - before.disclosures == 1
    assert taken.sound(), taken


def test_sixteen_copies_of_a_code_exchange_over_http_give_one_token(
    served: tuple[Live, Vault], before: Audit
) -> None:
    live, vault = served
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    town = new_town(vault, 1)
    shop = open_shop(vault, 9, now_ms(), key)
    approval = approved(vault, shop, town.residents[0], now_ms())
    endpoints, pushed = endpoints_of(live.url), Pushed(authorize_url="", verifier=VERIFIER, state="")

    def exchange() -> UseToken | str:
        with connections() as http:
            client = RecipientClient(
                http, endpoints, client_id=shop.client.client_id, key=key, redirect_uri=REDIRECT
            )
            try:
                return client.exchange(approval.code, pushed)
            except RefusedByServer as refused:
                return refused.code

    answers = at_once([exchange] * COPIES)

    assert sum(isinstance(answer, UseToken) for answer in answers) == 1
    assert len({answer for answer in answers if isinstance(answer, str)}) == 1


def test_a_withdrawal_by_another_process_ends_the_disclosures_of_a_busy_server(
    served: tuple[Live, Vault], before: Audit
) -> None:
    live, vault = served
    town, key = new_town(vault, ROUNDS), ProofKey.generate()
    answered = 0

    for person in range(ROUNDS):
        one = token(town, person, now_ms(), uses=1000, jkt=key.jkt)
        outcome = withdraw_amid(live, vault, key, one, after=2 * person)
        assert set(outcome.statuses) <= {200, 401}
        answered += outcome.statuses[200]

    taken = audit(vault)
    assert (taken.withdrawals - before.withdrawals, taken.late) == (ROUNDS, 0)
    assert taken.disclosures - before.disclosures == answered
    assert taken.sound(), taken


def withdraw_amid(live: Live, vault: Vault, key: ProofKey, one: Token, *, after: int) -> Outcome:
    """Redeem over 16 connections and withdraw in this process once `after` answers have arrived."""
    requests = [disclosure_request(key, live.url, one.text, f"{after}-{at}") for at in range(CROWD)]
    outcome = Outcome()
    sender = threading.Thread(target=partial(live.send, requests, outcome=outcome))
    sender.start()
    while len(outcome.latencies) < after and sender.is_alive():
        time.sleep(0.0005)
    person = one.resident.consumer
    ended = withdraw(vault, person.subject, person.bucket, one.grant_id, now_ms())
    sender.join()
    assert isinstance(ended, Withdrawn)
    assert ended.disclosures == outcome.statuses[200]
    return outcome


def crowd(live: Live, key: ProofKey, wanted: list[tuple[Token, str]]) -> Outcome:
    """One connection for each request, all at once."""
    requests = [disclosure_request(key, live.url, one.text, name) for one, name in wanted]
    return live.send(requests, connections=len(requests))
