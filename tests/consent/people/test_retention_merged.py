"""What may be kept no longer goes at everybody who stands for the person, in whatever order merge and term came."""

import pytest
from sqlalchemy import select

from consent.erasure.retention import Rule, keep_until, run
from consent.export.document import Export, export
from consent.families.ties import merge
from consent.people.anchors import Mismatch, check
from consent.people.keeping import NewPerson, enrol_people
from consent.schema.erasure_tables import erasure_order
from tests.consent.erasure.test_retention import change, found, states, term
from tests.vault.keys.test_damaged_keys import damage
from tests.vault.people.made_up import phone
from vault.families.merge import Merged
from vault.finding.find import find
from vault.ids import PROFILE
from vault.people.retention_tables import retention as table
from vault.reading.history import history, masked
from vault.retention import striking
from vault.sealing.sealed import Place, Unopenable
from vault.tables import value

CARD = "6222021234567890128"


def two(world, **more):
    """A survivor without a phone, and a duplicate with one; not merged yet."""
    people = [{"email": "s@example.com", "name": "Sam One"}, {"phone": phone(0), "name": "Sam One", **more}]
    return enrol_people(world.vault, [NewPerson(one) for one in people], world.now)


def join(world, keep, drop, at):
    done = merge(world.vault, keep.subject, drop.subject, at, clock=lambda: at)
    assert isinstance(done, Merged)


def exported(world, who, field, at):
    copy = export(world.vault, who.subject, at)
    assert isinstance(copy, Export)
    return [row["value"] for row in copy.document["values"] if row["field"] == field]


def legible(world, who, field):
    return [line.version for line in history(world.vault, who.subject, field) if line.masked is not None]


def running(world):
    with world.vault.data.read() as conn:
        mine = select(table.c.subject, table.c.field, table.c.expires_at).where(table.c.state == "set")
        return sorted(map(tuple, conn.execute(mine)))


def test_a_field_that_is_over_goes_at_the_merged_duplicate_too(world):
    keep, drop = two(world)
    join(world, keep, drop, world.now + 10)
    assert exported(world, keep, "phone", world.now + 11) == [phone(0)] * 2
    keep_until(world.vault, [term(keep, "phone", world.now + 20)], world.now + 15)
    assert run(world.vault, [], world.now + 100).struck == 2
    assert find(world.vault, {"phone": phone(0)}) == []
    assert found(world, ("phone", phone(0))) == []
    assert not any(exported(world, keep, "phone", world.now + 200))
    assert legible(world, drop, "phone") == legible(world, keep, "phone") == []
    assert legible(world, drop, "name") == [1]
    assert states(world) == [("phone", "done")] * 2
    assert [step for step in check(world.vault) if isinstance(step, Mismatch)] == []


def test_old_copies_of_a_duplicates_rows_open_no_more(world):
    keep, drop = two(world)
    join(world, keep, drop, world.now + 10)
    with world.vault.data.read() as conn:
        mine = (value.c.subject == drop.subject) & (value.c.field == "phone")
        old = conn.execute(select(value).where(mine)).one()
    keep_until(world.vault, [term(keep, "phone", world.now + 20)], world.now)
    run(world.vault, [], world.now + 20)
    key = world.vault.keyring.subject_keys([(drop.bucket, drop.subject)])[drop.subject]
    place = Place(world.vault.installation.tenant, drop.subject, PROFILE, "phone", old.schema, 1)
    with pytest.raises(Unopenable):
        key.open(place, old.blob)


def test_a_duplicates_other_number_is_free_once_it_is_struck_out(world):
    keep, drop = enrol_people(
        world.vault, [NewPerson({"phone": phone(1)}), NewPerson({"phone": phone(2)})], world.now
    )
    join(world, keep, drop, world.now + 10)
    keep_until(world.vault, [term(keep, "phone", world.now + 20)], world.now)
    run(world.vault, [], world.now + 20)
    (other,) = enrol_people(world.vault, [NewPerson({"email": "z@example.com"})], world.now)
    for number in (1, 2):
        change(world, other, phone(number), world.now + 30 + number)
    assert [line.version for line in history(world.vault, other.subject, "phone")] == [1, 2]


def test_what_is_said_of_somebody_merged_away_is_said_of_the_survivor(world):
    keep, drop = two(world, bank_card=CARD)
    join(world, keep, drop, world.now + 10)
    keep_until(world.vault, [term(drop, "bank_card", world.now + 20)], world.now + 15)
    assert running(world) == [(keep.subject, "bank_card", world.now + 20)]
    assert run(world.vault, [], world.now + 20).struck == 2
    assert legible(world, drop, "bank_card") == legible(world, keep, "bank_card") == []
    assert find(world.vault, {"bank_card": CARD}) == []


def test_a_merge_takes_terms_along_and_the_one_that_ends_first_holds(world):
    keep, drop = two(world, bank_card=CARD)
    at = world.now
    keep_until(world.vault, [term(keep, "phone", at + 90), term(keep, "name", at + 50)], at)
    later = [term(drop, "phone", at + 60), term(drop, "name", at + 95), term(drop, "bank_card", at + 70)]
    keep_until(world.vault, later, at)
    join(world, keep, drop, at + 10)
    wanted = [("bank_card", 70), ("name", 50), ("phone", 60)]
    assert running(world) == [(keep.subject, field, at + ms) for field, ms in wanted]
    assert run(world.vault, [], at + 60).struck == 4
    assert legible(world, drop, "phone") == legible(world, keep, "phone") == []


def test_a_merge_keeps_the_wait_for_the_survivors_new_key_beside_the_duplicates_term(world):
    (keep, drop), at = two(world), world.now
    due = term(keep, "phone", at)
    keep_until(world.vault, [due, term(drop, "phone", at + 60)], at)
    striking.strike(world.vault, [due], at)  # and killed before the key is replaced
    join(world, keep, drop, at + 10)
    assert running(world) == [(keep.subject, "phone", at + 60)]
    keys = lambda: world.vault.keyring.subject_keys([(keep.bucket, keep.subject)])[keep.subject]  # noqa: E731
    before = keys().epoch
    run(world.vault, [], at + 20)
    assert keys().epoch == before + 1
    assert legible(world, keep, "phone") == [1]
    assert run(world.vault, [], at + 60).struck == 2
    assert states(world) == [("phone", "done")] * 2


def test_a_default_reaches_a_duplicates_own_value_and_leaves_the_survivors_younger_one(world):
    (keep, drop), at = two(world), world.now
    change(world, keep, phone(7), at + 50)
    join(world, keep, drop, at + 60)
    assert run(world.vault, [Rule(field="phone", period_ms=80)], at + 100).struck == 1
    assert legible(world, drop, "phone") == []
    assert masked(world.vault, keep.subject, ["phone"]) == {"phone": "199****0007"}
    assert found(world, ("phone", phone(0)), ("phone", phone(7))) == [keep.subject]
    taken = enrol_people(world.vault, [NewPerson({"phone": phone(n)}) for n in (0, 7)], at + 100)
    assert [hasattr(one, "subject") for one in taken] == [True, False]


def test_a_default_waits_for_a_term_that_somebody_set_for_the_survivor(world):
    (keep, drop), at = two(world), world.now
    join(world, keep, drop, at + 10)
    keep_until(world.vault, [term(keep, "phone", at + 900)], at)
    assert run(world.vault, [Rule(field="phone", period_ms=80)], at + 200).struck == 0
    assert legible(world, drop, "phone") == [1]


def test_the_end_of_a_whole_person_who_was_merged_away_is_the_survivors(world):
    (keep, drop), at = two(world), world.now
    keep_until(world.vault, [term(drop, "", at + 50)], at)
    join(world, keep, drop, at + 10)
    assert run(world.vault, [], at + 50).erased == 2
    with world.vault.data.read() as conn:
        assert set(conn.execute(select(erasure_order.c.subject)).scalars()) == {keep.subject, drop.subject}


def test_a_whole_persons_term_that_was_left_at_a_duplicate_is_carried_out_all_the_same(world):
    (keep, drop), at = two(world), world.now
    join(world, keep, drop, at + 10)
    row = {"bucket": drop.bucket, "subject": drop.subject, "field": "", "expires_at": at, "reason": "asked"}
    with world.vault.data.write() as conn:
        conn.execute(table.insert().values(**row, state="set", set_at=at))
    assert run(world.vault, [], at + 50).erased == 2
    assert states(world) == [("", "done")]


def test_a_term_of_somebody_whose_keys_are_damaged_stays_open_and_stops_nobody(world):
    (hurt, other), at = world.people(2), world.now
    keep_until(world.vault, [term(hurt, "phone", at), term(other, "phone", at + 1)], at)
    damage(world.vault, hurt)
    assert run(world.vault, [], at + 5).struck == 1
    assert running(world) == [(hurt.subject, "phone", at)]
    damage(world.vault, hurt)  # the same bit once more
    assert run(world.vault, [], at + 6).struck == 1
    assert states(world) == [("phone", "done")] * 2


def test_a_struck_term_of_somebody_whose_keys_are_damaged_waits_for_the_new_key(world):
    who, at = world.person(), world.now
    due = term(who, "phone", at)
    keep_until(world.vault, [due], at)
    striking.strike(world.vault, [due], at)
    damage(world.vault, who)
    run(world.vault, [], at + 5)
    assert states(world) == [("phone", "struck")]
    damage(world.vault, who)
    run(world.vault, [], at + 6)
    assert states(world) == [("phone", "done")]


def test_a_duplicate_whose_keys_are_damaged_is_struck_out_when_they_are_back_and_nobodys_new_value_with_it(
    world,
):
    (keep, drop), at = two(world), world.now
    join(world, keep, drop, at + 10)
    keep_until(world.vault, [term(keep, "phone", at + 20)], at)
    damage(world.vault, drop)
    assert run(world.vault, [], at + 20).struck == 1
    assert running(world) == [(drop.subject, "phone", at + 20)]
    change(world, keep, phone(9), at + 30)
    damage(world.vault, drop)
    assert run(world.vault, [], at + 40).struck == 1
    assert legible(world, drop, "phone") == []
    assert masked(world.vault, keep.subject, ["phone"]) == {"phone": "199****0009"}
