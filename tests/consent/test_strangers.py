"""Whoever shows a token without its key learns nothing, not even by how much work it made (consent.md §2.7)."""

import secrets
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, select

from consent.denials import DenialCode
from consent.redemption.disclose import disclose_many
from consent.schema.tables import denial
from consent.withdrawal.withdraw import withdraw


@pytest.fixture
def tokens(world):
    """Whose they are, and a token for everything that can have become of one."""
    app, person = world.app(), world.person()
    old = world.token(app, person)
    world.tick(120_000)
    live, spent, gone = (world.token(app, person) for _ in range(3))
    disclose_many(world.vault, [world.request(spent)], world.now)
    withdraw(world.vault, person.subject, person.bucket, gone.grant_id, world.now)
    return person, {"live": live, "spent": spent, "withdrawn": gone, "expired": old}


@contextmanager
def statements(world):
    """What is sent to either data base while the block runs."""
    seen = []

    def note(_conn, _cursor, statement, *_):
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    engines = (world.vault.data.engine, world.vault.keyring.database.engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def shown(world, issued, **changes):
    """A request under another key than the token's, with a proof of its own."""
    return world.request(issued, jkt="s" * 43, proof=secrets.token_bytes(32), **changes)


def test_a_token_without_its_key_makes_as_much_work_as_one_that_nobody_was_given(world, tokens):
    person, issued = tokens
    asked = {name: shown(world, one) for name, one in issued.items()}
    asked["unknown"] = replace(asked["live"], token_hash=b"?" * 32)
    for request in asked.values():  # the day's first try of a consent's tokens enters the person's ledger
        disclose_many(world.vault, [request], world.now)

    ran = {}
    for name, request in asked.items():
        world.vault.keyring.forget([person.subject])  # as on a server that has not served this person lately
        with statements(world) as seen:
            (answer,) = disclose_many(world.vault, [request], world.now)
        ran[name] = tuple(seen)
        assert answer.code is (DenialCode.UNKNOWN_TOKEN if name == "unknown" else DenialCode.WRONG_KEY)

    assert set(ran.values()) == {ran["unknown"]}
    assert len(ran["unknown"]) == 2


def test_what_strangers_tried_is_counted_for_the_person_all_the_same(world, tokens):
    live = tokens[1]["live"]
    disclose_many(world.vault, [shown(world, live), shown(world, live)], world.now)

    with world.vault.data.read() as conn:
        rows = conn.execute(select(denial.c.code, denial.c.grant_id, denial.c.attempts)).all()
    assert ("wrong_key", live.grant_id, 2) in [tuple(row) for row in rows]
