"""Values that were right when they were stored and are refused today: what they led to is still known, or missed."""

import pytest
from sqlalchemy import func, select

from tests.vault.people.made_up import change, enrol, phone, values
from tests.vault.rotation.kit import rotate
from tests.vault.stricter import stricter
from vault.fields.catalogue import BUILTIN, Catalogue
from vault.finding.tag_tables import tag, unique_key
from vault.people.canonical_history import canonical_history
from vault.people.changes import Change, Updated, update_many
from vault.people.stored import StoredValue, every_value
from vault.reading.history import masked
from vault.reading.records import NewPerson, Refused, create_many
from vault.retention import striking
from vault.retention.terms import Term
from vault.rotation import Kind
from vault.tags import Probe, match
from vault.tags.registry import kinds_about

ADDRESS = "上海市徐汇区漕溪北路18号3栋401室"


def version(field: str, text: str | None, number: int = 1, *, struck_at: int | None = None) -> StoredValue:
    return StoredValue(
        field=field, version=number, valid_from=0, valid_to=None, struck_at=struck_at, text=text
    )


def strike(vault, who, field, now):
    return striking.strike(
        vault,
        [Term(bucket=who.bucket, subject=who.subject, field=field, expires_at=now, reason="asked")],
        now,
    )


def kinds(vault, who) -> set[int]:
    with vault.data.read() as conn:
        return set(conn.execute(select(tag.c.kind).where(tag.c.subject == who.subject)).scalars())


def owned_keys(vault, who) -> int:
    with vault.data.read() as conn:
        count = select(func.count()).select_from(unique_key).where(unique_key.c.subject == who.subject)
        return conn.execute(count).scalar_one()


def found(vault, field, text):
    with vault.data.read() as conn:
        return [hit.subject for hit in match(conn, vault.keyring, [Probe(field, text)])]


def about(code):
    return set(kinds_about(BUILTIN.field(code)))


@pytest.fixture
def one(vault, now):
    return enrol(vault, range(1), now)[0]


def test_a_kind_that_keeps_its_canonical_form_still_has_it_when_the_rules_refuse_it(vault):
    catalogue = stricter(vault, phone=phone(0)).catalogue
    history = canonical_history(catalogue, [version("phone", phone(0)), version("phone", phone(1), 2)])
    assert history.forms == {("phone", 1): phone(0), ("phone", 2): phone(1)}
    assert history.by_field() == {"phone": [(1, phone(0)), (2, phone(1))]}
    assert history.lost == frozenset()


def test_lost_are_refused_spellings_texts_that_do_not_open_and_unknown_fields_but_nothing_struck_out(vault):
    catalogue = stricter(vault, name="Person A").catalogue
    listed = [
        version("name", "Person A"),
        version("name", "Person B", 2),
        version("phone", None),
        version("email", None, struck_at=5),
        version("x_badge", "17"),
    ]
    history = canonical_history(catalogue, listed)
    assert history.lost == {("name", 1), ("phone", 1), ("x_badge", 1)}
    assert history.forms == {("name", 2): "personb"}
    assert "person" not in repr(history)


def test_one_person_whose_value_is_refused_today_does_not_spoil_a_batch_of_changes(vault, now):
    people = enrol(vault, range(3), now)
    later = stricter(vault, phone=phone(1), name=values(2)["name"])
    changes = [
        Change(subject=who.subject, field="email", text=f"new{at}@example.com")
        for at, who in enumerate(people)
    ]
    assert update_many(later, changes, now + 1, clock=lambda: now + 1) == [Updated(2)] * 3
    for at, who in enumerate(people):
        assert found(vault, "email", f"new{at}@example.com") == [who.subject]
        assert masked(later, who.subject, ["phone"]) == {"phone": f"199****000{at}"}


def test_a_refused_number_is_given_up_by_a_change_and_still_finds_its_owner(vault, one, now):
    assert change(stricter(vault, phone=phone(0)), one.subject, "phone", phone(7), now + 1) == Updated(2)
    assert found(vault, "phone", phone(0)) == [one.subject]
    assert owned_keys(vault, one) == 3
    (other,) = create_many(vault, [NewPerson({"phone": phone(0)})], now + 2)
    assert not isinstance(other, Refused)


def test_a_new_name_makes_its_pair_with_a_number_that_is_refused_today(vault, one, now):
    later = stricter(vault, phone=phone(0))
    with vault.data.read() as conn:
        many = select(func.count()).where(tag.c.subject == one.subject, tag.c.kind.in_(about("phone")))
        before = conn.execute(many).scalar_one()
    assert change(later, one.subject, "name", "张无忌", now + 1) == Updated(2)
    with vault.data.read() as conn:
        pairs = select(tag.c.kind).where(tag.c.subject == one.subject, tag.c.version == 2)
        assert set(conn.execute(pairs).scalars()) & about("phone") == about("phone") & about("name")
        assert conn.execute(many).scalar_one() == before + 2


def test_striking_out_a_refused_number_takes_its_tags_and_gives_it_free(vault, one, now):
    assert kinds(vault, one) & about("phone")
    rest = kinds(vault, one) - about("phone")
    assert len(strike(stricter(vault, phone=phone(0)), one, "phone", now + 5)) == 1
    assert kinds(vault, one) == rest
    assert owned_keys(vault, one) == 2


@pytest.mark.parametrize(
    ("refused", "field"),
    [({"address": ADDRESS}, "address"), ({"name": "Person A"}, "name"), ({"name": "Person A"}, "phone")],
)
def test_tags_of_a_form_that_is_lost_are_struck_out_by_whose_they_are(vault, now, refused, field):
    wanted = {**values(0), "name": "Person A", "address": ADDRESS}
    one, other = create_many(vault, [NewPerson(wanted), NewPerson({**values(1), "address": ADDRESS})], now)
    before, others_tags = kinds(vault, one), kinds(vault, other)
    assert before & about(field)
    assert len(strike(stricter(vault, **refused), one, field, now + 5)) == 1
    assert kinds(vault, one) == before - about(field)
    assert kinds(vault, other) == others_tags
    assert owned_keys(vault, one) == (2 if field == "phone" else 3)
    assert owned_keys(vault, other) == 3


def test_a_key_value_that_does_not_open_is_struck_out_and_given_free(vault, one, now, monkeypatch):
    monkeypatch.setattr("vault.people.stored._text", lambda *_args: None)
    assert len(strike(vault, one, "phone", now + 5)) == 1
    assert not kinds(vault, one) & about("phone")
    assert owned_keys(vault, one) == 2


def test_an_index_rotation_keeps_what_is_refused_today_and_passes_over_what_is_lost(vault, now):
    one, two = create_many(
        vault, [NewPerson({**values(at), "name": name}) for at, name in enumerate(("Person A", "Kim"))], now
    )
    before = kinds(vault, one), kinds(vault, two)
    assert rotate(stricter(vault, phone=phone(0), name="Kim"), Kind.INDEX, now).over
    assert found(vault, "phone", phone(0)) == [one.subject]
    assert (kinds(vault, one), kinds(vault, two)) == (before[0], before[1] - about("name"))
    assert (owned_keys(vault, one), owned_keys(vault, two)) == (3, 3)


def test_a_field_that_this_process_does_not_know_is_lost_and_stops_nothing(vault, one, now):
    fewer = Catalogue([field for field in BUILTIN if field.code != "email"])
    with vault.data.read() as conn:
        key = vault.keyring.subject_keys([(one.bucket, one.subject)])[one.subject]
        history = canonical_history(fewer, every_value(conn, vault, one.bucket, key))
    assert history.lost == {("email", 1)}
    assert {code for code, _ in history.forms} == {"phone", "resident_id", "name"}
