"""Status lists: two bits a token, the standard's own examples, and what becomes of a token shows at its place."""

import base64
import zlib

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.recipients import suspensions
from consent.redemption.disclose import disclose_many
from consent.schema.status_tables import status_entry
from consent.schema.tables import consent_grant
from consent.tokens import status_list
from consent.tokens.revoking import revoke
from consent.tokens.status_list import (
    SIZE,
    SLOT_MS,
    Minted,
    Place,
    Status,
    assign,
    encoded,
    living,
    number_of,
)
from consent.withdrawal.withdraw import withdraw
from tests.consent.tokens.test_introspection import Asking
from vault.ids import secret_bucket, secret_hash


@pytest.fixture
def ask(world):
    return Asking(world)


def read(packed, idx):
    """The two bits at a place, as a reader of the specification would fetch them."""
    raw = packed if isinstance(packed, bytes) else zlib.decompress(base64.urlsafe_b64decode(packed + "=="))
    return (raw[idx * 2 // 8] >> (idx * 2 % 8)) & 3


def listed(world, place):
    with world.vault.data.read() as conn:
        return status_list.status_list(conn, world.vault, place.number, world.now)


def shown(world, place):
    return Status(read(listed(world, place), place.idx))


def test_the_example_of_the_standard_is_encoded_byte_for_byte():
    packed = bytes([0xC9, 0x44, 0xF9])

    assert encoded(packed) == "eNo76fITAAPfAgc"
    assert [read(packed, idx) for idx in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]
    assert encoded(bytes([0xB9, 0xA3])) == "eNrbuRgAAhcBXQ"


def test_a_token_is_told_its_place_when_its_client_first_asks_and_keeps_it(world, ask):
    app, person = world.app(), world.person()
    issued = world.token(app, person)

    first, again = ask(app, issued.token)[0], ask(app, issued.token)[0]

    assert first.place == again.place
    assert first.place.number == number_of(secret_bucket("cut", issued.token), world.now)
    assert 0 <= first.place.idx < SIZE
    assert shown(world, first.place) is Status.VALID


def test_strangers_and_ended_tokens_get_no_place(world, ask):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    live, spent = world.token(app, person), world.token(app, person)
    disclose_many(world.vault, [world.request(spent)], world.now)

    assert [ask(other, live.token)[0].place, ask(app, spent.token)[0].place] == [None, None]
    with world.vault.data.read() as conn:
        assert conn.execute(select(status_entry)).all() == []


def _spent(world, app, person, issued):
    disclose_many(world.vault, [world.request(issued)], world.now)


def _withdrawn(world, app, person, issued):
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)


def _given_back(world, app, person, issued):
    with world.vault.data.write() as conn:
        revoke(conn, world.vault.installation.buckets, app.client.client_id, issued.token, world.now)


def _expired(world, app, person, issued):
    world.tick(120_000)


def _paused(world, app, person, issued):
    with world.vault.data.write() as conn:
        conn.execute(update(consent_grant).values(state="suspended"))


def _stopped(world, app, person, issued):
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client.recipient.id, "a test", world.now)


@pytest.mark.parametrize(
    ("happens", "status"),
    [
        (_spent, Status.CONSUMED),
        (_withdrawn, Status.INVALID),
        (_given_back, Status.INVALID),
        (_expired, Status.INVALID),
        (_paused, Status.SUSPENDED),
        (_stopped, Status.SUSPENDED),
    ],
)
def test_what_becomes_of_a_token_shows_at_its_place_at_once_and_nowhere_else(world, ask, happens, status):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    issued, neighbour = world.token(app, person), world.token(other, person)
    place, beside = ask(app, issued.token)[0].place, ask(other, neighbour.token)[0].place
    before = listed(world, place)

    happens(world, app, person, issued)

    assert shown(world, place) is status
    after = listed(world, place)
    if happens not in {_expired, _paused}:
        assert shown(world, beside) is Status.VALID
        assert (int.from_bytes(before) ^ int.from_bytes(after)).bit_count() <= 2


def test_a_list_is_one_bucket_s_tokens_of_ten_minutes_and_goes_when_the_last_of_them_is_over(world, ask):
    app, person = world.app(), world.person()
    early = ask(app, world.token(app, person).token)[0].place
    world.tick(SLOT_MS)
    late = ask(app, world.token(app, person).token)[0].place

    assert early.number != late.number
    with world.vault.data.read() as conn:
        assert living(conn, world.vault, world.now) == [early.number, late.number]
    assert shown(world, early) is Status.INVALID
    world.tick(2 * SLOT_MS + 120_000)
    assert listed(world, early) is None
    with world.vault.data.read() as conn:
        assert early.number not in living(conn, world.vault, world.now)


def test_a_number_that_stands_for_nothing_is_no_list(world):
    empty = number_of(world.vault.installation.buckets.first, world.now)
    for number in (0, empty, empty + 4095, 2**61):
        assert listed(world, Place(number, 0)) is None


def test_a_place_that_is_taken_is_given_to_nobody_else(world, ask, monkeypatch):
    app, person = world.app(), world.person()
    first, second = world.token(app, person), world.token(app, person)
    monkeypatch.setattr(status_list, "_idx", lambda *_: 7)

    places = [ask(app, one.token)[0].place for one in (first, second)]

    assert places == [Place(number_of(secret_bucket("cut", first.token), world.now), 7), None]


def test_the_same_tokens_given_places_twice_keep_the_first(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)
    one = Minted(secret_bucket("cut", issued.token), secret_hash(issued.token), world.now)

    with world.vault.data.write() as conn:
        assert len(assign(conn, world.vault, [one, one])) == 1
        assert assign(conn, world.vault, [one]) == {}
        assert assign(conn, world.vault, []) == {}


@pytest.mark.parametrize(
    "statement",
    [
        update(status_entry).values(idx=1),
        status_entry.delete(),
        insert(status_entry).values(bucket=0, list=1, idx=SIZE, token_hash=b"t" * 32),
        insert(status_entry).values(bucket=0, list=1, idx=1, token_hash=b"t" * 32),
    ],
    ids=["moved", "deleted", "beyond the list", "nobody's token"],
)
def test_the_data_base_keeps_places(world, ask, statement):
    app, person = world.app(), world.person()
    ask(app, world.token(app, person).token)
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(statement)
