"""Incidents, claims and evidence: one draft per person, the agreed sum, and a pack that stands on its own."""

import hashlib
import io
import json
import zipfile

import pytest
from sqlalchemy import func, select

from breach.cases import claims
from breach.cases import incidents as cases
from breach.cases.claim_states import State
from breach.cases.claims import draft_many, find_claim
from breach.cases.evidence import pack
from breach.cases.incidents import open_incident
from breach.errors import UnknownIncident
from breach.intake.quarantine import receive
from breach.pipeline.report import report_json
from breach.pipeline.run import trace
from breach.tables import claim
from consent.ledger.bundles.verify import verify_bundle
from tests.breach.leaks import row
from vault.ids import bucket_for


@pytest.fixture
def report(small_town, lost, tmp_path):
    now = small_town.world.now
    return trace(small_town.vault, receive(small_town.vault, [lost], tmp_path / "q", now_ms=now), now_ms=now)


def test_an_incident_concerns_everybody_found_and_is_opened_once(small_town, report):
    vault, now = small_town.vault, small_town.world.now

    first = open_incident(vault, report.id, now_ms=now)
    second = open_incident(vault, report.id, now_ms=now + 5)

    assert first == second
    assert first.respondents == (small_town.recipient("shop"),)
    with vault.data.read() as conn:
        assert cases.find(conn, first.id) == first
        assert (
            cases.count_affected(conn, first.id) == 47
        )  # 45 in agreeing rows, 2 in the row that mixed two people up
        people = list(cases.affected(conn, first.id, vault.installation.buckets))
    assert sum(one.agreed for one in people) == 45
    assert {small_town.people[n].subject for n in (*range(40, 85), 86, 87)} == {one.subject for one in people}


def test_there_is_one_draft_per_person_with_the_sum_the_grant_agreed(small_town, report):
    vault, now = small_town.vault, small_town.world.now
    opened = open_incident(vault, report.id, now_ms=now)

    assert draft_many(vault, opened.id, now_ms=now) == 47
    with vault.data.read() as conn:
        before = conn.execute(select(claim.c.id)).scalars().all()
    assert draft_many(vault, opened.id, now_ms=now + 9) == 47

    with vault.data.read() as conn:
        after = conn.execute(select(claim.c.id)).scalars().all()
        person = small_town.people[50]
        drafted = find_claim(conn, opened.id, person.bucket, person.subject)
        assert claims.claims_of(conn, person.bucket, person.subject) == [drafted]
    assert sorted(before) == sorted(after)
    assert len(set(after)) == 47
    assert (str(drafted.sum), drafted.sum.currency) == ("500.00", "CNY")
    assert (drafted.state, drafted.respondent) == (State.DRAFT, small_town.recipient("shop"))
    assert drafted.fields == ("email", "phone")
    assert drafted.notes == ("loss_not_proven",)


def test_a_pack_verifies_off_line_and_names_nobody_else(small_town, report):
    vault, now = small_town.vault, small_town.world.now
    opened = open_incident(vault, report.id, now_ms=now)
    draft_many(vault, opened.id, now_ms=now)
    small_town.publish()
    subject = small_town.people[75].subject

    packed = pack(vault, opened.id, subject)

    assert pack(vault, opened.id, subject) == packed
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(members["claim.json"])
    assert document["respondent"]["name"] == "Shop Ltd"
    assert document["agreed"]["amount"] == "500.00"
    assert document["rests_on"]["report.json"] == hashlib.sha256(members["report.json"]).hexdigest()
    assert members["report.json"].decode() == report_json(report)
    assert document["rests_on"]["report.json"] == opened.report_sha256
    hashes = {n: hashlib.sha256(data).hexdigest() for n, data in members.items() if n != "manifest.json"}
    assert json.loads(members["manifest.json"]) == hashes
    verdict = verify_bundle(members["disclosures.zip"])
    assert verdict.ok
    assert len(verdict.entries) == 1  # what the shop read; the parcel service is not accused
    assert dict(verdict.entries[0].fields)["recipient"] == small_town.recipient("shop")
    everything = b"".join(members.values())
    for number in range(90):
        assert not any(value.encode() in everything for value in row(number)[1:])


def test_a_stranger_to_the_incident_has_no_claim_and_no_pack(small_town, report):
    vault, now = small_town.vault, small_town.world.now
    opened = open_incident(vault, report.id, now_ms=now)
    draft_many(vault, opened.id, now_ms=now)
    outsider = small_town.people[3].subject

    with pytest.raises(UnknownIncident):
        pack(vault, opened.id, outsider)
    with pytest.raises(UnknownIncident):
        pack(vault, bytes(16), outsider)
    with vault.data.read() as conn, pytest.raises(UnknownIncident):
        find_claim(conn, opened.id, bucket_for(outsider, vault.installation.buckets), outsider)


def test_where_nobody_can_be_named_the_draft_names_nobody(small_town, tmp_path):
    """A file of people never disclosed: affected they are, but no recipient is behind it."""
    vault, now = small_town.vault, small_town.world.now
    raw = "\n".join(row(n)[1] for n in range(5)).encode()
    found = trace(vault, receive(vault, [raw], tmp_path / "q", now_ms=now), now_ms=now)
    opened = open_incident(vault, found.id, now_ms=now)
    draft_many(vault, opened.id, now_ms=now)
    person = small_town.people[2]

    with vault.data.read() as conn:
        drafted = find_claim(conn, opened.id, person.bucket, person.subject)
        count = conn.execute(select(func.count()).select_from(claim)).scalar_one()
    with zipfile.ZipFile(io.BytesIO(pack(vault, opened.id, person.subject))) as archive:
        names = archive.namelist()

    assert count == 5
    assert (drafted.respondent, drafted.sum) == (None, None)
    assert drafted.notes == ("no_recipient_named",)
    assert "disclosures.zip" not in names


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_people_in_remarks_and_of_mailboxes_spelt_otherwise_are_among_the_affected(small_town, tmp_path):
    vault, now = small_town.vault, small_town.world.now
    rows = [[f"stranger{n}@example.net", "好评"] for n in range(40)]
    rows[7][1] = f"备注: 联系 {row(3)[1]} 张三"
    rows[8][0] = row(4)[2].replace("@", "+shop@")
    raw = "".join(",".join(cells) + "\n" for cells in rows).encode()

    report = trace(vault, receive(vault, [raw], tmp_path / "q", now_ms=now), now_ms=now)
    opened = open_incident(vault, report.id, now_ms=now)

    with vault.data.read() as conn:
        found = list(cases.affected(conn, opened.id, vault.installation.buckets))
    assert {(one.subject, one.fields, one.agreed) for one in found} == {
        (small_town.people[3].subject, ("phone",), True),
        (small_town.people[4].subject, ("email",), False),
    }
    assert (report.body["lines"]["mentions"], report.body["cells"]["rows_by_mailbox"]) == (1, 1)
    assert report.people_found == 1
