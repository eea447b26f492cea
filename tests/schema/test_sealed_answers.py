"""A sealed server answers what the document says, whatever is brought to it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from schemathesis import GenerationMode

from api.sealing.front import front
from api.sealing.unsealing import Unsealing
from tests.schema.conformity import CHECKS, check, operation_of
from vault.providers.local import create_root
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import create_root_shares

KEY = "POST /v1/unseal"
PASSPHRASE = "correct horse battery staple"
CHEAP = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)


class Gate:
    """What stands before an installation; it opens nothing behind it."""

    def __init__(self, unsealing: Unsealing) -> None:
        self._unsealing = unsealing

    def standing(self) -> Any:
        return self._unsealing.standing()

    async def bring(self, take: Any) -> bool:
        return take(self._unsealing) is not None


@pytest.fixture(params=["shares", "passphrase"])
def sealed(request, tmp_path):
    """A client of a sealed server, and what would open it."""
    root = tmp_path / "root.sealed"
    if request.param == "shares":
        brought = [{"share": text} for text in create_root_shares(root, 2, 3)]
    else:
        create_root(root, PASSPHRASE, cost=CHEAP)
        brought = [{"passphrase": PASSPHRASE}]
    app = front(Gate(Unsealing(root)), secure=False)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield http, brought


def test_the_right_parts_are_taken_and_health_says_what_is_missing(sealed):
    http, brought = sealed
    check("GET /healthz", http.get("/healthz"))
    check("HEAD /healthz", http.head("/healthz"))

    answers = [http.post("/v1/unseal", json=part) for part in brought[:2]]

    assert [answer.status_code for answer in answers] in ([202, 200], [200])
    for answer in answers:
        check(KEY, answer)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_brought_is_answered_as_the_document_says(sealed, mode):
    http, brought = sealed
    told = settings(max_examples=25, deadline=None, database=None, derandomize=True)

    @settings(told, suppress_health_check=list(HealthCheck))
    @given(case=operation_of(KEY).as_strategy(generation_mode=mode), sound=st.sampled_from([None, *brought]))
    def run(case: Any, sound: Any) -> None:
        case.body = sound or case.body
        request = requests.Request(**case.as_transport_kwargs(base_url="http://testserver.local")).prepare()
        answer = http.post("/v1/unseal", content=request.body or b"")
        case.validate_response(answer, checks=CHECKS)

    run()
