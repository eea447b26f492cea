"""A server that asks for nonces: programs nobody here wrote are told one, and go on by themselves (consent.md §3, 29)."""

from collections.abc import Callable

import pytest

from tests.clients.conftest import Program
from tests.clients.test_openid_client import approved, discovered, redeemed
from tests.clients.test_python_clients import client_of, token_for
from tests.clients.test_python_clients import redeemed as redeemed_in_python
from tests.flow.installation import App, Person


@pytest.fixture(scope="module")
def configured() -> dict[str, str]:
    return {"PROOF_NONCE": "all"}


def test_openid_client_exchanges_and_spends_where_every_proof_needs_a_nonce(
    javascript: Callable[[], Program], app: App, person: Person
) -> None:
    program = discovered(javascript(), app)

    token = program("exchange", callback=approved(program, app, person))["access_token"]
    answer = redeemed(program, app, token)

    assert (answer["status"], sorted(answer["body"]["data"])) == (200, ["name", "phone"])
    assert app.disclose(token).json()["code"] == "use_dpop_nonce"


def test_requests_oauth2client_exchanges_and_spends_where_every_proof_needs_a_nonce(
    app: App, person: Person
) -> None:
    token = token_for(client_of(app), app, person)

    assert redeemed_in_python(app, token).status_code == 200
