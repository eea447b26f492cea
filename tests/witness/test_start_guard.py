"""Before the first signature: a data base that was put back to an older state is found out by whoever saw more
(invariant 8).
"""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
from sqlalchemy import text

from api.edge.sessions import Lifetime
from api.jobs.holds import Holds
from api.jobs.publisher import Publisher
from api.jobs.seen_heads import seen_heads
from api.jobs.start_guard import StartGuard
from api.witnesses import stations
from consent.ledger import published
from consent.ledger.append import append
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats import cosignature
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy, Witness
from consent.ledger.origin import LogId, origin_of
from consent.ledger.published import Published
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish, standing
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.consent.ledger.kit import LOG, NOW, YEAR, an_item, insider
from tests.flow.installation import Clock
from tests.witness.parties import Liar, lying
from vault.opening import Vault

SEED = hashlib.sha256(b"watchful").digest()
KEY = cosignature.key_of("watchful.example", SEED)


@pytest.fixture
def liar():
    with lying() as found:
        yield found


@pytest.fixture
def witnesses(liar: Liar) -> Policy:
    return Policy((), (), (Witness("watchful", KEY, liar.url),), quorum="watchful")


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "heads.json")


def signed(vault: Vault, count: int, memory: Memory | None = None) -> Published:
    dice = random.Random(count)
    with vault.data.write() as conn:
        append(conn, [an_item(dice, tag=at) for at in range(count)], NOW, vault.installation.ledger_host)
    return publish(vault.data, Signer.of(vault), NOW, memory=memory)[-1]


def put_back(backend: Backend) -> None:
    """The state before anything was written: what a very old backup is."""
    with insider(backend) as conn:
        for table in (
            "ledger_opening",
            "ledger_entry",
            "ledger_subject_head",
            "ledger_head",
            "ledger_checkpoint",
        ):
            conn.execute(text(f"DELETE FROM {table}"))


def newest(vault: Vault) -> int:
    with vault.data.read() as conn:
        at = published.newest(conn, LOG)
    return at.size if at else 0


def guarded(vault: Vault, memory: Memory, witnesses: Policy) -> Holds:
    holds = Holds()
    StartGuard(vault, Clock(NOW), memory, witnesses, holds)()
    return holds


def test_a_witness_alone_stops_a_data_base_that_lost_its_end(backend, vault, liar, witnesses, memory):
    """The second copy beside the data base is lost as well."""
    liar.shows = signed(vault, 9).note
    put_back(backend)
    signed(vault, 4)

    holds = guarded(vault, memory, witnesses)

    assert holds.reasons() == {LOG: "a witness holds a signed head of size 9, beyond ours"}
    assert memory.load()[origin_of(vault.installation.ledger_host, LOG)].size == 9


def test_a_log_of_which_an_older_copy_knows_nothing_is_not_begun_again(
    backend, vault, liar, witnesses, memory
):
    liar.shows = signed(vault, 9).note
    put_back(backend)

    guarded(vault, memory, witnesses)

    with pytest.raises(LedgerAlarm, match="gone"):
        publish(vault.data, Signer.of(vault), NOW, memory=memory)
    with pytest.raises(LedgerAlarm, match="rolled back behind the signed size 9"):
        signed(vault, 4, memory)
    assert newest(vault) == 0


def test_another_history_of_more_entries_is_not_signed(backend, vault, liar, witnesses, memory):
    liar.shows = signed(vault, 9).note
    put_back(backend)
    signed(vault, 12)

    holds = guarded(vault, memory, witnesses)

    assert holds.reasons() == {LOG: "a witness holds another signed head of size 9"}


def test_a_witness_without_a_reading_side_says_it_by_its_refusal(backend, vault, liar, witnesses, memory):
    liar.status, liar.kind, liar.body = 409, "text/x.tlog.size", b"9\n"
    signed(vault, 4)

    holds = guarded(vault, memory, witnesses)

    assert holds.reasons() == {LOG: "witness watchful has cosigned size 9, beyond ours"}


def test_what_a_witness_saw_of_a_sound_log_holds_nothing(vault, liar, witnesses, memory):
    liar.shows = signed(vault, 5, memory).note
    signed(vault, 3, memory)

    assert guarded(vault, memory, witnesses).reasons() == {}


@pytest.mark.parametrize("why", ["nobody there", "a stranger's head", "no head"])
def test_whoever_shows_nothing_of_ours_stops_nothing(vault, liar, memory, why):
    url = "http://127.0.0.1:1" if why == "nobody there" else liar.url
    if why == "a stranger's head":
        stranger = Signer(vault.installation.ledger_host, bytes(32))
        origin = origin_of(vault.installation.ledger_host, LOG)
        liar.shows = stranger.sign(Checkpoint(origin, 99, bytes(32)))
    if why == "no head":
        liar.shows = b"nothing"
    liar.status = 500
    signed(vault, 5, memory)

    holds = guarded(vault, memory, Policy((), (), (Witness("w", KEY, url),), quorum="w"))

    assert holds.reasons() == {}
    signed(vault, 3, memory)


def test_a_server_asks_before_it_signs_and_says_why_it_does_not(
    backend, vault, liar, witnesses, memory, capfd
):
    liar.shows = signed(vault, 9).note
    put_back(backend)
    with vault.data.write() as conn:
        append(conn, [an_item(random.Random(1))], NOW, vault.installation.ledger_host)
    clock, holds = Clock(NOW), Holds()
    guard = StartGuard(vault, clock, memory, witnesses, holds)
    publisher = Publisher(vault, clock, memory, Lifetime(idle=1, longest=1), 3600, holds, before=guard)

    publisher.start()
    publisher.stop()

    told = [json.loads(one) for one in capfd.readouterr().err.splitlines() if one.startswith("{")]
    alarms = [one["reason"] for one in told if one["event"] == "ledger_alarm"]
    assert "a witness holds a signed head of size 9, and none is stored here" in alarms
    assert newest(vault) == 0


def test_looking_tells_the_same_and_changes_nothing(backend, vault, liar, witnesses, memory):
    liar.shows = signed(vault, 9).note
    put_back(backend)
    signed(vault, 4)
    signer, origin = Signer.of(vault), origin_of(vault.installation.ledger_host, LOG)
    before = newest(vault)

    (seen,) = seen_heads(vault, stations(witnesses), {}, NOW)
    alarms = standing(vault.data, signer, {origin: seen.head})

    assert (seen.witness, seen.log, seen.head.size) == ("watchful", LogId(0, YEAR), 9)
    assert [str(one) for one in alarms] == [f"{origin}: rolled back behind the signed size 9"]
    assert (newest(vault), memory.load()) == (before, {})
