"""A client that asks or refreshes too often waits; redeeming is not counted, nor is anybody else."""

import pytest

from api.edge.callers import Callers
from tests.flow.installation import open_world

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def small(vault, tmp_path):
    """A world in which one client may ask or refresh three times a minute."""
    made = open_world(vault, tmp_path, client_rate=3)
    with made.http:
        yield made


def refused(answer):
    assert answer.status_code == 429, answer.text
    assert (answer.json()["error"], answer.json()["code"]) == ("temporarily_unavailable", "too_many_attempts")
    return int(answer.headers["retry-after"])


@ON_SQLITE
def test_a_client_that_asks_too_often_waits_and_nobody_else_does(small):
    app, other = small.app(), small.app(name="Other")
    assert [app.push().status_code for _ in range(3)] == [201] * 3

    wait_s = refused(app.push())

    assert 0 < wait_s <= 21
    assert other.push().status_code == 201
    small.clock.pass_seconds(wait_s)
    assert app.push().status_code == 201


@ON_SQLITE
@pytest.mark.parametrize("path", ["/device_authorization", "/bc-authorize"])
def test_every_way_of_asking_is_counted_before_what_is_asked_is_read(small, path):
    app = small.app()

    answers = [small.http.post(path, data=app.identity()) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [400] * 3 + [429]


@ON_SQLITE
def test_refreshing_is_counted_with_asking_and_redeeming_is_not(small):
    app, person = small.app(), small.person()
    code = person.approve(app.authorize_path(app.details(uses={"max": 9, "batch": 5})))
    secret = app.exchange(code).json()["refresh_token"]

    def refresh():
        form = {**app.identity(), "grant_type": "refresh_token", "refresh_token": secret}
        return small.http.post("/token", data=form, headers=[("DPoP", app.proof("/token"))])

    issued = [refresh() for _ in range(2)]
    refused(refresh())
    refused(app.push())
    token = issued[1].json()["access_token"]
    assert [app.disclose(token).status_code for _ in range(5)] == [200] * 5


def test_whoever_used_up_their_share_gets_it_back_bit_by_bit():
    now = [1_000_000]
    callers = Callers(60, lambda: now[0])
    assert [callers.count("a") for _ in range(60)] == [0] * 60

    assert callers.count("a") == 1 == callers.count("a")
    now[0] += 1_000
    assert (callers.count("a"), callers.count("a"), callers.count("b")) == (0, 1, 0)


def test_a_rate_of_nothing_counts_nobody():
    callers = Callers(0, lambda: 0)

    assert {callers.count("a") for _ in range(1_000)} == {0}
