"""The record of a witness: atomic, durable before the answer, and only growing, whoever writes into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from consent.ledger.errors import LedgerAlarm, Malformed
from consent.ledger.formats import cosignature
from consent.ledger.formats.note import COSIGNER_ML_DSA_44, SignatureLine
from consent.ledger.publishing.memory import Memory
from consent.ledger.witnesses import witness_store
from consent.ledger.witnesses.witness_store import WitnessStore
from consent.ledger.witnesses.witnessing import Asked, Cosigner, Refusal, Refused, known_logs, read
from tests.witness.parties import ForeignLog, cosigned_by
from vault.storage.database import open_database

LOG = ForeignLog()
LOGS = {LOG.origin: (LOG.key,)}
NOW_S = 1_795_300_000
COSIGNER = Cosigner.of("w.example", bytes(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WitnessStore]:
    witness_store.create(tmp_path / "witness.db")
    data = open_database(f"sqlite:///{tmp_path / 'witness.db'}")
    yield WitnessStore(data, Memory(tmp_path / "heads"))
    data.close()


def asked(old: int, size: int, log: ForeignLog = LOG) -> Asked:
    found = read(log.submission(old, size), LOGS)
    assert isinstance(found, Asked)
    return found


def cosign(store: WitnessStore, old: int, size: int, now_s: int = NOW_S) -> bytes | Refused:
    return store.cosign(asked(old, size), [COSIGNER], now_s)


@dataclass(frozen=True, slots=True, repr=False)
class _Dying(Cosigner):
    def line(self, _text: str, _at_s: int) -> SignatureLine:
        raise KeyboardInterrupt


class _DyingMemory(Memory):
    __slots__ = ()

    def save(self, _heads):
        raise KeyboardInterrupt


def test_death_before_the_record_is_written_leaves_nothing(store: WitnessStore):
    with pytest.raises(KeyboardInterrupt):
        store.cosign(asked(0, 5), [_Dying(COSIGNER.key, COSIGNER.seed)], NOW_S)

    assert store.records() == []
    assert isinstance(cosign(store, 0, 3), bytes)


def test_death_between_the_record_and_the_answer_is_told_by_the_next_conflict(store: WitnessStore):
    with pytest.raises(KeyboardInterrupt):
        WitnessStore(store.data, _DyingMemory(store.memory.path)).cosign(asked(0, 5), [COSIGNER], NOW_S)

    assert cosign(store, 0, 3) == Refused(Refusal.OUTDATED, 5)
    assert isinstance(cosign(store, 5, 5), bytes)
    store.refuse_older()


def test_the_data_base_itself_refuses_a_head_that_shrinks_changes_or_goes(store: WitnessStore):
    cosign(store, 0, 5)

    for change in (
        "UPDATE witness_head SET size = 4",
        "UPDATE witness_head SET root = zeroblob(32)",
        "UPDATE witness_head SET at_s = at_s - 1",
        "UPDATE witness_head SET origin = 'x'",
        "DELETE FROM witness_head",
    ):
        with pytest.raises(IntegrityError), store.data.write() as conn:
            conn.execute(text(change))


def test_a_clock_behind_the_last_time_signs_nothing_until_it_has_caught_up(store: WitnessStore):
    cosign(store, 0, 5)

    assert cosign(store, 5, 6, NOW_S - 1) == Refused(Refusal.CLOCK)
    assert isinstance(cosign(store, 5, 6, NOW_S), bytes)


def test_a_record_behind_the_second_copy_is_an_alarm(store: WitnessStore, tmp_path: Path):
    cosign(store, 0, 5)
    store.refuse_older()
    fork = ForeignLog(fork="x", forked_at=2)

    for name, head in (("longer", LOG.head(6)), ("other", fork.head(5))):
        memory = Memory(tmp_path / name)
        memory.save({LOG.origin: head})
        with pytest.raises(LedgerAlarm):
            WitnessStore(store.data, memory).refuse_older()
    lagging = Memory(tmp_path / "lagging")
    WitnessStore(store.data, lagging).refuse_older()
    assert lagging.load() == {LOG.origin: LOG.head(5)}


def test_both_kinds_of_lines_hold_for_the_same_second(store: WitnessStore):
    second = Cosigner.of("w.example", bytes(32), COSIGNER_ML_DSA_44)

    answer = store.cosign(asked(0, 5), [COSIGNER, second], NOW_S)

    assert isinstance(answer, bytes)
    found = cosignature.verify(cosigned_by(answer, LOG.head(5).text), [COSIGNER.key, second.key])
    assert [one.at_s for one in found] == [NOW_S, NOW_S]


def test_a_logs_file_is_a_policy_that_need_not_name_a_quorum():
    other = ForeignLog(origin="other.example")
    next_key = ForeignLog(key_of="next")
    lines = f"# known\nlog {LOG.key} https://log.example\n\nlog {next_key.key}\n\tlog {other.key}\n"

    expected = {LOG.origin: (LOG.key, next_key.key), other.origin: (other.key,)}
    assert known_logs(lines) == expected
    assert known_logs(f"{lines}quorum none\n") == expected
    assert known_logs("") == {}


@pytest.mark.parametrize("line", ["lgo x", f"log {COSIGNER.key}", f"log {LOG.key}\nlog {LOG.key}", "log"])
def test_a_logs_file_with_anything_else_is_refused(line: str):
    with pytest.raises(Malformed):
        known_logs(f"{line}\n")


def test_a_checkpoint_that_is_posted_again_within_its_second_costs_no_write(
    store: WitnessStore, tmp_path: Path
):
    first = cosign(store, 0, 5)
    written: list[str] = []

    def note_write(_conn, _cursor, statement, *_):
        if statement.startswith(("INSERT", "UPDATE")):
            written.append(statement)

    event.listen(store.data.engine, "before_cursor_execute", note_write)
    remembered = (tmp_path / "heads").stat().st_ino
    again = [cosign(store, 5, 5) for _ in range(3)]

    assert again == [first] * 3
    assert (written, (tmp_path / "heads").stat().st_ino) == ([], remembered)
    later = cosign(store, 5, 5, NOW_S + 1)
    assert later != first
    assert len(written) == 1


def test_a_witness_with_another_key_says_its_own_word_within_the_second(store: WitnessStore):
    cosign(store, 0, 5)
    other = Cosigner.of("other.example", bytes(32))

    answer = store.cosign(asked(5, 5), [other], NOW_S)

    assert isinstance(answer, bytes)
    assert answer.startswith("\u2014 other.example ".encode())
