"""Alias contact points: chosen by the person, served instead of the value, found when leaked, impossible to forge."""

import hashlib

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DatabaseError

from consent.approving.approve import Approved, approve
from consent.ids import RecipientId
from consent.marks import alias_giving
from consent.marks.alias_lookup import Recogniser, aliases_of, find, issued, resolve
from consent.marks.alias_pool import BadContact, add_domain, add_numbers, offered, pool
from consent.marks.alias_tables import alias_digest, relay_number
from consent.marks.aliases import Alias, address, digests, looked_up_by, words
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.tokens.exchange import exchange
from vault.fields import canonical
from vault.ids import Bucket, SubjectId
from vault.tags import Probe, Shape

EMAIL = {"datatypes": ["name", "email"]}


def _ready(world, numbers=()):
    with world.vault.data.write() as conn:
        add_domain(conn, "Relay.Example", world.now)
        add_numbers(conn, numbers, world.now)


def _given(world, app, person, chosen, **changes):
    """What the recipient gets after the person chose just these fields."""
    shown = world.show(app, person, **changes)
    approved = approve(world.vault, person, shown.id, chosen, world.now)
    assert isinstance(approved, Approved), approved
    issued_token = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    return disclose_many(world.vault, [world.request(issued_token, fields=None)], world.now)[0], issued_token


def test_known_answers():
    """The byte layout of the tags and the words they are written in: changing either would orphan what was given."""
    one = Alias(
        bucket=Bucket(0),
        subject=SubjectId(bytes(16)),
        recipient_id=RecipientId("org_1"),
        field="email",
        epoch=1,
        domain="r.example",
    )

    assert words(bytes.fromhex("7f000001")) == "lusab-babad"
    assert address(bytes(32), one) == canonical("email", address(bytes(32), one))
    assert address(bytes(32), one) == "jigaf-simiv-jukud-tavun@r.example"
    assert looked_up_by(bytes(32), "email", "a@r.example").hex() == "c71b59611b0c427111e5418ba97fbc71"


def test_the_recipient_gets_the_alias_and_never_the_value(world):
    """Two recipients get two aliases of one person, the same again later, and each leads back to whom it was given."""
    _ready(world)
    person = world.person()
    first, second = world.app("account"), world.app("account", name="Lantern Books Ltd")
    chosen = {"name", "alias_email"}

    got, token = _given(world, first, person, chosen, **EMAIL)
    again, _ = _given(world, first, person, chosen, **EMAIL)
    other, _ = _given(world, second, person, chosen, **EMAIL)
    plain, _ = _given(world, second, person, None, **EMAIL)

    assert isinstance(got, Disclosure)
    assert token.details[0]["datatypes"] == ["alias_email", "name"]
    assert got.disclosed.fields == ("alias_email", "name")
    assert sorted(got.values) == ["email", "name"]
    assert got.values["email"] == again.values["email"] != other.values["email"]
    assert got.values["email"].endswith("@relay.example")
    assert plain.values["email"] != got.values["email"]
    assert not plain.values["email"].endswith("relay.example")
    with world.vault.data.read() as conn:
        found = resolve(conn, world.vault, got.values["email"].upper())
        lines = aliases_of(conn, world.vault, (person.bucket, person.subject))
        counted = issued(conn, world.now + 1)
    assert (found.subject, found.recipient_id) == (person.subject, first.client.recipient.id)
    assert {line.text for line in lines} == {got.values["email"], other.values["email"]}
    assert set(counted.values()) == {1}


def test_asking_for_the_field_by_its_name_gives_the_alias(world):
    """An app that names what it wants need not know that it got an alias; nothing else is opened for it."""
    _ready(world)
    person, app = world.person(), world.app("account")
    shown = world.show(app, person, **EMAIL)
    approved = approve(world.vault, person, shown.id, {"name", "alias_email"}, world.now)
    token = exchange(world.vault, world.exchanging(app, approved.code), world.now)

    got = disclose_many(world.vault, [world.request(token, fields=("email",))], world.now)[0]

    assert isinstance(got, Disclosure)
    assert list(got.values) == ["email"]
    assert got.disclosed.fields == ("alias_email",)


def test_a_relay_number_is_given_once(world):
    """The pool's numbers go to one person and recipient each; an empty pool gives nobody the real number instead."""
    _ready(world, ["+86 170 0000 0001"])
    app = world.app("delivery")
    first, second = world.people(2)
    chosen = {"name", "alias_phone"}

    got, _ = _given(world, app, first, chosen)
    shown = world.show(app, second)
    refused = approve(world.vault, second, shown.id, chosen, world.now)

    assert got.values["phone"] == "17000000001"
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.ALIAS_NONE_LEFT
    with world.vault.data.read() as conn:
        assert pool(conn).taken == 1
        assert offered(conn) == {"alias_email"}
        assert resolve(conn, world.vault, "170 0000 0001").subject == first.subject
    with pytest.raises(DatabaseError, match="given once"), world.vault.data.write() as conn:
        conn.execute(update(relay_number).values(holder=bytes(16)))


@pytest.mark.parametrize(
    "chosen", [{"name", "email", "alias_email"}, {"name", "email", "alias_phone"}, {"alias_email"}]
)
def test_an_alias_stands_for_something_that_was_asked_for(world, chosen):
    """Not beside the value, not for what nobody asked for, and not instead of everything else."""
    _ready(world)
    person = world.person()
    shown = world.show(world.app("account"), person, **EMAIL)

    refused = approve(world.vault, person, shown.id, chosen, world.now)

    assert isinstance(refused, Refusal)


def test_purposes_that_need_the_real_one_take_no_alias(world):
    """Whoever prevents fraud has to reach the person themselves."""
    _ready(world)
    person = world.person()
    shown = world.show(world.app("fraud_prevention"), person, **EMAIL)

    refused = approve(world.vault, person, shown.id, {"name", "alias_email"}, world.now)

    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.CHOICE_EXCESS


def test_whatever_was_not_issued_finds_nobody(world):
    """Invented addresses under the domain, other people's digests, and aliases of the erased."""
    _ready(world)
    person, app = world.person(), world.app("account")
    got, _ = _given(world, app, person, {"name", "alias_email"}, **EMAIL)
    text = got.values["email"]
    forged = "lusab-babad-gutih-tugad@relay.example"
    probes = [
        Probe("email", text),
        Probe("email", forged),
        Probe("email", hashlib.md5(text.encode()).digest(), Shape.MD5),
        Probe("email", hashlib.sha256(text.encode()).digest(), Shape.SHA256),
        Probe("email", hashlib.sha1(forged.encode()).digest(), Shape.SHA1),
    ]

    with world.vault.data.read() as conn:
        seen = [i for i, *_ in find(conn, world.vault, probes)]
        looks = Recogniser.of(conn, world.now + 1)
    with world.vault.data.write() as conn:
        alias_giving.forget(conn, [(person.bucket, person.subject)])
        after = find(conn, world.vault, probes)
        left = conn.execute(select(alias_digest)).all()

    assert seen == [0, 2, 3]
    assert [looks.may_be(one) for one in probes] == [True] * 5
    assert not looks.may_be(Probe("email", "a@other.example"))
    assert after == [] == left


def test_digests_cover_the_usual_hashes():
    """md5, sha1 and sha256 of the address, and itself."""
    assert [shape for shape, _ in digests(bytes(32), "email", "a@r.example")] == [
        Shape.EXACT,
        Shape.MD5,
        Shape.SHA1,
        Shape.SHA256,
    ]


@pytest.mark.parametrize("domain", ["", "a b", "x@y.example", "nodot"])
def test_no_domain_is_refused(world, domain):
    with pytest.raises(BadContact), world.vault.data.write() as conn:
        add_domain(conn, domain, world.now)
