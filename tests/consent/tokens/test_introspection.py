"""What a client hears about its own token, what it hears about others', and that asking spends nothing."""

import dataclasses

import pytest
from sqlalchemy import event, func, select

from consent.recipients.pairwise import pairwise
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import disclosure, token, use
from consent.signing import keys as signing_keys
from consent.tokens.introspection import Answer, Question, Replayed, Shown, introspect_many
from consent.tokens.revoking import revoke
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import DAY, JKT
from vault.ids import Bucket, mint_secret, secret_bucket, secret_hash


def row(seed):
    return Bucket(0), seed.to_bytes(32), 2**45


def question(app, text, seed, bucket=None):
    return Question(
        client_id=app.client.client_id,
        bucket=secret_bucket("cut", text) if bucket is None else bucket,
        token_hash=secret_hash(text),
        shown=((Shown.ASSERTION, row(seed)),),
    )


class Asking:
    """Asks with a fresh assertion each time."""

    def __init__(self, world):
        self.world, self.seed = world, 0

    def __call__(self, app, *texts):
        asked = []
        for text in texts:
            self.seed += 1
            asked.append(question(app, text, self.seed))
        return introspect_many(self.world.vault, asked, self.world.now)


@pytest.fixture
def ask(world):
    return Asking(world)


def test_a_client_hears_what_its_own_token_is_worth(world, ask):
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)

    (answer,) = ask(app, issued.token)

    assert answer.members == {
        "token_type": "DPoP",
        "sub": pairwise(world.vault, app.client.recipient.id, person.subject),
        "iat": world.now // 1000,
        "exp": world.now // 1000 + 120,
        "cnf": {"jkt": JKT},
        "authorization_details": issued.details,
        "grant_id": answer.members["grant_id"],
        "use": {"n": 0, "of": 3},
    }
    assert answer.members["grant_id"].startswith("gr_")


def test_asking_spends_nothing_and_counts_what_was_spent(world, ask):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    for _ in range(5):
        assert ask(app, issued.token)[0].members["use"] == {"n": 0, "of": 1}
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(disclosure)).scalar_one() == 0
        assert conn.execute(select(use.c.spent)).scalar_one() == 0

    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)

    (after,) = ask(app, issued.token)
    assert (after.members, after.inactive["reason"], after.inactive["use"]) == (
        None,
        "spent",
        {"n": 1, "of": 1},
    )


def _withdrawn(world, app, person, issued):
    assert withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)


def _given_back(world, app, person, issued):
    with world.vault.data.write() as conn:
        revoke(conn, world.vault.installation.buckets, app.client.client_id, issued.token, world.now)


def _expired(world, app, person, issued):
    world.tick(120_000)


def _closed(world, app, person, issued):
    world.tick(DAY)


@pytest.mark.parametrize(
    ("end", "reason"),
    [(_withdrawn, "withdrawn"), (_given_back, "voided"), (_expired, "expired"), (_closed, "expired")],
)
def test_a_token_that_ended_is_inactive_at_once_and_only_its_own_client_hears_why(world, ask, end, reason):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    issued = world.token(app, person)
    assert ask(app, issued.token)[0].members

    end(world, app, person, issued)

    (own,), (foreign,) = ask(app, issued.token), ask(other, issued.token)
    assert (own.members, own.inactive["reason"]) == (None, reason)
    assert (foreign.members, foreign.inactive) == (None, {})


def test_every_token_is_nothing_to_another_client_after_the_same_statements(world, ask):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    live, spent, gone = (world.token(app, person) for _ in range(3))
    disclose_many(world.vault, [world.request(spent)], world.now)
    withdraw(world.vault, person.subject, person.bucket, gone.grant_id, world.now)
    unknown = mint_secret("cut", secret_bucket("cut", live.token), b"x" * 32)
    ran: list[tuple[str, ...]] = []

    for text in (unknown, live.token, spent.token, gone.token):
        seen: list[str] = []

        def note(_conn, _cursor, statement, *_, seen=seen):
            seen.append(statement)

        event.listen(world.vault.data.engine, "before_cursor_execute", note)
        try:
            (answer,) = ask(other, text)
        finally:
            event.remove(world.vault.data.engine, "before_cursor_execute", note)
        assert (answer.members, answer.inactive) == (None, {})
        ran.append(tuple(one for one in seen if not one.startswith(("BEGIN", "PRAGMA"))))

    assert len(set(ran)) == 1
    assert len(ran[0]) == 2


def test_a_batch_answers_each_caller_its_own(world, ask):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    mine, theirs = world.token(app, person), world.token(other, person)
    asked = [
        question(app, mine.token, 1),
        question(app, theirs.token, 2),
        question(other, theirs.token, 3),
        question(other, mine.token, 4),
    ]

    answers = introspect_many(world.vault, asked, world.now)

    assert [bool(one.members) for one in answers] == [True, False, True, False]
    assert introspect_many(world.vault, [], world.now) == []


def test_two_recipients_know_the_same_person_by_different_names(world, ask):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    mine, theirs = world.token(app, person), world.token(other, person)
    again = world.token(app, person)

    subs = [
        ask(who, one.token)[0].members["sub"] for who, one in ((app, mine), (other, theirs), (app, again))
    ]

    assert subs[0] == subs[2] != subs[1]
    assert all(person.subject.hex() not in sub for sub in subs)


def test_an_assertion_or_proof_counts_once_whether_in_a_batch_or_later(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    one = question(app, issued.token, 1)
    proof = dataclasses.replace(one, shown=((Shown.ASSERTION, row(2)), (Shown.PROOF, row(3))))
    copy = dataclasses.replace(one, shown=((Shown.ASSERTION, row(4)), (Shown.PROOF, row(3))))

    first, second, third, fourth = introspect_many(world.vault, [one, one, proof, copy], world.now)
    (later,) = introspect_many(world.vault, [one], world.now)

    assert isinstance(first, Answer)
    assert second == later == Replayed(what=Shown.ASSERTION)
    assert isinstance(third, Answer)
    assert fourth == Replayed(what=Shown.PROOF)


def test_an_answer_names_the_key_that_signs_now(world, ask):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    unknown = mint_secret("cut", secret_bucket("cut", issued.token), b"x" * 32)
    before = [one.generation for one in ask(app, issued.token, unknown)]

    signing_keys.rotate(world.vault, world.now)

    assert (before, [one.generation for one in ask(app, issued.token, unknown)]) == ([1, 1], [2, 2])


def test_no_token_row_is_written_or_changed_by_asking(world, ask):
    app, person = world.app(), world.person()
    issued = world.token(app, person)

    def rows():
        with world.vault.data.read() as conn:
            return [list(conn.execute(select(table))) for table in (token, use)]

    before = rows()
    ask(app, issued.token)
    assert rows() == before
