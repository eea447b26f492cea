"""Raw SQL against dual control: whatever the handlers forget, the data base refuses, on both dialects."""

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.dual.control import Question, ask
from consent.ledger.origin import year_of
from consent.schema.dual_tables import (
    dual_request,
    dual_vote,
    emergency_read,
    person_notice,
    scan_run,
    staff_lookup,
)
from consent.staff_members import WINDOW_MS, DualKind, DualReason, Verdict
from tests.consent.dual.office import ASKER, FIRST, SECOND, THIRD, Office
from vault.ids import new_id
from vault.storage.database import metadata


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


@pytest.fixture
def person(world):
    return world.person()


def refused(office, *statements, says=""):
    """Run raw statements in one transaction; they must fail, now or at the commit, for the reason given."""
    with pytest.raises(DBAPIError) as error:
        run(office, *statements)
    assert says in str(error.value.orig), error.value.orig


def run(office, *statements):
    with office.vault.data.write() as conn:
        for statement in statements:
            conn.execute(statement)


def row_of(office, table, **where):
    with office.vault.data.read() as conn:
        return dict(conn.execute(select(table).filter_by(**where)).mappings().one())


def entry_for(office, entry_id):
    """A raw ledger entry, as a forger with SQL would write it, so that only the rule under test refuses."""
    entry = metadata.tables["ledger_entry"]
    return insert(entry).values(
        bucket=entry_id[7], year=year_of(office.now), idx=10**6, id=entry_id, leaf=b"l", body=b"b"
    )


def a_vote(office, request, **changes):
    vote_id = new_id(request.bucket, office.now)
    row = {
        "bucket": request.bucket,
        "request_id": request.id,
        "actor": b"v" * 32,
        "verdict": "yes",
        "id": vote_id,
        "staff": "auditor/999999999999",
        "place": 1,
        "voted_at": office.now,
        "ledger_year": year_of(office.now),
        **changes,
    }
    return [insert(dual_vote).values(**row), entry_for(office, vote_id)]


def a_read(office, request, **changes):
    read_id = new_id(request.bucket, office.now)
    row = {
        "bucket": request.bucket,
        "id": read_id,
        "request_id": request.id,
        "subject": request.subject,
        "staff": request.staff,
        "actor": request.actor,
        "fields": '["name"]',
        "committed_at": office.now,
        "times": 1,
        "last_at": office.now,
        "ledger_year": year_of(office.now),
        **changes,
    }
    return [insert(emergency_read).values(**row), entry_for(office, read_id)]


def test_right_rows_are_accepted_and_the_second_yes_approves(office, person):
    request = office.ask(person.subject)
    run(office, *a_vote(office, request))
    office.vote(request.id, FIRST)

    found = row_of(office, dual_request)
    assert (found["state"], found["window_to"]) == ("approved", office.now + WINDOW_MS)
    with office.vault.data.write() as conn:
        conn.execute(a_read(office, request)[0].values(id=_entry_of(conn)))


def _entry_of(conn):
    """The id of an entry that exists, so that the row's foreign key holds."""
    return conn.execute(select(dual_vote.c.id).limit(1)).scalar_one()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"actor": "asker"}, "nobody approves"),
        ({"staff": ASKER.name}, "nobody approves"),
        ({"place": 2}, "out of turn"),
        ({"place": 3}, ""),
        ({"place": None}, ""),
        ({"verdict": "no"}, ""),
        ({"voted_at": -1}, "nothing to say yes to"),
        ({"voted_at": 3_600_000}, "nothing to say yes to"),
        ({"actor": b"short"}, ""),
    ],
    ids=str,
)
def test_a_wrong_vote_is_refused(office, person, changes, says):
    request = office.ask(person.subject)
    if changes.get("actor") == "asker":
        changes = {"actor": request.actor}
    if "voted_at" in changes:
        changes = {"voted_at": office.now + changes["voted_at"]}

    refused(office, *a_vote(office, request, **changes), says=says)


def test_a_vote_without_its_entry_is_refused(office, person):
    refused(office, a_vote(office, office.ask(person.subject))[0])


def test_a_third_yes_and_a_vote_after_a_no_are_refused(office, person):
    done, ended = office.approved(person.subject), office.ask(person.subject)
    office.vote(ended.id, THIRD, Verdict.NO)

    refused(office, *a_vote(office, done), says="nothing to say yes to")
    refused(office, *a_vote(office, ended), says="nothing to say yes to")
    refused(office, *a_vote(office, ended, verdict="no", place=None), says="nothing to say no to")


@pytest.mark.parametrize("votes", [0, 1])
def test_nobody_writes_an_approval_by_hand(office, person, votes):
    request = office.ask(person.subject)
    for staffer in (FIRST, SECOND)[:votes]:
        office.vote(request.id, staffer)
    approved = {"state": "approved", "approved_at": office.now, "window_to": office.now + WINDOW_MS}

    refused(office, update(dual_request).values(**approved), says="without the others")
    refused(office, update(dual_request).values(state="refused"), says="without a no")
    refused(office, update(dual_request).values(approved_at=office.now, window_to=office.now + WINDOW_MS))


def test_nobody_makes_a_window_longer_opens_it_again_or_changes_what_was_asked(office, person):
    office.approved(person.subject)

    refused(office, update(dual_request).values(window_to=office.now + 2 * WINDOW_MS))
    refused(
        office,
        update(dual_request).values(approved_at=office.now + 1, window_to=office.now + 1 + WINDOW_MS),
        says="given once",
    )
    refused(office, update(dual_request).values(state="asked"))
    refused(office, update(dual_request).values(fields='["resident_id"]'), says="never change")
    refused(office, update(dual_request).values(subject=b"x" * 16), says="never change")
    refused(office, dual_request.delete())
    refused(office, update(dual_vote).values(staff="auditor/000000000000"), says="append-only")
    refused(office, dual_vote.delete())


def test_a_request_is_never_born_approved(office, person):
    row = row_of(office, dual_request, id=office.approved(person.subject).id)
    copy = new_id(row["bucket"], office.now)

    refused(office, insert(dual_request).values(**{**row, "id": copy}), says="born asked")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fields": '["resident_id"]'}, "beyond the request"),
        ({"fields": '["name","resident_id"]'}, "beyond the request"),
        ({"fields": "[]"}, "beyond the request"),
        ({"staff": THIRD.name}, "no open approval"),
        ({"actor": b"o" * 32}, "no open approval"),
        ({"subject": b"s" * 16}, "no open approval"),
        ({"times": 2}, "no open approval"),
        ({"committed_at": WINDOW_MS, "last_at": WINDOW_MS}, "no open approval"),
        ({"committed_at": -1}, "no open approval"),
    ],
    ids=str,
)
def test_a_wrong_read_is_refused(office, person, changes, says):
    request = office.approved(person.subject)
    moved = {name: office.now + ms for name, ms in changes.items() if name.endswith("_at")}

    refused(office, *a_read(office, request, **{**changes, **moved}), says=says)


def test_a_read_under_a_request_that_is_not_approved_is_refused(office, person):
    asked = office.ask(person.subject)
    ended = office.approved(person.subject)
    office.vote(ended.id, THIRD, Verdict.NO)

    refused(office, *a_read(office, asked), says="no open approval")
    refused(office, *a_read(office, ended), says="no open approval")


def test_an_approval_is_one_read_whose_counter_only_goes_up_by_one_inside_the_window(office, person):
    request = office.approved(person.subject)
    office.open(request.id)

    refused(office, *a_read(office, request))
    refused(office, update(emergency_read).values(times=3), says="one answer at a time")
    refused(office, update(emergency_read).values(times=2, last_at=office.now + WINDOW_MS))
    refused(office, update(emergency_read).values(last_at=office.now + 1), says="moves with the counter")
    refused(office, update(emergency_read).values(fields='["name"]'), says="never change")
    refused(office, emergency_read.delete())
    run(office, update(emergency_read).values(times=2, last_at=office.now + 1))


def test_a_scan_never_runs_under_an_emergency_s_approval(office, person):
    request = office.approved(person.subject)
    run_id = new_id(request.bucket, office.now)
    row = {
        "bucket": request.bucket,
        "id": run_id,
        "request_id": request.id,
        "staff": request.staff,
        "actor": request.actor,
        "wanted": 1,
        "committed_at": office.now,
        "opened": 0,
        "found": 0,
        "ledger_year": year_of(office.now),
    }

    refused(office, insert(scan_run).values(**row), entry_for(office, run_id), says="no open approval")


def test_notices_and_looks_stay(office, person):
    office.open(office.approved(person.subject).id)
    run(office, update(person_notice).values(seen_at=office.now))

    refused(office, update(person_notice).values(seen_at=office.now + 1), says="seen once")
    refused(office, update(person_notice).values(about="{}"), says="never change")
    refused(office, person_notice.delete())
    refused(
        office,
        insert(staff_lookup).values(
            bucket=person.bucket,
            id=new_id(person.bucket, office.now),
            subject=person.subject,
            staff=ASKER.name,
            actor=b"a" * 32,
            how="find",
            reason="court_order",
            fields='["phone"]',
            committed_at=office.now,
            ledger_year=year_of(office.now),
        ),
    )


def test_what_is_read_of_a_minor_takes_one_yes_and_takes_no_second(office, person):
    question = Question(
        kind=DualKind.MINOR_READ,
        reason=DualReason.PERSON_ASKED,
        note="He asks for his parcel.",
        subject=person.subject,
        fields=("phone",),
    )
    request = ask(office.vault, ASKER, question, office.now)
    approved = {"state": "approved", "approved_at": office.now, "window_to": office.now + WINDOW_MS}

    refused(office, update(dual_request).values(**approved), says="without the others")
    run(office, *a_vote(office, request))

    assert row_of(office, dual_request, id=request.id)["state"] == "approved"
    refused(office, *a_vote(office, request, actor=b"w" * 32, staff=SECOND.name, place=2), says="yes to")
