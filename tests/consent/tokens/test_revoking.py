"""A client gives a token back: the token ends, the consent does not, and nobody learns about others' tokens."""

import pytest
from sqlalchemy import event, select

from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, refresh_token, use
from consent.tokens.exchange import Issued
from consent.tokens.refreshing import Refresh, refresh
from consent.tokens.revoking import revoke
from vault.ids import mint_secret, secret_bucket


def give_back(world, app, text):
    with world.vault.data.write() as conn:
        return revoke(conn, world.vault.installation.buckets, app.client.client_id, text, world.now)


def grant_of(world, issued):
    with world.vault.data.read() as conn:
        return conn.execute(select(consent_grant).where(consent_grant.c.id == issued.grant_id)).one()


def redeem(world, issued):
    return disclose_many(world.vault, [world.request(issued)], world.now)[0]


def test_a_token_that_was_given_back_redeems_nothing_and_its_consent_stays(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)

    assert give_back(world, app, issued.token)

    assert redeem(world, issued) == Denied(code=DenialCode.VOIDED)
    grant = grant_of(world, issued)
    assert (grant.state, grant.used) == (GrantState.ACTIVE, 0)


def test_a_spent_use_stays_spent_and_not_voided(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    assert isinstance(redeem(world, issued), Disclosure)

    assert give_back(world, app, issued.token)

    with world.vault.data.read() as conn:
        row = conn.execute(select(use).where(use.c.id == issued.use_id)).one()
    assert (row.spent, row.voided_at) == (1, None)


def test_giving_back_twice_changes_nothing_more(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    give_back(world, app, issued.token)
    world.tick(5)

    assert give_back(world, app, issued.token)

    with world.vault.data.read() as conn:
        assert conn.execute(select(use.c.voided_at)).scalar_one() == world.now - 5


def test_a_token_given_back_leaves_the_counted_consent_able_to_mint_the_next_use(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    give_back(world, app, issued.token)

    wanted = Refresh(client_id=app.client.client_id, secret=issued.refresh, jkt="g" * 43)
    again = refresh(world.vault, wanted, world.now)

    assert isinstance(again, Issued)
    assert isinstance(redeem(world, again), Disclosure)


def test_a_refresh_token_given_back_ends_with_every_open_use_and_the_consent_stays(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    assert isinstance(redeem(world, issued), Disclosure)
    wanted = Refresh(client_id=app.client.client_id, secret=issued.refresh, jkt="g" * 43)
    second = refresh(world.vault, wanted, world.now)

    assert give_back(world, app, issued.refresh)

    assert redeem(world, second) == Denied(code=DenialCode.VOIDED)
    assert isinstance(refresh(world.vault, wanted, world.now), Denied)
    with world.vault.data.read() as conn:
        assert conn.execute(select(refresh_token.c.voided_at)).scalar_one() == world.now
    grant = grant_of(world, issued)
    assert (grant.state, grant.used) == (GrantState.ACTIVE, 1)


@pytest.mark.parametrize("kind", ["token", "refresh"])
def test_another_client_gives_nothing_back(world, kind):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    issued = world.token(app, person, uses=2)

    assert not give_back(world, other, getattr(issued, kind))

    assert isinstance(redeem(world, issued), Disclosure)
    with world.vault.data.read() as conn:
        assert conn.execute(select(refresh_token.c.voided_at)).scalar_one() is None


def test_unknown_foreign_and_shapeless_tokens_take_the_same_statements(world):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    issued = world.token(app, person, uses=2)
    unknown = mint_secret("cut", secret_bucket("cut", issued.token), b"x" * 32)
    ran: dict[str, list[str]] = {}

    def statements(text):
        seen: list[str] = []

        def note(_conn, _cursor, statement, *_):
            seen.append(statement)

        event.listen(world.vault.data.engine, "before_cursor_execute", note)
        try:
            assert not give_back(world, other, text)
        finally:
            event.remove(world.vault.data.engine, "before_cursor_execute", note)
        return [one for one in seen if not one.startswith(("BEGIN", "PRAGMA"))]

    for name, text in (
        ("unknown", unknown),
        ("foreign", issued.token),
        ("foreign refresh", issued.refresh),
        ("shapeless", "no token at all"),
        ("empty", ""),
    ):
        ran[name] = statements(text)
    assert len({tuple(one) for one in ran.values()}) == 1
    assert len(ran["unknown"]) == 1
