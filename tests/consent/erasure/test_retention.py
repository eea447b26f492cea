"""What may be kept no longer goes: texts, tags, key values, copies in backups, and at last whole people."""

import pytest
from sqlalchemy import select

from consent.erasure.retention import Done, Rule, Term, keep_until, run
from consent.families.ties import Tie, appoint
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.people.anchors import Mismatch, check
from consent.people.keeping import Change, Enrolled, NewPerson, correct, enrol_people
from consent.people.writes import struck_text, write_id
from consent.schema.erasure_tables import erasure_order
from tests.vault.people.made_up import permit, phone, values
from vault.ids import PROFILE
from vault.people.retention_tables import retention as table
from vault.reader import Unreadable, open_many
from vault.reading.history import history, masked
from vault.retention import striking
from vault.retention import terms as retention
from vault.rotation import people
from vault.sealing.sealed import Place, Unopenable
from vault.tables import value
from vault.tags import Probe, match

DAY = 86_400_000


def term(who, field, at, reason="asked"):
    return Term(bucket=who.bucket, subject=who.subject, field=field, expires_at=at, reason=reason)


def mismatches(world) -> list[Mismatch]:
    return [step for step in check(world.vault) if isinstance(step, Mismatch)]


def change(world, who, text, at):
    correct(world.vault, [Change(subject=who.subject, field="phone", text=text)], at, clock=lambda: at)


def found(world, *probes):
    with world.vault.data.read() as conn:
        return [hit.subject for hit in match(conn, world.vault.keyring, [Probe(*probe) for probe in probes])]


def states(world):
    with world.vault.data.read() as conn:
        return sorted(map(tuple, conn.execute(select(table.c.field, table.c.state))))


def test_a_field_whose_time_is_over_is_gone_in_every_version_with_whatever_led_there(world):
    who, other = world.people(2)
    change(world, who, phone(70), world.now + 10)
    keep_until(world.vault, [term(who, "phone", world.now + 50)], world.now)
    assert run(world.vault, [], world.now + 49) == Done(struck=0, erased=0, ended=0)
    assert run(world.vault, [], world.now + 50) == Done(struck=2, erased=0, ended=0)
    assert [(line.masked, line.struck_at) for line in history(world.vault, who.subject, "phone")] == [
        (None, world.now + 50)
    ] * 2
    assert found(world, ("phone", phone(0)), ("phone", phone(70))) == []
    assert masked(world.vault, who.subject, ["phone", "email"]).keys() == {"email"}
    assert found(world, ("email", values(0)["email"]), ("phone", phone(1))) == [who.subject, other.subject]
    assert isinstance(
        open_many(world.vault, [permit(world.vault, who, ("phone",), world.now)])[0], Unreadable
    )
    assert states(world) == [("phone", "done")]


def test_a_number_that_was_struck_out_is_free_and_the_person_may_give_a_new_one(world):
    who, other = world.people(2)
    keep_until(world.vault, [term(who, "phone", world.now)], world.now)
    run(world.vault, [], world.now + 5)
    change(world, other, phone(0), world.now + 10)
    change(world, who, phone(80), world.now + 20)
    assert masked(world.vault, other.subject, ["phone"]) == {"phone": "199****0000"}
    assert [line.version for line in history(world.vault, who.subject, "phone")] == [1, 2]
    assert mismatches(world) == []


def test_what_is_struck_out_stands_in_the_ledger_and_a_restored_text_would_be_found(world):
    who = world.person()
    keep_until(world.vault, [term(who, "phone", world.now)], world.now)
    run(world.vault, [], world.now + 5)
    with world.vault.data.read() as conn:
        entries = [parse(body) for body in conn.execute(select(entry.c.body)).scalars()]
    wanted = write_id(who.subject, struck_text("phone", 1, world.now + 5))
    assert [one.id for one in entries if one.kind is Kind.CORRECT] == [wanted]
    assert mismatches(world) == []


def test_the_text_in_an_old_copy_of_the_rows_opens_no_more(world):
    who = world.person()
    mine = (value.c.subject == who.subject) & (value.c.field == "phone")
    with world.vault.data.read() as conn:
        old = conn.execute(select(value).where(mine)).one()
    place = Place(world.vault.installation.tenant, who.subject, PROFILE, "phone", old.schema, 1)
    keys = lambda: world.vault.keyring.subject_keys([(who.bucket, who.subject)])[who.subject]  # noqa: E731
    assert keys().open(place, old.blob).decode() == phone(0)
    keep_until(world.vault, [term(who, "phone", world.now)], world.now)
    run(world.vault, [], world.now + 5)
    with pytest.raises(Unopenable):
        keys().open(place, old.blob)
    assert masked(world.vault, who.subject, ["email"]) != {}


def test_a_run_that_was_killed_between_striking_out_and_the_new_key_is_finished_by_the_next(
    world, monkeypatch
):
    who = world.person()
    keep_until(world.vault, [term(who, "phone", world.now)], world.now)

    def killed(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vault.retention.striking.move_people", killed)
        with pytest.raises(KeyboardInterrupt):
            run(world.vault, [], world.now + 5)
    assert states(world) == [("phone", "struck")]
    epoch = world.vault.keyring.subject_keys([(who.bucket, who.subject)])[who.subject].epoch
    assert run(world.vault, [], world.now + 6) == Done(struck=0, erased=0, ended=0)
    assert states(world) == [("phone", "done")]
    assert world.vault.keyring.subject_keys([(who.bucket, who.subject)])[who.subject].epoch == epoch + 1


def test_a_default_holds_for_whoever_has_no_term_of_their_own(world):
    who, longer = world.people(2)
    rules = [Rule(field="phone", period_ms=DAY)]
    keep_until(world.vault, [term(longer, "phone", world.now + 9 * DAY)], world.now)
    assert run(world.vault, rules, world.now + DAY - 1).struck == 0
    assert run(world.vault, rules, world.now + DAY).struck == 1
    assert masked(world.vault, longer.subject, ["phone"]) != {}
    change(world, who, phone(90), world.now + 2 * DAY)
    assert run(world.vault, rules, world.now + 2 * DAY).struck == 0
    assert run(world.vault, rules, world.now + 3 * DAY).struck == 1


def test_a_whole_person_whose_time_is_over_is_ordered_erased_once(world):
    who = world.person()
    keep_until(world.vault, [term(who, "", world.now + 5)], world.now)
    assert run(world.vault, [], world.now + 5).erased == 1
    assert run(world.vault, [], world.now + 6).erased == 0
    with world.vault.data.read() as conn:
        orders = [tuple(row) for row in conn.execute(select(erasure_order.c.subject, erasure_order.c.reason))]
    assert orders == [(who.subject, "retention")]


def test_a_term_of_somebody_who_is_erased_meanwhile_is_settled(world):
    who = world.person()
    keep_until(world.vault, [term(who, "", world.now), term(who, "phone", world.now + 5)], world.now)
    run(world.vault, [], world.now)
    assert run(world.vault, [], world.now + 5).struck == 0
    assert states(world) == [("", "done"), ("phone", "done")]


def test_a_term_can_be_put_off_and_is_listed_while_it_runs(world):
    who = world.person()
    keep_until(world.vault, [term(who, "phone", world.now + 5)], world.now)
    keep_until(world.vault, [term(who, "phone", world.now + 50, "dispute")], world.now)
    assert run(world.vault, [], world.now + 20).struck == 0
    with world.vault.data.read() as conn:
        assert retention.terms_of(conn, who.bucket, who.subject) == [
            term(who, "phone", world.now + 50, "dispute")
        ]


def test_a_run_ends_guardianships_of_wards_who_came_of_age(world):
    people = [NewPerson({"name": "Kim", "birth_date": "2015-03-04"}), NewPerson(values(5))]
    ward, guardian = enrol_people(world.vault, people, world.now)
    assert isinstance(ward, Enrolled)
    tie = appoint(world.vault, ward.subject, guardian.subject, Tie.PARENT, bytes(32), world.now)
    assert run(world.vault, [], tie.valid_until) == Done(struck=0, erased=0, ended=1)


def test_no_ledger_no_striking_out(world, monkeypatch):
    who = world.person()
    keep_until(world.vault, [term(who, "phone", world.now)], world.now)

    def fail(*_args):
        raise RuntimeError("no ledger")

    monkeypatch.setattr("consent.erasure.retention.enter", fail)
    with pytest.raises(RuntimeError):
        run(world.vault, [], world.now)
    assert masked(world.vault, who.subject, ["phone"]) == {"phone": "199****0000"}
    assert states(world) == [("phone", "set")]


def test_whoever_keeps_the_old_key_keeps_the_struck_term_until_a_run_can_replace_it(world, monkeypatch):
    stuck, other = world.people(2)
    keep_until(world.vault, [term(one, "phone", world.now + 50) for one in (stuck, other)], world.now)
    again = people._Sealing.again
    monkeypatch.setattr(
        people._Sealing, "again", lambda self, row: None if row[1] == stuck.subject else again(self, row)
    )

    run(world.vault, [], world.now + 50)
    assert states(world) == [("phone", "done"), ("phone", "struck")]

    monkeypatch.undo()
    run(world.vault, [], world.now + 51)
    assert states(world) == [("phone", "done"), ("phone", "done")]


def test_another_term_does_not_take_back_a_struck_one_before_the_key_is_replaced(world):
    who = world.person()
    due = term(who, "phone", world.now + 50)
    keep_until(world.vault, [due], world.now)
    striking.strike(world.vault, [due], world.now + 50)  # and killed before the key is replaced

    keep_until(world.vault, [term(who, "phone", world.now + DAY)], world.now + 60)
    assert states(world) == [("phone", "struck")]

    run(world.vault, [], world.now + 70)
    assert states(world) == [("phone", "done")]
