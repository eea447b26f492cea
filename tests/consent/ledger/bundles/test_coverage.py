"""How far "these are all" reaches: logs left out, counts dated wrongly, and what was proven before."""

import dataclasses

import pytest

from consent.ledger.bundles import coverage
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.bundles.verify import Verdict, verify_bundle
from consent.ledger.bundles.weigh import SKEW_MS
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.indexes import indexing
from consent.ledger.origin import LogId
from consent.ledger.publishing.publish import publish
from tests.backends import Backend
from tests.consent.ledger.bundles.test_bundle import RECEIPT_KEY, SIGNER, disclose, evidence
from tests.consent.ledger.kit import HOST, NOW, YEAR, grow
from tests.consent.ledger.witnesses.test_witnessed import NOW_S, TWO_OF_THREE, cosigned, signed

LOG = LogId(0, YEAR)
MINE = (3).to_bytes(16)
ORIGINS = [f"{HOST}/{YEAR - 1}/0", f"{HOST}/{YEAR}/0", f"{HOST}/{YEAR}/1", f"other.example/{YEAR}/0"]


def counted(backend: Backend) -> None:
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)


def proven(
    backend: Backend, *items: Evidence, whole: bool = True, witnesses: Policy = NO_WITNESSES
) -> Verdict:
    logs = {LOG: MINE} if whole else {}
    found = build(backend.data, SIGNER, items, receipt_keys=[RECEIPT_KEY], whole=logs, witnesses=witnesses)
    return verify_bundle(found)


def test_logs_of_the_same_bucket_of_which_nothing_is_counted_are_named(backend: Backend):
    grow(backend, 9)
    counted(backend)
    trusted = Policy(tuple(map(SIGNER.key, ORIGINS)), ())

    assert coverage.uncovered(proven(backend), trusted) == (ORIGINS[0],)


def test_a_file_that_counts_nothing_leaves_no_log_out(backend: Backend):
    item = evidence(*disclose(backend, tag=3))
    publish(backend.data, SIGNER, NOW)
    trusted = Policy(tuple(map(SIGNER.key, ORIGINS)), ())

    assert coverage.uncovered(proven(backend, item, whole=False), trusted) == ()


@pytest.mark.parametrize("late_ms", [0, SKEW_MS, SKEW_MS + 1_000])
def test_a_count_dated_after_its_witnesses_saw_it_is_refused(backend: Backend, late_ms: int):
    grow(backend, 9)
    indexing.make(backend.data, HOST, LOG, NOW)
    at = signed(backend)
    cosigned(backend, at, "AB", at_s=NOW_S - late_ms // 1000)

    if late_ms <= SKEW_MS:
        assert proven(backend, witnesses=TWO_OF_THREE).ok
        return
    with pytest.raises(LedgerAlarm, match="dated after its witnesses saw it"):
        proven(backend, witnesses=TWO_OF_THREE)


def test_what_was_proven_before_is_still_counted_or_came_after_the_count(backend: Backend):
    item = evidence(*disclose(backend, tag=3))
    counted(backend)
    old, counts = proven(backend, item, whole=False), proven(backend)
    late = evidence(*disclose(backend, tag=3, seed=4))
    publish(backend.data, SIGNER, NOW)
    newer = proven(backend, late, whole=False)
    counted(backend)
    new = proven(backend)

    assert coverage.against(new, old).ok
    assert coverage.against(new, counts).ok
    assert coverage.against(counts, newer).ok
    assert [one.name for one in coverage.against(new, old).checks].count("still counted") == 1


def test_an_entry_that_the_newer_count_leaves_out_or_replaces_is_a_contradiction(backend: Backend):
    item = evidence(*disclose(backend, tag=3))
    counted(backend)
    old, new = proven(backend, item, whole=False), proven(backend)
    (whole,) = new.complete
    dropped = dataclasses.replace(whole, count=0, leaves=())
    other = dataclasses.replace(whole, leaves=(bytes(32),))

    for lie in (dropped, other):
        found = coverage.against(dataclasses.replace(new, complete=(lie,)), old)
        assert not found.ok
        assert "prove that the log lied" in found.checks[-1].detail
        assert found.complete == ()


def test_a_count_that_another_count_contradicts_or_that_is_older_is_refused(backend: Backend):
    grow(backend, 9)
    disclose(backend, tag=3)
    counted(backend)
    old = proven(backend)
    disclose(backend, tag=3, seed=4)
    counted(backend)
    new = proven(backend)
    (whole,) = new.complete
    lie = dataclasses.replace(whole, leaves=(bytes(32), *whole.leaves[1:]))

    assert coverage.against(new, old).ok
    assert coverage.against(old, new).checks[-1].detail == "the newer file rests on an older count"
    found = coverage.against(dataclasses.replace(new, complete=(lie,)), old)
    assert "contradict each other" in found.checks[-1].detail


def test_against_a_file_about_somebody_else_nothing_is_said_to_be_counted(backend: Backend):
    item = evidence(*disclose(backend, tag=5))
    counted(backend)

    found = coverage.against(proven(backend), proven(backend, item, whole=False))

    assert found.checks[-1].detail == "the newer file counts nothing of its tag in that log"
