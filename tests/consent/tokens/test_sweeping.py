"""What came to nothing is swept out after a day; what was shown, exchanged, disclosed or listed stays."""

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError

from consent.asking.signed_requests import SignedRequest
from consent.decoupled import backchannel, devices
from consent.decoupled.backchannel import Started, Wanted
from consent.rebuild import Divergence, check
from consent.recipients.key_sets import key_set
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.backchannel_tables import backchannel_request, backchannel_turn
from consent.schema.decoupled_tables import device_request, request_poll
from consent.schema.tables import consent_request, notice_showing, request_claim, signed_request, token, use
from consent.tokens.exchange import exchange
from consent.tokens.refreshing import Refresh, refresh
from consent.tokens.status_list import Minted, assign
from consent.tokens.sweeping import KEPT_MS, Swept, sweep
from tests.consent.world import JKT, JWKS
from vault.ids import secret_bucket, secret_hash

NOTHING = Swept(uses=0, requests=0, turns=0)


def count(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def counted(world):
    """A consent of which the code's use is open, one minted use was spent, one has a place in a list, two came to nothing."""
    app, person = world.app(), world.person()
    approved = world.approve(app, person, uses={"max": 9, "ask": "counted"})
    first = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    asked = Refresh(client_id=app.client.client_id, secret=first.refresh, jkt=JKT)
    spent, listed, *_ = (refresh(world.vault, asked, world.now) for _ in range(4))
    assert isinstance(disclose_many(world.vault, [world.request(spent)], world.now)[0], Disclosure)
    with world.vault.data.write() as conn:
        named = Minted(secret_bucket("cut", listed.token), secret_hash(listed.token), world.now)
        assert assign(conn, world.vault, [named])
    return first, spent, listed


def test_uses_that_nobody_spent_go_after_a_day_with_their_tokens(world, counted):
    kept = {one.use_id for one in counted}
    world.tick(KEPT_MS)
    assert sweep(world.vault, world.now) == NOTHING
    world.tick(1)

    assert sweep(world.vault, world.now) == Swept(uses=2, requests=0, turns=0)

    assert sweep(world.vault, world.now) == NOTHING
    with world.vault.data.read() as conn:
        assert set(conn.execute(select(use.c.id)).scalars()) == kept
        assert set(conn.execute(select(token.c.use_id)).scalars()) == kept
    assert [one for one in check(world.vault) if isinstance(one, Divergence)] == []


def test_the_data_base_lets_go_of_nothing_that_came_to_something(world, counted):
    first, spent, _ = counted
    for raw in (
        *(delete(token).where(token.c.use_id == one.use_id) for one in (first, spent)),
        *(delete(use).where(use.c.id == one.use_id) for one in (first, spent)),
        delete(consent_request),
        delete(request_claim),
        delete(notice_showing),
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(raw)


def test_requests_that_nobody_took_up_go_with_everything_beside_them(world):
    app, person = world.app(), world.person()
    world.approve(app, person)
    world.push(app)
    ask_in_every_way(world, app)
    assert (count(world, consent_request), count(world, signed_request)) == (4, 1)
    world.tick(KEPT_MS + 1)

    assert sweep(world.vault, world.now) == Swept(uses=0, requests=3, turns=1)

    assert (count(world, consent_request), count(world, request_claim)) == (1, 1)
    for table in (signed_request, device_request, request_poll, backchannel_request, backchannel_turn):
        assert count(world, table) == 0, table.name


def ask_in_every_way(world, app):
    (public,) = key_set(JWKS)
    said = SignedRequest(text="a.b.c", key=public)
    details = app.details(world.now)
    with world.vault.data.write() as conn:
        devices.start(conn, world.vault, app.client, details, None, world.now, signed=said)
        wanted = Wanted(hint="nobody", number="42")
        assert isinstance(
            backchannel.start(conn, world.vault, app.client, details, wanted, world.now), Started
        )
