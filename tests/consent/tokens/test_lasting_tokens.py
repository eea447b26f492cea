"""Refresh and management tokens, introspected: by their own client, as long as they would work, and by nobody else."""

import pytest
from sqlalchemy import select, update

from consent.denials import Denied
from consent.grants import management_tokens
from consent.grants.management_tokens import Scope, mint
from consent.recipients.pairwise import pairwise
from consent.redemption.disclose import disclose_many
from consent.schema.status_tables import status_entry
from consent.schema.tables import consent_grant
from consent.tokens.introspection import Question, Replayed, Shown, introspect_many
from consent.tokens.lasting import TokenKind
from consent.tokens.minting import REFRESH_PREFIX
from consent.tokens.refreshing import Refresh, refresh
from consent.tokens.revoking import revoke
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import DAY, JKT
from vault.ids import Bucket, secret_bucket, secret_hash


@pytest.fixture
def counted(world):
    """An app, a person, and what a three-use consent gave the app."""
    app, person = world.app(), world.person()
    return app, person, world.token(app, person, uses=3)


def ask(world, app, text, kind=TokenKind.REFRESH, prefix=REFRESH_PREFIX, seed=None):
    world.made += 1
    digest = (seed or world.made).to_bytes(32)
    question = Question(
        client_id=app.client.client_id,
        kind=kind,
        bucket=secret_bucket(prefix, text),
        token_hash=secret_hash(text),
        shown=((Shown.ASSERTION, (Bucket(0), digest, 2**45)),),
    )
    return introspect_many(world.vault, [question], world.now)[0]


def minted(world, app, scopes=tuple(Scope)):
    with world.vault.data.write() as conn:
        return mint(conn, world.vault.installation.buckets, app.client, scopes, JKT, world.now)


def managed(world, app, text):
    return ask(world, app, text, TokenKind.MANAGEMENT, management_tokens.PREFIX)


def refreshed(world, app, issued):
    wanted = Refresh(client_id=app.client.client_id, secret=issued.refresh, jkt=JKT)
    return refresh(world.vault, wanted, world.now)


def test_a_client_hears_what_its_refresh_token_would_mint(world, counted):
    app, person, issued = counted
    disclose_many(world.vault, [world.request(issued)], world.now)

    answer = ask(world, app, issued.refresh)

    (granted,) = answer.members.pop("authorization_details")
    assert granted["datatypes"] == issued.details[0]["datatypes"]
    assert "use_id" not in granted
    assert answer.members == {
        "sub": pairwise(world.vault, app.client.recipient.id, person.subject),
        "iat": world.now // 1000,
        "exp": answer.members["exp"],
        "cnf": {"jkt": JKT},
        "grant_id": answer.members["grant_id"],
        "use": {"n": 1, "of": 3},
    }
    assert (answer.inactive, answer.place) == ({}, None)


def _withdrawn(world, app, person, issued):
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)


def _given_back(world, app, person, issued):
    with world.vault.data.write() as conn:
        revoke(conn, world.vault.installation.buckets, app.client.client_id, issued.refresh, world.now)


def _paused(world, app, person, issued):
    with world.vault.data.write() as conn:
        conn.execute(update(consent_grant).values(state="suspended"))


def _over(world, app, person, issued):
    world.tick(2 * DAY)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (_withdrawn, "withdrawn"),
        (_given_back, "voided"),
        (_paused, "grant_not_active"),
        (_over, "window"),
    ],
)
def test_a_refresh_token_is_inactive_when_a_refresh_would_be_denied_and_its_client_hears_why(
    world, counted, happens, reason
):
    app, person, issued = counted
    happens(world, app, person, issued)

    answer = ask(world, app, issued.refresh)

    assert answer.members is None
    assert (answer.inactive["reason"], answer.inactive["use"]) == (reason, {"n": 0, "of": 3})
    assert isinstance(refreshed(world, app, issued), Denied)


def test_asking_mints_and_spends_nothing(world, counted):
    app, _, issued = counted
    for _ in range(3):
        assert ask(world, app, issued.refresh).members["use"] == {"n": 0, "of": 3}

    with world.vault.data.read() as conn:
        assert conn.execute(select(status_entry)).all() == []
    assert not isinstance(refreshed(world, app, issued), Denied)


def test_a_client_hears_of_its_management_token_until_it_is_over(world):
    app = world.app()
    text = minted(world, app, [Scope.QUERY])

    assert managed(world, app, text).members == {
        "token_type": "DPoP",
        "scope": "grant_management_query",
        "iat": world.now // 1000,
        "exp": world.now // 1000 + 300,
        "cnf": {"jkt": JKT},
    }
    world.tick(300_000)
    ended = managed(world, app, text)
    assert (ended.members, ended.inactive) == (None, {"reason": "expired"})


@pytest.mark.parametrize("after", ["at once", "given back"])
def test_others_and_whoever_gave_a_token_back_hear_nothing(world, counted, after):
    app, _, issued = counted
    other, text = world.app(name="Other Ltd"), minted(world, app)
    if after == "given back":
        with world.vault.data.write() as conn:
            assert revoke(conn, world.vault.installation.buckets, app.client.client_id, text, world.now)
        assert managed(world, app, text).members is None

    for answer in (ask(world, other, issued.refresh), managed(world, other, text)):
        assert (answer.members, answer.inactive) == (None, {})


def test_a_refresh_token_whose_uses_are_all_made_is_spent(world, counted):
    app, _, issued = counted
    for _ in range(3):
        disclose_many(world.vault, [world.request(issued)], world.now)

    answer = ask(world, app, issued.refresh)

    assert (answer.members, answer.inactive["reason"], answer.inactive["use"]) == (
        None,
        "spent",
        {"n": 3, "of": 3},
    )


def test_a_question_s_proof_is_accepted_once_whatever_it_is_about(world, counted):
    app, _, issued = counted
    ask(world, app, issued.refresh, seed=7)

    assert isinstance(ask(world, app, issued.refresh, seed=7), Replayed)
