"""Passkeys: what an authenticator has to have signed, for whom, and what a counter that goes back means."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts import keys as accounts
from consent.accounts.authenticators import (
    assertion_options,
    read_assertion,
    read_registration,
    registration_options,
    relying_of,
)
from consent.accounts.passkey_challenges import LIFETIME_MS, Ceremony, new_challenge, use_challenge
from consent.accounts.passkeys import (
    MOST,
    Backwards,
    PasskeyRefusal,
    Proven,
    add,
    assert_one,
    handle_of,
    parse_passkey,
    passkey_text,
    passkeys_of,
    remove,
)
from consent.schema.passkey_tables import passkey, passkey_alarm
from tests.authenticator import PRESENT, Authenticator
from vault.errors import MalformedId

ISSUER = "https://consent.example"
US = relying_of(ISSUER)
BROWSER = "this browser"


def device(**changes):
    return Authenticator(**{"origin": ISSUER, "rp_id": "consent.example", **changes})


def who_is(person):
    return person.bucket, person.subject


def added(world, person, own, binding=BROWSER, **bent):
    """Register `own` with the person; what `add` says, or None when the challenge was not accepted."""
    challenge = new_challenge(world.vault, Ceremony.REGISTER, BROWSER, world.now)
    handle = handle_of(world.vault, who_is(person))
    options = registration_options(US, challenge, handle=handle, user="u", service="s", known=[])
    answer = read_registration(own.create(options, **bent))
    if answer is None:
        return None
    with world.vault.data.write() as conn:
        accepted = use_challenge(conn, world.vault, Ceremony.REGISTER, answer.challenge, binding, world.now)
        return add(conn, US, who_is(person), answer, "phone", world.now) if accepted else None


def asserted(world, own, who=None, relying=US, **bent):
    challenge = new_challenge(world.vault, Ceremony.SIGN_IN, BROWSER, world.now)
    answer = read_assertion(own.get(assertion_options(relying, challenge), **bent))
    if answer is None:
        return None
    with world.vault.data.write() as conn:
        if not use_challenge(conn, world.vault, Ceremony.SIGN_IN, answer.challenge, BROWSER, world.now):
            return None
        return assert_one(conn, world.vault, relying, answer, world.now, who)


def kept(world, person):
    with world.vault.data.read() as conn:
        return passkeys_of(conn, who_is(person))


def test_a_passkey_that_was_added_names_its_person(world):
    one, two = world.people(2)
    first, second = device(), device()
    added(world, one, first)
    added(world, two, second)

    proven = asserted(world, second)

    assert isinstance(proven, Proven)
    assert proven.who == who_is(two)
    assert proven.assertion.credential_id == second.credential_id
    (line,) = kept(world, two)
    assert (line.name, line.used_at) == ("phone", world.now)


def test_a_person_has_several_passkeys_and_removes_one_of_their_own(world):
    one, two = world.people(2)
    devices = [device(), device()]
    for own in devices:
        added(world, one, own)
    by_device = {line.credential_id: line for line in kept(world, one)}
    first, second = (by_device[own.credential_id] for own in devices)

    with world.vault.data.write() as conn:
        assert not remove(conn, who_is(two), first.id)
        assert remove(conn, who_is(one), first.id)

    assert [line.id for line in kept(world, one)] == [second.id]
    assert asserted(world, devices[0]) is None
    assert isinstance(asserted(world, devices[1]), Proven)


def test_the_same_authenticator_is_not_added_twice_and_there_are_not_too_many(world):
    person, own = world.person(), device()
    added(world, person, own)

    assert added(world, person, own) is PasskeyRefusal.KNOWN
    for _ in range(MOST - 1):
        added(world, person, device())
    assert added(world, person, device()) is PasskeyRefusal.TOO_MANY


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://consent.example.evil.example"},
        {"origin": "http://consent.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"type": "webauthn.create"},
        {"cross_origin": True},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"handle": b""},
        {"handle": b"\x00\x00" + b"h" * 32},
        {"handle": b"\xff\xff" + b"h" * 32},
        {"handle": b"h"},
        {"challenge": "AAAA"},
        {"data": b"short"},
    ],
)
def test_an_assertion_that_is_bent_anywhere_proves_nothing(world, bent):
    person, own = world.person(), device()
    added(world, person, own)

    assert asserted(world, own, **bent) is None
    assert isinstance(asserted(world, own), Proven)


@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
        {"type": "webauthn.get"},
        {"cross_origin": True},
        {"fmt": "fido-u2f"},
        {"challenge": "AAAA"},
    ],
)
def test_a_registration_that_is_bent_anywhere_is_not_kept(world, bent):
    person = world.person()

    assert added(world, person, device(), **bent) in {None, PasskeyRefusal.NOT_CHECKED}
    assert kept(world, person) == []


def test_a_challenge_is_good_once_in_one_browser_for_one_ceremony_and_five_minutes(world):
    def used(challenge, ceremony=Ceremony.SIGN_IN, binding=BROWSER):
        with world.vault.data.write() as conn:
            return use_challenge(conn, world.vault, ceremony, challenge, binding, world.now)

    challenge = new_challenge(world.vault, Ceremony.SIGN_IN, BROWSER, world.now)
    late = new_challenge(world.vault, Ceremony.SIGN_IN, BROWSER, world.now)
    assert not used(challenge, binding="another")
    assert not used(challenge, ceremony=Ceremony.REGISTER)
    assert not used(challenge[:-1] + bytes([challenge[-1] ^ 1]))
    assert not used(bytes(54))
    assert not used(b"")
    assert used(challenge)
    assert not used(challenge)
    world.tick(LIFETIME_MS)
    assert not used(late)


def test_a_counter_that_does_not_go_up_is_refused_and_stays_an_alarm(world):
    person, own = world.person(), device()
    added(world, person, own)
    copy = device(key=own.key, credential_id=own.credential_id)
    copy.handle = own.handle
    assert isinstance(asserted(world, own), Proven)
    assert isinstance(asserted(world, own), Proven)

    refused = asserted(world, copy)

    assert isinstance(refused, Backwards)
    with world.vault.data.read() as conn:
        row = conn.execute(select(passkey_alarm)).one()
    assert (row.id, row.stored_count, row.given_count) == (refused.alarm, 2, 1)
    assert kept(world, person)[0].alarm_at == world.now
    assert isinstance(asserted(world, own), Proven)  # the one that is ahead goes on


def test_an_authenticator_without_a_counter_raises_no_alarm_but_may_not_fall_back_to_none(world):
    person, plain, counting = world.person(), device(counts=False), device()
    added(world, person, plain)
    added(world, person, counting)

    assert [type(asserted(world, plain)) for _ in range(2)] == [Proven, Proven]
    assert isinstance(asserted(world, counting), Proven)
    assert isinstance(asserted(world, counting, count=0), Backwards)


def test_asked_for_a_person_s_passkey_nobody_else_s_will_do(world):
    one, two = world.people(2)
    own = device()
    added(world, one, own)

    assert asserted(world, own, who=who_is(two)) is None
    assert isinstance(asserted(world, own, who=who_is(one), handle=b""), Proven)


def test_passkeys_go_with_their_person_s_account(world):
    person, own = world.person(), device()
    added(world, person, own)
    with world.vault.data.write() as conn:
        accounts.lock_out(conn, [who_is(person)])

    assert kept(world, person) == []
    assert asserted(world, own) is None


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '"x"', "x" * 20_000, '{"id": "a"}', '{"response": {"clientDataJSON": 1}}'],
)
def test_what_is_no_answer_of_an_authenticator_is_none(text):
    assert read_assertion(text) is None
    assert read_registration(text) is None


def test_an_answer_whose_parts_are_missing_is_none(world):
    whole = json.loads(device().get({"challenge": "AAAA"}, handle=b"h"))
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        left = {name: text for name, text in whole["response"].items() if name != part}
        assert read_assertion(json.dumps({**whole, "response": left})) is None


@pytest.mark.parametrize(
    ("issuer", "rp_id"),
    [
        ("https://consent.example", "consent.example"),
        ("https://consent.example:8443", "consent.example"),
        ("http://localhost:8000", "localhost"),
        ("http://127.0.0.1:8000", None),
        ("https://10.0.0.1", None),
        ("http://[::1]:8000", None),
        ("http://consent.example", None),
    ],
)
def test_passkeys_are_offered_where_browsers_have_them(issuer, rp_id):
    us = relying_of(issuer)

    assert (us and us.rp_id) == rp_id
    assert us is None or us.origin == issuer


def test_options_ask_for_user_verification_a_discoverable_key_and_no_attestation(world):
    challenge = new_challenge(world.vault, Ceremony.REGISTER, BROWSER, world.now)
    made = json.loads(
        registration_options(US, challenge, handle=b"h" * 34, user="u", service="s", known=[b"k" * 16])
    )
    given = json.loads(assertion_options(US, challenge))

    assert made["attestation"] == "none"
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["authenticatorSelection"]["userVerification"] == given["userVerification"] == "required"
    assert made["rp"]["id"] == given["rpId"] == "consent.example"
    assert len(made["excludeCredentials"]) == 1


def test_a_handle_tells_two_people_apart_and_nobody_who_they_are(world):
    one, two = world.people(2)
    handles = {handle_of(world.vault, who_is(person)) for person in (one, two)}

    assert len(handles) == 2
    assert all(one.subject not in handle for handle in handles)


@pytest.mark.parametrize("change", [{"sign_count": 0}, {"public_key": b"k"}, {"credential_id": b"c" * 32}])
def test_the_data_base_lets_no_passkey_become_another(world, change):
    person, own = world.person(), device()
    added(world, person, own)
    asserted(world, own)

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(passkey).values(**change))


def test_alarms_stay(world):
    person, own = world.person(), device()
    added(world, person, own)
    asserted(world, own)
    asserted(world, own, count=1)

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(passkey_alarm.delete())


def test_a_passkey_is_named_in_addresses_by_its_own_id(world):
    person = world.person()
    made = added(world, person, device())

    assert parse_passkey(passkey_text(made)) == made
    with pytest.raises(MalformedId):
        parse_passkey("pk_x")
