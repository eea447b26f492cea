"""Asking a person directly: handles, numbers to compare, hints that mean nobody, and limits."""

import json

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import Showing, approve, refuse
from consent.asking.ask import Via
from consent.asking.cooling import COOLING_MS
from consent.decoupled import backchannel, handles
from consent.decoupled.backchannel import Started, TooMany, Wanted
from consent.decoupled.polling import Poll, Waiting, poll
from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.backchannel_tables import backchannel_request, backchannel_turn
from consent.schema.tables import consent_request
from consent.tokens.minting import Issued
from tests.consent.world import JKT
from vault.ids import new_id

NUMBER = "42"
GONE = Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri")


def allow(world, app, person):
    with world.vault.data.write() as conn:
        return handles.allow(conn, world.vault, person, app.client.recipient.id, world.now)


def start(world, app, hint, number=NUMBER, **changes):
    wanted = Wanted(hint=hint, number=number, **changes)
    with world.vault.data.write() as conn:
        return backchannel.start(conn, world.vault, app.client, app.details(world.now), wanted, world.now)


def waiting(world, person):
    with world.vault.data.read() as conn:
        return backchannel.waiting(conn, world.vault, person, world.now)


def ask_for_token(world, app, started, **changes):
    names = {"client_id": app.client.client_id, "secret": started.auth_req_id, "jkt": JKT}
    with world.vault.data.write() as conn:
        return poll(conn, world.vault, Poll(via=Via.BACKCHANNEL, **{**names, **changes}), world.now)


@pytest.fixture
def asked(world):
    """An app that may ask a person, and has."""
    app, person = world.app(), world.person()
    started = start(world, app, allow(world, app, person))
    assert isinstance(started, Started)
    return app, person, started


def test_the_right_number_opens_the_request_and_the_answer_is_polled_for_once(world, asked):
    app, person, started = asked
    assert ask_for_token(world, app, started) is Waiting.PENDING
    (question,) = waiting(world, person)
    assert question.recipient == "Swift Parcel Ltd"
    assert len(set(question.choices)) == 3
    assert NUMBER in question.choices

    shown = backchannel.pick(world.vault, person, question.id, NUMBER, world.now)
    assert isinstance(shown, Showing)
    approve(world.vault, person, shown.id, None, world.now)
    issued = ask_for_token(world, app, started)

    assert isinstance(issued, Issued)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)
    assert ask_for_token(world, app, started) == Denied(code=DenialCode.CODE_REUSED)
    assert waiting(world, person) == []


@pytest.mark.parametrize("wrong", ["41", None, "", "4", "042"])
def test_any_other_pick_ends_the_request_unseen(world, asked, wrong):
    app, person, started = asked
    (question,) = waiting(world, person)

    picked = backchannel.pick(world.vault, person, question.id, wrong, world.now)
    again = backchannel.pick(world.vault, person, question.id, NUMBER, world.now)

    assert picked == Refusal(code=RefusalCode.REQUEST_NUMBER, at="number")
    assert again == GONE
    assert ask_for_token(world, app, started) is Waiting.REFUSED
    assert waiting(world, person) == []


def test_nobody_else_can_take_a_question_up(world, asked):
    _, person, _ = asked
    (question,) = waiting(world, person)
    other = world.person()

    assert waiting(world, other) == []
    assert backchannel.pick(world.vault, other, question.id, NUMBER, world.now) == GONE
    assert backchannel.pick(world.vault, other, question.id, "41", world.now) == GONE
    assert backchannel.pick(world.vault, person, new_id(person.bucket, world.now), NUMBER, world.now) == GONE
    assert len(waiting(world, person)) == 1


def test_a_hint_that_means_nobody_waits_like_any_other_and_lapses(world, asked):
    app, _, known = asked
    stranger = world.person()
    with world.vault.data.read() as conn:
        theirs = handles.handle(world.vault, app.client.recipient.id, stranger)
        assert handles.named(conn, world.vault, app.client.recipient.id, theirs).subject is None
    for hint in ("nobody", theirs, "张三"):
        unknown = start(world, app, hint)
        assert (unknown.expires_in, unknown.interval) == (known.expires_in, known.interval)
        assert len(unknown.auth_req_id) == len(known.auth_req_id)
        assert ask_for_token(world, app, unknown) is Waiting.PENDING
        assert ask_for_token(world, app, unknown) is Waiting.SLOW_DOWN
    assert waiting(world, stranger) == []
    world.tick(300_000)
    assert ask_for_token(world, app, unknown) is Waiting.EXPIRED
    assert ask_for_token(world, app, known) is Waiting.EXPIRED


def test_known_and_unknown_hints_cost_the_same_statements(world, asked):
    from sqlalchemy import event

    app, person, _ = asked
    known = handles.handle(world.vault, app.client.recipient.id, person)
    counts = []
    for hint in (known, "nobody"):
        seen = []

        def note(_conn, _cursor, statement, *_, seen=seen):
            seen.append(statement)

        event.listen(world.vault.data.engine, "before_cursor_execute", note)
        start(world, app, hint)
        event.remove(world.vault.data.engine, "before_cursor_execute", note)
        counts.append(seen)

    assert counts[0] == counts[1]


def test_a_handle_is_good_for_one_recipient_and_until_it_is_stopped(world):
    one, two, person = world.app(), world.app(name="Second Parcel Ltd"), world.person()
    first, second = allow(world, one, person), allow(world, two, person)
    assert first != second
    start(world, one, second)
    assert waiting(world, person) == []

    start(world, one, first)
    assert len(waiting(world, person)) == 1
    (question,) = waiting(world, person)
    with world.vault.data.write() as conn:
        handles.stop(conn, world.vault, person, one.client.recipient.id, world.now)

    assert waiting(world, person) == []
    assert backchannel.pick(world.vault, person, question.id, NUMBER, world.now) == GONE
    assert allow(world, one, person) == first
    assert len(waiting(world, person)) == 1


def test_two_requests_wait_for_a_hint_at_a_time_whether_it_means_somebody_or_not(world, asked):
    app, person, _ = asked
    known = handles.handle(world.vault, app.client.recipient.id, person)
    start(world, app, known)
    start(world, app, "nobody")
    start(world, app, "nobody")
    world.tick(100_000)

    assert start(world, app, known) == start(world, app, "nobody") == TooMany(201)
    world.tick(200_000)
    assert isinstance(start(world, app, known), Started)
    assert isinstance(start(world, app, "nobody"), Started)


def test_whoever_was_waved_off_unseen_does_not_appear_again_for_thirty_days(world, asked):
    app, person, _ = asked
    hint = handles.handle(world.vault, app.client.recipient.id, person)
    (question,) = waiting(world, person)
    backchannel.pick(world.vault, person, question.id, None, world.now)

    start(world, app, hint)
    assert waiting(world, person) == []
    world.tick(COOLING_MS)
    start(world, app, hint)
    assert len(waiting(world, person)) == 1


def test_whoever_was_refused_does_not_appear_again_for_thirty_days(world, asked):
    app, person, _ = asked
    (question,) = waiting(world, person)
    shown = backchannel.pick(world.vault, person, question.id, NUMBER, world.now)
    refuse(world.vault, person, shown.id, world.now)
    known = handles.handle(world.vault, app.client.recipient.id, person)

    again = start(world, app, known)

    assert isinstance(again, Started)
    assert waiting(world, person) == []


@pytest.mark.parametrize("number", ["", "4", "123", "4a", "４２", "-1"])
def test_a_number_to_compare_has_two_digits(world, number):
    refused = start(world, world.app(), "nobody", number=number)

    assert refused == Refusal(code=RefusalCode.REQUEST_NUMBER, at="binding_message")


@pytest.mark.parametrize("hint", ["", "x" * 201, "a\nb", "\0"])
def test_a_hint_is_one_printable_line(world, hint):
    assert start(world, world.app(), hint) == Refusal(code=RefusalCode.REQUEST_HINT, at="login_hint")


def test_a_client_may_wish_to_wait_for_less(world):
    assert start(world, world.app(), "a", seconds=60).expires_in == 60
    assert start(world, world.app(), "a", seconds=6000).expires_in == 300


def test_nothing_kept_says_what_the_hint_was(world, asked):
    app, person, _ = asked
    start(world, app, "13812341234")
    with world.vault.data.read() as conn:
        rows = [
            *conn.execute(select(backchannel_request)).all(),
            *conn.execute(select(backchannel_turn)).all(),
            *conn.execute(select(consent_request)).all(),
        ]
    assert "13812341234" not in str(rows)
    assert json.loads(rows[0].choices)
    assert person.subject


def test_what_was_asked_never_changes(world, asked):
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(backchannel_request).values(number="99"))
    with world.vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(backchannel_request)).scalar_one() == 1
