"""A person's own copy: all there is about them, nothing about anybody else, and itself in the ledger."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from consent.denials import Denied
from consent.export.document import Export, Refused, export
from consent.families.ties import Tie, appoint, merge
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.people.keeping import Change, correct
from consent.permits.issue import own_permits
from consent.protection import mode as protection
from consent.redemption.disclose import Disclosure, disclose_many
from consent.withdrawal.withdraw import withdraw
from tests.consent.dual.office import ASKER, Office
from tests.consent.people.test_anchors import tampering
from tests.consent.protection.test_protection import asked
from tests.consent.protection.test_protection import who as key_of
from tests.consent.wards import family
from tests.vault.people.made_up import erase, phone, values
from vault.ids import encode_id, new_subject

MEMBERS = {
    "format", "version", "made_at", "made_by", "issuer", "person", "also_known_as", "values", "permissions",
    "uses", "turned_away", "notices", "terms", "staff", "told", "guardians", "wards", "guarded", "protection", "sign_ins", "passkeys", "replacements",
    "proofs", "ledger",
}  # fmt: skip


def document(world, who, now_ms=None):
    made = export(world.vault, who.subject, world.now if now_ms is None else now_ms)
    assert isinstance(made, Export)
    return json.loads(json.dumps(made.document))


@pytest.fixture
def busy(world):
    """A person with a changed number, a use, a denied attempt and a consent taken back."""
    app, who = world.app(), world.person()
    issued = world.token(app, who, uses=2)
    answer = disclose_many(world.vault, [world.request(issued)], world.now)[0]
    assert isinstance(answer, Disclosure)
    grant = answer.disclosed.grant_id
    world.tick(100)
    at = world.now
    correct(world.vault, [Change(subject=who.subject, field="phone", text=phone(70))], at, clock=lambda: at)
    withdraw(world.vault, who.subject, who.bucket, grant, world.now)
    world.tick(1)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Denied)
    return app, who


def test_the_copy_holds_values_consents_uses_denials_texts_and_ledger_positions(world, busy):
    app, who = busy
    made = document(world, who)
    assert set(made) == MEMBERS
    assert made["person"]["id"] == encode_id("sub", who.subject)
    phones = [(v["version"], v["value"]) for v in made["values"] if v["field"] == "phone"]
    assert phones == [(1, phone(0)), (2, phone(70))]
    assert {v["field"] for v in made["values"]} == set(values(0))
    (granted,) = made["permissions"]
    assert (granted["state"], granted["recipient"]["name"]) == ("withdrawn", app.client.recipient.legal_name)
    (used,) = made["uses"]
    assert used["permission"] == granted["id"]
    assert used["receipt"].count(".") == 2
    assert [one["reason"] for one in made["turned_away"]] == ["withdrawn"]
    assert (made["notices"][0]["text"], made["notices"][0]["id"]) == (app.notice.text, granted["notice"])
    assert made["terms"][0]["id"] == granted["terms"]
    kinds = [one["kind"] for one in made["ledger"]]
    assert kinds == ["enrol", "grant", "access", "correct", "withdraw", "refuse", "disclose"]


def test_the_copy_is_itself_a_use_that_the_ledger_shows(world):
    who = world.person()
    export(world.vault, who.subject, world.now, actor="desk-7")
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars()
        kinds = [parse(body).kind for body in bodies]
    assert kinds == [Kind.ENROL, Kind.DISCLOSE]
    assert document(world, who)["made_by"] == "self"


def test_nothing_about_anybody_else_is_in_the_copy(world, busy):
    app, who = busy
    other = world.person()
    disclose_many(world.vault, [world.request(world.token(app, other))], world.now)
    text = json.dumps(document(world, who))
    assert encode_id("sub", other.subject) not in text
    assert not any(value in text for value in values(1).values())


def test_whoever_was_merged_into_the_person_is_part_of_the_copy(world):
    keep, drop = world.people(2)
    merge(world.vault, keep.subject, drop.subject, world.now + 5)
    made = document(world, keep, world.now + 10)
    assert [one["id"] for one in made["also_known_as"]] == [encode_id("sub", drop.subject)]
    owners = {v["value"]: v["person"] for v in made["values"]}
    assert owners[phone(1)] == encode_id("sub", drop.subject)
    assert export(world.vault, drop.subject, world.now + 10) == Refused("person_merged", "")


def test_guardians_and_wards_are_in_the_copies_of_both(world):
    ward, guardian = world.people(2)
    appoint(world.vault, ward.subject, guardian.subject, Tie.APPOINTED, bytes(32), world.now)
    assert [tie["guardian"] for tie in document(world, ward)["guardians"]] == [
        encode_id("sub", guardian.subject)
    ]
    assert [tie["ward"] for tie in document(world, guardian)["wards"]] == [encode_id("sub", ward.subject)]


def test_an_unknown_or_erased_person_has_no_copy_and_no_entry(world):
    who = world.person()
    erase(world.vault, who, world.now)
    for subject in (who.subject, new_subject()):
        assert export(world.vault, subject, world.now) == Refused("person_unknown", "")


def test_no_ledger_no_copy(world, monkeypatch):
    who = world.person()

    def fail(*_args):
        raise RuntimeError("no ledger")

    monkeypatch.setattr("consent.permits.own_copy.append", fail)
    with pytest.raises(RuntimeError):
        export(world.vault, who.subject, world.now)


def test_an_entry_that_says_something_else_gives_no_permit(world, monkeypatch):
    who, kept = world.person(), []
    monkeypatch.setattr("consent.export.document.own_permits", lambda _vault, reads: kept.extend(reads) or [])
    export(world.vault, who.subject, world.now)
    assert own_permits(world.vault, kept) != [None]
    with tampering(world.vault.data) as conn:
        here = (entry.c.bucket == kept[0].log.bucket) & (entry.c.idx == kept[0].position.idx)
        conn.execute(update(entry).where(here).values(leaf=bytes(32)))
    assert own_permits(world.vault, kept) == [None]


def test_every_member_of_a_copy_is_described(world, busy):
    _, who = busy
    made = document(world, who)
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text("utf-8")
    rows = [made["person"], *made["values"], *made["permissions"], *made["uses"], *made["turned_away"]]
    rows += [*made["notices"], *made["terms"], *made["ledger"]]
    names = {name for row in rows for name in row} | set(made)
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_the_copy_says_what_staff_did_and_what_the_person_was_told(world):
    who = world.person()
    office = Office(world.vault, world.now)
    office.open(office.approved(who.subject, fields=("phone",)).id)

    made = document(world, who)

    assert sorted(row["kind"] for row in made["staff"]) == [
        "staff_approved",
        "staff_approved",
        "staff_asked",
        "staff_opened",
    ]
    (opened,) = [row for row in made["staff"] if row["kind"] == "staff_opened"]
    assert (opened["staff"], opened["fields"], opened["times"]) == (ASKER.name, ["phone"], 1)
    assert [row["kind"] for row in made["told"]] == ["emergency_read"]


def test_a_wards_copy_says_what_guardians_did_and_a_protected_persons_who_looks_twice(world):
    house, (person, trusted) = family(world), world.people(2)
    house.approve(world.app())
    one = asked(world, person, trusted)
    protection.accept(world.vault, key_of(trusted), one.id, world.now + 1)

    (step,) = document(world, house.ward)["guarded"]
    assert (step["step"], step["guardian"]) == ("approved", encode_id("sub", house.guardians[0].subject))
    for each in (person, trusted):
        (told,) = document(world, each)["protection"]
        assert told["trusted"] == encode_id("sub", trusted.subject)
        assert [line["step"] for line in told["steps"]] == ["asked", "accepted"]
