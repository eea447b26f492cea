"""A client whose clock goes wrong by up to a minute is served, and gains nothing by it (consent.md §6, invariant 34)."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from consent.schema.tables import disclosure, token
from tests.flow.installation import App

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SKEWS = (-59, -10, 10, 59)


@dataclass
class Astray(App):
    """A recipient's program whose clock is `skew` seconds ahead of ours; a minus sign means behind."""

    skew: int = 0

    @property
    def now_s(self) -> int:
        return super().now_s + self.skew

    def assertion(self, **changes):
        # Assertions are accepted to ten seconds ahead only (§2.4); a client that far out says less of the time.
        issued = min(self.now_s, self.world.clock() // 1000 + 10)
        return super().assertion(**{"iat": issued, "exp": issued + 60, **changes})


def astray(world, skew):
    app = world.app()
    return Astray(**{one.name: getattr(app, one.name) for one in fields(App)}, skew=skew)


def count(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("skew", SKEWS)
def test_a_client_whose_clock_is_wrong_by_less_than_a_minute_is_served(world, skew):
    app, person = astray(world, skew), world.person()

    assert app.disclose(app.token_for(person)).status_code == 200


@pytest.mark.parametrize("skew", SKEWS)
def test_a_token_ends_after_two_minutes_of_our_clock_whatever_the_client_s_says(world, skew):
    app, person = astray(world, skew), world.person()
    last, late = app.token_for(person), app.token_for(person)

    world.clock.pass_seconds(119)
    in_time = app.disclose(last).status_code
    world.clock.pass_seconds(1)

    assert (in_time, app.disclose(late).status_code) == (200, 401)
    assert count(world, disclosure) == 1


@pytest.mark.parametrize("skew", SKEWS)
def test_the_window_of_a_consent_closes_by_our_clock(world, skew):
    app, person = astray(world, skew), world.person()
    closes = datetime.fromtimestamp(world.clock() // 1000 + 100, UTC).isoformat().replace("+00:00", "Z")
    details = app.details(window={"to": closes}, uses={"max": 2, "batch": 2})
    held = app.token_for(person, details)
    late = person.approve(app.authorize_path(details))

    world.clock.pass_seconds(99)
    in_time = app.disclose(held).status_code
    world.clock.pass_seconds(1)

    assert (in_time, app.disclose(held).status_code) == (200, 401)
    assert app.exchange(late).json()["error"] == "invalid_grant"
    assert count(world, token) == 1


@pytest.mark.parametrize("skew", SKEWS)
def test_a_code_ends_after_a_minute_of_our_clock(world, skew):
    app, person = astray(world, skew), world.person()
    code = person.approve(app.authorize_path())

    world.clock.pass_seconds(60)

    assert app.exchange(code).json()["error"] == "invalid_grant"


def test_a_proof_from_the_future_counts_once_for_as_long_as_it_would_be_accepted(world):
    app, person = astray(world, 59), world.person()
    good = app.token_for(person, app.details(uses={"max": 3, "batch": 3}))
    made = app.proof("/v1/disclosures", token=good)

    codes = [app.disclose(good, proofs=[made]).status_code]
    for _ in range(2):
        world.clock.pass_seconds(59)
        codes.append(app.disclose(good, proofs=[made]).status_code)

    assert codes == [200, 401, 401]
    assert count(world, disclosure) == 1


@pytest.mark.parametrize("skew", [-61, 61])
def test_a_clock_that_is_wrong_by_more_than_a_minute_is_named_as_the_proof_s_fault(world, skew):
    app, person = world.app(), world.person()
    good = app.token_for(person)
    made = app.proof("/v1/disclosures", token=good, iat=app.now_s + skew)

    answer = app.disclose(good, proofs=[made])

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_dpop_proof")
    assert app.disclose(good).status_code == 200
