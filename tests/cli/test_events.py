"""What is overdue, on the command line."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.sealing.opening import opened_vault
from consent.delivery.outbox import OVERDUE_MS
from consent.schema.tables import event_outbox
from consent.withdrawal.withdraw import withdraw
from tests.races.town import found, token


@pytest.fixture
def late(home):
    """A withdrawal of two hours ago whose recipient was never told; the recipient's id."""
    at = time.time_ns() // 1_000_000 - 2 * OVERDUE_MS
    with opened_vault(settings_of(home)) as vault:
        town = found(vault, at, people=1, seed=99)
        one = token(town, 0, at)
        who = one.resident.consumer
        withdraw(vault, who.subject, who.bucket, one.grant_id, at)
        return town.shops[0].client.recipient.id


def test_what_is_overdue_is_listed_and_makes_the_command_fail(perusal, home, late):
    said = perusal("events", "overdue", "--dir", home, "--json")
    table = perusal("events", "overdue", "--dir", home)

    (line,) = said.json["overdue"]
    assert (said.code, table.code) == (Exit.WRONG, Exit.WRONG)
    assert (line["recipient_id"], line["event"], line["count"], line["why"]) == (
        late,
        "withdrawn",
        1,
        "no_address",
    )
    assert "Shop 0 Ltd" in table.out


def test_the_doctor_counts_what_is_overdue(perusal, home, late):
    said = perusal("doctor", "--dir", home, "--json")

    (check,) = [one for one in said.json["checks"] if one["name"] == "events"]
    assert check["seen"].startswith("1 overdue")


def test_what_failed_for_good_is_sent_again_on_request(perusal, home, late):
    with opened_vault(settings_of(home)) as vault, vault.data.write() as conn:
        conn.execute(update(event_outbox).values(failed_at=1, code="refused"))

    said = perusal("events", "again", late, "--dir", home, "--json")

    assert (said.code, said.json) == (Exit.OK, {"recipient_id": late, "queued": 1})


def test_nothing_overdue_is_good_news(perusal, home):
    said = perusal("events", "overdue", "--dir", home)

    assert (said.code, said.out) == (Exit.OK, "nothing is overdue\n")
