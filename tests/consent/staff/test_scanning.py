"""Scans under dual control: exactly what was approved, on record before anybody hears of it, resumable."""

import hashlib

import pytest
from sqlalchemy import select

from consent.denials import DenialCode, Denied
from consent.dual.requests import DualRequest
from consent.errors import BadRequest
from consent.house import house_opening
from consent.ids import dual_text
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import Kind
from consent.ledger.tables import entry as entry_row
from consent.ledger.tables import opening
from consent.people.honey import sweep
from consent.permits.issue import scan_permission
from consent.permits.scan_runs import RESUME_MS, ScanScope, scope_of
from consent.schema.dual_tables import scan_run, staff_lookup
from consent.staff.scanning import Scanned, ask_scan, run_scan
from consent.staff_members import WINDOW_MS, DualReason, Verdict
from tests.consent.dual.office import ASKER, FIRST, SECOND, THIRD, Office
from tests.consent.tampering import tampering
from tests.vault.people import made_up as people
from vault.people.honey import alarms, watch_over
from vault.scan.schemes import UnknownScheme

REASON = DualReason.LEAK_INVESTIGATION
SALT = b"pepper"
same_entry = (
    (opening.c.bucket == entry_row.c.bucket)
    & (opening.c.year == entry_row.c.year)
    & (opening.c.idx == entry_row.c.idx)
)


def digest(at):
    return hashlib.md5(SALT + people.phone(at).encode()).digest()


WANTED = [digest(1), digest(3), digest(99)]
SCHEMES = ("md5(salt+value)",)


@pytest.fixture
def office(world):
    return Office(world.vault, world.now)


@pytest.fixture
def crowd(world):
    return world.people(5)


def ask(office, field="phone", schemes=SCHEMES, wanted=WANTED, salts=(SALT,)):
    scope = ScanScope.of(office.vault, field, schemes, wanted, salts)
    return ask_scan(office.vault, ASKER, scope, REASON, "The Harbour file.", office.now)


def asked(office, wanted=WANTED):
    request = ask(office, wanted=wanted)
    assert isinstance(request, DualRequest)
    return request


def approved(office):
    request = asked(office)
    for staffer in (FIRST, SECOND):
        office.vote(request.id, staffer)
    return request


def run(office, request, staffer=ASKER, wanted=WANTED, salts=(SALT,), **how):
    return run_scan(office.vault, staffer, request.id, wanted, office.now, salts=salts, **how)


def row(office):
    with office.vault.data.read() as conn:
        return conn.execute(select(scan_run)).one_or_none()


def test_an_approved_scan_finds_people_by_salted_digests_and_each_sees_it(office, crowd):
    done = run(office, approved(office))

    assert isinstance(done, Scanned)
    assert {(hit.subject, hit.wanted) for hit in done.hits} == {(crowd[1].subject, 0), (crowd[3].subject, 1)}
    with office.vault.data.read() as conn:
        looks = {one.subject: one for one in conn.execute(select(staff_lookup))}
    assert set(looks) == {crowd[1].subject, crowd[3].subject}
    said = (("step", "found"), ("staff", ASKER.name), ("how", "scan"), ("reason", REASON.value))
    for look in looks.values():
        assert office.commits_to(look.id, (*said, ("fields", "phone")))
    kept = row(office)
    assert (kept.opened, kept.found, kept.finished_at) == (5, 2, office.now)
    assert len(office.entries(Kind.DISCLOSE)) == 3


def test_approvers_and_the_ledger_are_told_how_many_digests_under_how_many_salts(office, crowd):
    request = asked(office)

    scope = scope_of(request.scope)
    assert (scope.wanted_count, scope.salt_count) == (len(WANTED), 1)
    other = asked(office, wanted=WANTED[:1])
    assert scope_of(other.scope).wanted_count == 1
    with office.vault.data.read() as conn:
        row = conn.execute(
            opening.select().join(entry_row, same_entry).where(entry_row.c.id == request.id)
        ).one()
    said = (
        ("step", "asked"),
        ("request", dual_text(request.id)),
        ("staff", ASKER.name),
        ("reason", REASON.value),
        ("fields", "phone"),
        ("scope", request.scope),
    )
    secret = house_opening(office.vault, request.id, row.sealed, said).secret
    (granted,) = [one for one in office.entries(Kind.GRANT) if one.id == request.id]
    assert granted.commitment == commit(secret, said)


@pytest.mark.parametrize("votes", [0, 1])
def test_without_two_approvals_nobody_is_opened(office, crowd, votes, monkeypatch):
    request = asked(office)
    for staffer in (FIRST, SECOND)[:votes]:
        office.vote(request.id, staffer)
    monkeypatch.setattr("consent.staff.scanning.scan", _never)

    assert run(office, request) == Denied(code=DenialCode.NOT_APPROVED)
    assert row(office) is None
    assert len(office.entries(Kind.REFUSE)) == 1


def _never(*_, **__):
    raise AssertionError("somebody was opened")


def test_nobody_gets_one_scan_approved_and_runs_another(office, crowd, monkeypatch):
    request = approved(office)
    monkeypatch.setattr("consent.staff.scanning.scan", _never)

    assert run(office, request, wanted=[digest(2)]) == Denied(code=DenialCode.FIELD_NOT_REQUESTED)
    for salts in ([], [SALT, b"another"]):
        assert run(office, request, salts=salts) == Denied(code=DenialCode.FIELD_NOT_REQUESTED)
    assert run(office, request, THIRD) == Denied(code=DenialCode.NOT_REQUESTER)
    assert run(office.at(WINDOW_MS), request) == Denied(code=DenialCode.WINDOW)
    office.vote(request.id, THIRD, Verdict.NO)
    assert run(office, request) == Denied(code=DenialCode.NOT_APPROVED)


def test_an_emergency_is_no_scan_and_a_scan_no_emergency(office, crowd):
    assert run(office, office.approved(crowd[0].subject)) == Denied(code=DenialCode.UNKNOWN_REQUEST)
    assert office.open(approved(office).id) == Denied(code=DenialCode.UNKNOWN_REQUEST)


def test_a_scan_that_broke_off_goes_on_where_it_was_for_a_day_and_ends_once(office, crowd, monkeypatch):
    monkeypatch.setattr("vault.scan.running.PAGE", 2)
    request, pages = approved(office), []

    def break_off(done):
        pages.append(done)
        if len(pages) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(office, request, report=break_off)
    assert row(office).opened == 4
    rest = run(office.at(RESUME_MS - 1), request)

    found = {hit.subject for page in pages for hit in page.found} | {hit.subject for hit in rest.hits}
    assert found == {crowd[1].subject, crowd[3].subject}
    assert (row(office).opened, row(office).found) == (5, 2)
    assert run(office, request) == Denied(code=DenialCode.REQUEST_CLOSED)
    assert len([one for one in office.entries(Kind.DISCLOSE) if one.id == row(office).id]) == 1


def test_a_broken_off_scan_is_over_after_a_day(office, crowd, monkeypatch):
    request = approved(office)

    def break_off(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(office, request, report=break_off)

    assert run(office.at(RESUME_MS), request) == Denied(code=DenialCode.REQUEST_CLOSED)


def test_a_no_stops_a_scan_that_broke_off_for_good(office, crowd):
    request = approved(office)

    def break_off(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(office, request, report=break_off)
    office.vote(request.id, THIRD, Verdict.NO)

    assert run(office, request) == Denied(code=DenialCode.REQUEST_CLOSED)


def test_rows_that_somebody_rewrote_give_no_permission(office, crowd):
    request = approved(office)
    run(office, request)
    ref = (request.bucket, row(office).id)
    assert scan_permission(office.vault, ref) is not None

    with tampering(office.vault.data) as conn:
        conn.exec_driver_sql("UPDATE dual_request SET scope = replace(scope, 'phone', 'email')")

    assert scan_permission(office.vault, ref) is None


def test_a_scan_for_nothing_or_under_no_scheme_is_refused(office):
    for wrong in ({"schemes": ()}, {"wanted": []}, {"salts": [at.to_bytes(4) for at in range(10_001)]}):
        with pytest.raises(BadRequest):
            ask(office, **wrong)
    with pytest.raises(UnknownScheme):
        ask(office, schemes=("rot13",))


@pytest.mark.parametrize(
    ("field", "many"), [("birth_date", 1), ("name", 1), ("note", 1), ("phone", 100_001)], ids=str
)
def test_nobody_is_asked_to_approve_a_list_of_what_a_field_may_hold(office, field, many):
    with pytest.raises(BadRequest):
        ask(office, field=field, wanted=[at.to_bytes(4) for at in range(many)])


def test_a_scan_whose_alarm_was_never_written_is_swept_from_its_finds(office, crowd, monkeypatch):
    watch_over(
        office.vault, [(crowd[1].bucket, crowd[1].subject), (crowd[2].bucket, crowd[2].subject)], office.now
    )
    request = approved(office)
    with monkeypatch.context() as dead:
        dead.setattr(type(office.vault.watch), "_queue", lambda *_: None)
        run(office, request)

    assert sweep(office.vault, office.now) == 1
    assert sweep(office.vault, office.now) == 0

    with office.vault.data.read() as conn:
        (alarm,) = alarms(conn)
    assert (alarm.source, alarm.who) == ("scan", f"staff:{ASKER.name}")
