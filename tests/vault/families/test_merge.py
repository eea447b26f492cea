"""Two people who turn out to be one: the survivor lacks nothing, the other leads to it, and it cannot be undone."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from tests.vault.people.made_up import change, enrol, erase, permit, phone, values
from vault import rotation
from vault.families.merge import Merged, merge, merged_of, survivors
from vault.families.tables import person_merge
from vault.finding.find import find
from vault.finding.tag_tables import unique_key
from vault.ids import new_subject
from vault.people.drafts import Refused
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.reading.history import history, masked
from vault.reading.records import Created, NewPerson, Updated, create_many
from vault.tables import person
from vault.tags import Probe, match


@pytest.fixture
def two(vault, now):
    """A survivor with a phone only, and a duplicate with everything."""
    (keep,) = create_many(vault, [NewPerson({"phone": phone(90), "name": "Person A"})], now)
    assert isinstance(keep, Created)
    return keep, enrol(vault, range(1), now)[0]


def no_pause(_seconds):
    """Caches of other processes are waited for; here there are none."""


def merged(vault, keep, drop, now_ms, **further):
    return merge(vault, keep.subject, drop.subject, now_ms, clock=lambda: now_ms, **further)


def state(vault, who):
    with vault.data.read() as conn:
        row = conn.execute(
            select(person.c.state, person.c.merged_into).where(person.c.subject == who.subject)
        )
        return tuple(row.one())


def test_what_the_survivor_lacks_becomes_its_own_and_the_rest_stays_in_the_others_history(vault, two, now):
    keep, drop = two
    email = masked(vault, drop.subject, ["email"])["email"]
    done = merged(vault, keep, drop, now + 10)
    assert isinstance(done, Merged)
    assert [(w.field, w.version, w.valid_from) for w in done.moved] == [
        ("email", 1, now + 10),
        ("resident_id", 1, now + 10),
    ]
    assert done.apart == ("name", "phone")
    assert masked(vault, keep.subject, ["phone", "email"]) == {
        "phone": "199****0090",
        "email": email,
    }
    assert [line.masked for line in history(vault, drop.subject, "phone")] == ["199****0000"]
    assert open_many(vault, [permit(vault, keep, ("email",), now + 10)]) == [{"email": values(0)["email"]}]
    assert state(vault, drop) == ("merged", keep.subject)
    late = permit(vault, drop, ("email",), now + 20)
    assert open_many(vault, [late]) == [Unreadable(UnreadableCode.MERGED)]


def test_key_values_of_both_belong_to_the_survivor_and_to_nobody_else(vault, two, now):
    keep, drop = two
    merged(vault, keep, drop, now + 10)
    (other,) = enrol(vault, range(5, 6), now)
    for field in ("phone", "email", "resident_id"):
        assert change(vault, other.subject, field, values(0)[field], now + 20) == Refused(
            "person_exists", field
        )
    assert change(vault, keep.subject, "phone", phone(0), now + 20).version == 2


def test_what_finds_the_other_leads_to_the_survivor(vault, two, now):
    keep, drop = two
    merged(vault, keep, drop, now + 10)
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, [Probe("phone", phone(0))])
        assert {hit.subject for hit in hits} == {drop.subject}
        assert survivors(conn, [(hit.bucket, hit.subject) for hit in hits]) == {drop.subject: keep.subject}
        assert survivors(conn, [(keep.bucket, keep.subject)]) == {}
        assert merged_of(conn, [keep.subject, drop.subject]) == {keep.subject: [(drop.bucket, drop.subject)]}


def test_whoever_stood_for_the_other_stands_for_the_survivor_without_a_chain(vault, now):
    one, two, three = enrol(vault, range(3), now)
    merged(vault, two, one, now + 1)
    done = merged(vault, three, two, now + 2)
    assert done.dropped == ((two.bucket, two.subject), (one.bucket, one.subject))
    assert [state(vault, who)[1] for who in (one, two)] == [three.subject] * 2
    with vault.data.read() as conn:
        assert len(conn.execute(select(person_merge)).all()) == 3


def test_merges_that_make_no_sense_are_refused_with_a_reason(vault, now):
    one, two, three, gone = enrol(vault, range(4), now)
    merged(vault, one, two, now + 1)
    erase(vault, gone, now)
    assert merged(vault, one, one, now + 2) == Refused("merge_self", "")
    assert merged(vault, three, two, now + 2) == Refused("person_merged", "")
    assert merged(vault, two, three, now + 2) == Refused("person_merged", "")
    assert merged(vault, three, gone, now + 2) == Refused("person_unknown", "")
    assert merge(vault, three.subject, new_subject(), now + 2) == Refused("person_unknown", "")


def test_a_merge_is_written_with_what_belongs_to_it_or_not_at_all(vault, two, now):
    keep, drop = two

    def fail(_conn, _done):
        raise RuntimeError("no ledger")

    with pytest.raises(RuntimeError):
        merged(vault, keep, drop, now + 10, within=fail)
    assert state(vault, drop) == ("active", None)
    assert masked(vault, keep.subject, ["email"]) == {}


def test_a_merged_person_is_changed_no_more(vault, two, now):
    keep, drop = two
    merged(vault, keep, drop, now + 10)
    assert change(vault, drop.subject, "name", "Person Z", now + 20) == Refused("person_unknown", "")


def refused(vault, statement):
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(statement)


def test_the_data_base_itself_refuses_chains_inactive_survivors_and_taking_back(vault, now):
    one, two, three, four = enrol(vault, range(4), now)
    merged(vault, one, two, now + 1)
    of = lambda who: update(person).where(person.c.subject == who.subject)  # noqa: E731
    row = {"merged_at": now, "keep_bucket": two.bucket, "keep": two.subject}
    refused(vault, person_merge.insert().values(bucket=three.bucket, subject=three.subject, **row))
    refused(vault, of(three).values(state="merged", merged_into=four.subject))  # never recorded
    refused(vault, of(two).values(state="active", merged_into=None))
    with vault.data.write() as conn:
        survivor = {"merged_at": now, "keep_bucket": three.bucket, "keep": three.subject}
        conn.execute(person_merge.insert().values(bucket=one.bucket, subject=one.subject, **survivor))
    refused(vault, of(one).values(state="merged", merged_into=three.subject))  # two stands for one
    refused(
        vault,
        person_merge.insert().values(
            bucket=one.bucket, subject=one.subject, **{**survivor, "keep": one.subject}
        ),
    )


def test_a_search_that_hits_the_other_answers_the_survivor_once(vault, two, now):
    keep, drop = two
    merged(vault, keep, drop, now + 10)
    (by_phone,) = find(vault, {"phone": phone(0)})
    assert (by_phone.subject, by_phone.bucket, by_phone.duplicate) == (
        keep.subject,
        keep.bucket,
        drop.subject,
    )
    assert [one.subject for one in find(vault, {"email": values(0)["email"]})] == [keep.subject]


def test_key_values_still_belong_to_the_survivor_after_the_index_was_made_anew(vault, two, now):
    keep, drop = two
    merged(vault, keep, drop, now + 10)
    assert rotation.run(vault, rotation.start(vault, rotation.Kind.INDEX, now + 20), pause=no_pause).over
    (other,) = enrol(vault, range(5, 6), now)
    assert change(vault, other.subject, "phone", phone(0), now + 30) == Refused("person_exists", "phone")
    assert isinstance(change(vault, keep.subject, "phone", phone(0), now + 30), Updated)


def test_a_number_the_survivor_gave_up_stays_with_its_next_holder_when_the_index_is_made_anew(vault, now):
    expected = []
    for i in range(6):  # whichever of the ids is the lower
        keep, drop = create_many(
            vault, [NewPerson({"email": f"s{i}@example.com"}), NewPerson({"phone": phone(i)})], now
        )
        merged(vault, keep, drop, now + 10)
        assert isinstance(change(vault, keep.subject, "phone", phone(50 + i), now + 20), Updated)
        (holder,) = create_many(vault, [NewPerson({"phone": phone(i)})], now + 30)
        expected += [(2, keep.subject), (2, holder.subject)]

    assert rotation.run(vault, rotation.start(vault, rotation.Kind.INDEX, now + 40), pause=no_pause).over

    with vault.data.read() as conn:
        phones = unique_key.c.kind == 65
        held = conn.execute(select(unique_key.c.epoch, unique_key.c.subject).where(phones)).all()
    assert sorted(tuple(row) for row in held) == sorted(expected)
