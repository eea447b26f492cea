"""Strangers who ask too much: turned away on every route they can call, while everybody else goes on."""

import asyncio

import httpx
import pytest

from api.edge.access import Access
from api.edge.strangers import Strangers
from tests.flow.installation import ISSUER, open_world
from tests.posture.test_routes import IN_OAUTH_S_WORDS, routes

ONE_STORE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
NOW = 1_795_300_000_000
FAR = "192.0.2.7"


@pytest.fixture
def small(vault, tmp_path):
    """A world that takes three requests a minute from strangers."""
    made = open_world(vault, tmp_path, stranger_rate=3)
    with made.http:
        yield made


def call(world, *requests, peer=FAR):
    """What a client at `peer` hears to (method, path, keywords), one after the other."""

    async def all_of_them():
        transport = httpx.ASGITransport(world.http.app, client=(peer, 1), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
            return [await http.request(method, path, **more) for method, path, more in requests]

    return asyncio.run(all_of_them())


def exhaust(world, peer=FAR):
    answers = call(world, *[("GET", "/jwks", {})] * 3, peer=peer)
    assert [answer.status_code for answer in answers] == [200] * 3


@ONE_STORE
def test_every_route_turns_away_a_network_that_has_used_up_its_share(small):
    exhaust(small)

    walked = [
        (method, path) for method, path, _ in routes(small.http.app) if method not in {"OPTIONS", "HEAD"}
    ]
    answers = call(small, *[(method, path, {}) for method, path in walked])

    assert len(walked) > 60
    for (method, path), answer in zip(walked, answers, strict=True):
        assert answer.status_code == 429, (method, path)
        assert 0 < int(answer.headers["retry-after"]) <= 21
        assert answer.json()["code"] == "too_many_attempts", path
        if path in IN_OAUTH_S_WORDS:
            assert answer.json()["error"] == "temporarily_unavailable"
        else:
            assert answer.headers["content-type"].startswith("application/problem+json")


@ONE_STORE
def test_after_the_time_that_was_named_the_network_is_let_in_again(small):
    exhaust(small)
    (refused,) = call(small, ("GET", "/jwks", {}))

    small.clock.pass_seconds(int(refused.headers["retry-after"]))

    assert [one.status_code for one in call(small, *[("GET", "/jwks", {})] * 2)] == [200, 429]


@ONE_STORE
def test_others_and_this_machine_go_on(small):
    exhaust(small)

    for peer in ("192.0.2.8", "127.0.0.1", "::1", "testclient"):
        exhaust(small, peer)
    assert call(small, ("GET", "/jwks", {}), peer="127.0.0.1")[0].status_code == 200


@ONE_STORE
def test_a_recipient_and_a_person_who_prove_themselves_are_not_counted(small):
    app, person = small.app(), small.person()
    token = app.token_for(person)
    asked = [("POST", "/introspect", {"data": {**app.identity(), "token": token}}) for _ in range(5)]
    cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}

    answers = call(small, *asked, *[("GET", "/en/grants", {"headers": cookies})] * 5)

    assert [answer.status_code for answer in answers] == [200] * 10


@ONE_STORE
@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/token", {"data": {"client_assertion": "x"}}),
        ("/v1/disclosures", {"headers": {"Authorization": "DPoP cut_x"}}),
        ("/v1/people", {"headers": {"Authorization": "Bearer stf_guess"}}),
        (
            "/par",
            {"content": b"x" * 100_000, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ),
    ],
)
def test_failing_to_prove_oneself_is_counted(small, path, more):
    answers = call(small, *[("POST", path, more)] * 4)

    assert [answer.status_code in {401, 413} for answer in answers[:3]] == [True] * 3
    assert answers[3].status_code == 429


@ONE_STORE
def test_a_browser_is_told_on_a_page(small):
    exhaust(small)

    (page,) = call(small, ("GET", "/zh-CN/sign-in", {"headers": {"Accept": "text/html"}}))

    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (429, "text/html")


@ONE_STORE
def test_a_rate_of_nothing_lets_everybody_in(vault, tmp_path):
    with (world := open_world(vault, tmp_path, stranger_rate=0)).http:
        answers = call(world, *[("GET", "/jwks", {})] * 50)

    assert {answer.status_code for answer in answers} == {200}


def test_what_is_remembered_is_bounded_and_forgets_the_oldest():
    strangers = Strangers(1, lambda: NOW)
    for at in range(60_000):
        strangers.refuse(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", Access.PUBLIC)

    assert len(strangers._even) == 50_000
    assert strangers.refuse("10.0.0.0", Access.PUBLIC) == 0
    assert strangers.refuse("10.0.234.95", Access.PUBLIC) > 0


def test_the_share_comes_back_evenly():
    clock = [NOW]
    strangers = Strangers(60, lambda: clock[0])
    taken = 0
    for _ in range(1_200):  # ten minutes, twice a second
        taken += strangers.refuse(FAR, Access.BROWSER) == 0
        clock[0] += 500

    assert 600 <= taken <= 661
