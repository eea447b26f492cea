"""A log that cannot be carried on ends where it was signed last, and the next edition of its year says so and goes on."""

import hashlib
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from consent.ledger import ended_tables, published
from consent.ledger.append import Position, append
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.ending.closing import GRACE_MS, carry_over, close_due
from consent.ledger.ending.giving_up import MOST_REASON, digest, give_up, plan
from consent.ledger.entries import log_entry
from consent.ledger.entries.log_entry import Opening, Why
from consent.ledger.errors import LedgerAlarm, Malformed, WrongLog
from consent.ledger.formats import checkpoint
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.indexes.indexing import EVERY_MS, make_due
from consent.ledger.origin import LogId, number_of, origin_of
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.given_up import GivenUp
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish, standing
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import checkpoint as checkpoint_table
from consent.ledger.tables import entry
from consent.ledger.tree import EMPTY_ROOT
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow, insider
from tests.races.crowd import at_once
from vault.editions import Editions

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
SECOND = LogId(0, number_of(YEAR, 2))
THIRD = LogId(0, number_of(YEAR, 3))
WHY = "A disk lied.\nNothing that was signed is lost."
DICE = random.Random(21)
_ENTRY = "bucket, year, idx, id, leaf, body"
_HEAD = "bucket, year, size, root, frontier, note, created_at"


def written(backend: Backend, log: LogId, now_ms: int = NOW) -> Position:
    item = replace(an_item(DICE), year=log.year)
    with backend.data.write() as conn:
        return append(conn, [item], now_ms, HOST)[0]


def ended(backend: Backend, log: LogId = LOG, *known: Checkpoint, now_ms: int = NOW) -> GivenUp:
    return give_up(backend.data, SIGNER, log, known, WHY, now_ms)


def about(backend: Backend, log: LogId) -> list[log_entry.LogEntry]:
    mine = (entry.c.bucket == log.bucket, entry.c.year == log.year)
    with backend.data.read() as conn:
        bodies = list(conn.execute(select(entry.c.body).where(*mine).order_by(entry.c.idx)).scalars())
    return [log_entry.parse(body) for body in bodies if log_entry.is_about_log(body)]


def findings(backend: Backend) -> list[Finding]:
    return [step for step in fsck(backend.data, SIGNER) if isinstance(step, Finding)]


def signed(backend: Backend) -> None:
    """Ten entries, five of them signed."""
    grow(backend, 5)
    publish(backend.data, SIGNER, NOW)
    grow(backend, 5, seed=1)


def damaged(backend: Backend) -> None:
    """The same, and a bit of the eighth is another one."""
    signed(backend)
    with insider(backend) as conn:
        conn.execute(text("UPDATE ledger_entry SET body = :body WHERE idx = 7"), {"body": b"{}"})
    with pytest.raises(LedgerAlarm, match="entry 7 is not what was appended"):
        publish(backend.data, SIGNER, NOW)


def test_a_damaged_log_ends_at_its_last_signed_head_and_the_next_edition_names_it(backend: Backend):
    damaged(backend)

    made = ended(backend)

    assert (made.next, made.size, made.kept) == (SECOND, 5, 5)
    with backend.data.read() as conn:
        at = published.newest(conn, LOG)
        assert given_up.of(conn, LOG) == made
    assert at is not None
    assert (made.root, made.note) == (at.root, at.note)
    (opening,) = about(backend, SECOND)
    assert opening == Opening(
        id=opening.id,
        ts=NOW,
        before=ORIGIN,
        size=5,
        root=at.root,
        checkpoint_sha256=hashlib.sha256(at.note).digest(),
        why=Why.DAMAGE,
        incident_sha256=digest(made.incident),
    )


def test_the_incident_says_which_log_ended_where_and_why(backend: Backend):
    damaged(backend)

    lines = ended(backend).incident.split("\n")

    assert lines[0] == "perusal incident"
    assert f"log {ORIGIN}" in lines
    assert any(line.startswith("ended at 5 ") for line in lines)
    assert f"carried on in {HOST}/{YEAR}.2/0" in lines
    assert "key kept" in lines
    assert lines[-3:] == [*WHY.split("\n"), ""]


def test_the_successor_is_signed_and_the_old_log_never_again(backend: Backend):
    damaged(backend)
    ended(backend)

    at = written(backend, SECOND)
    (new,) = publish(backend.data, SIGNER, NOW)

    assert (at.idx, at.n, at.origin) == (1, 1, f"{HOST}/{YEAR}.2/0")
    assert (new.log, new.size) == (SECOND, 2)
    assert checkpoint.verify(new.note, [SIGNER.key(f"{HOST}/{YEAR}.2/0")]).size == 2
    assert standing(backend.data, SIGNER, {}) == []
    assert findings(backend) == []


def test_a_log_that_was_given_up_takes_nothing_any_more(backend: Backend):
    damaged(backend)
    ended(backend)

    with pytest.raises(WrongLog):
        grow(backend, 1, seed=2)
    with pytest.raises(WrongLog):
        log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    assert make_due(backend.data, HOST, NOW + EVERY_MS, 0)[0].log == SECOND
    with pytest.raises(WrongLog, match="ended already"):
        ended(backend)


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO ledger_entry ({_ENTRY}) SELECT bucket, year, 99 + idx, leaf, leaf, body FROM ledger_entry",
        "UPDATE ledger_head SET closed_at = NULL, carried_at = NULL WHERE year = 2026",
        "UPDATE ledger_head SET size = size + 1 WHERE year = 2026",
        f"INSERT INTO ledger_checkpoint ({_HEAD}) SELECT bucket, year, 6, root, frontier, note, 0 FROM ledger_checkpoint",
        "DELETE FROM ledger_given_up",
        "UPDATE ledger_given_up SET size = size - 1",
    ],
)
def test_the_data_base_itself_refuses_to_carry_it_on(backend: Backend, statement: str):
    signed(backend)
    ended(backend)

    with pytest.raises(DBAPIError), backend.data.write() as conn:
        conn.execute(text(statement))


def test_the_data_base_gives_no_log_up_that_is_still_open(backend: Backend):
    grow(backend, 1)
    row = {"next_year": YEAR, "size": 0, "root": EMPTY_ROOT, "note": b"", "kept": 0}

    row |= {"bucket": 0, "year": YEAR, "stolen": False, "incident": "x", "given_up_at": NOW}

    with pytest.raises(IntegrityError), backend.data.write() as conn:
        conn.execute(insert(ended_tables.given_up).values(**row))


def test_a_head_that_only_the_copy_outside_remembers_is_the_end_and_is_signed_again(
    backend: Backend, tmp_path
):
    """The data base was rolled back behind it, and has grown another way since."""
    memory = Memory(tmp_path / "heads.json")
    lost = Checkpoint(ORIGIN, 40, bytes(range(32)))
    grow(backend, 20)
    publish(backend.data, SIGNER, NOW, memory=memory)
    memory.save({ORIGIN: lost})
    grow(backend, 7, seed=1)
    with pytest.raises(LedgerAlarm, match="rolled back behind the signed size 40"):
        publish(backend.data, SIGNER, NOW, memory=memory)

    made = ended(backend, LOG, *memory.load().values())

    assert (made.size, made.root, made.kept) == (40, lost.root, 20)
    assert made.note == SIGNER.sign(lost)
    assert publish(backend.data, SIGNER, NOW, memory=memory)[0].log == SECOND
    assert publish(backend.data, SIGNER, NOW, memory=memory) == []
    assert findings(backend) == []


def test_what_giving_up_would_do_can_be_read_before(backend: Backend):
    damaged(backend)

    with backend.data.read() as conn:
        found = plan(conn, SIGNER, LOG, [], NOW)
        assert given_up.every(conn) == {}

    assert (found.end.size, found.size, found.kept, found.behind, found.next) == (5, 10, 5, 5, SECOND)


def test_a_second_successor_is_a_third_edition(backend: Backend):
    damaged(backend)
    ended(backend)
    written(backend, SECOND)

    made = ended(backend, SECOND)

    assert (made.next, made.size) == (THIRD, 0)
    assert written(backend, THIRD).idx == 1
    publish(backend.data, SIGNER, NOW)
    assert findings(backend) == []


def test_an_edition_that_only_the_copy_outside_remembers_is_not_begun_a_second_time(backend: Backend):
    """A copy of the data base was restored from before the log was given up."""
    grow(backend, 3)
    remembered = [Checkpoint(ORIGIN, 9, bytes(32)), Checkpoint(origin_of(HOST, SECOND), 4, bytes(32))]
    alarms = standing(backend.data, SIGNER, {at.origin: at for at in remembered})
    assert {alarm.origin for alarm in alarms} == {at.origin for at in remembered}

    assert ended(backend, LOG, *remembered).next == THIRD
    assert ended(backend, SECOND, *remembered).next == THIRD

    openings = [one for one in about(backend, THIRD) if isinstance(one, Opening)]
    assert [(one.before, one.size) for one in openings] == [(at.origin, at.size) for at in remembered]
    assert standing(backend.data, SIGNER, {at.origin: at for at in remembered}) == []
    assert len(publish(backend.data, SIGNER, NOW)) == 1
    assert findings(backend) == []


def test_a_log_that_was_signed_after_its_end_raises_an_alarm(backend: Backend):
    damaged(backend)
    ended(backend)

    beyond = {ORIGIN: Checkpoint(ORIGIN, 6, bytes(32))}
    (alarm,) = standing(backend.data, SIGNER, beyond)

    assert (alarm.origin, alarm.reason) == (ORIGIN, "given up at size 5, and signed at 6")


def test_a_year_turns_after_an_edition_as_after_a_first_log(backend: Backend):
    midnight = int(datetime(YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
    new, due = LogId(0, YEAR + 1), midnight + GRACE_MS
    damaged(backend)
    ended(backend)
    written(backend, SECOND)

    early = written(backend, new, midnight)
    assert close_due(backend.data, HOST, due) == [SECOND]
    final = next(at for at in publish(backend.data, SIGNER, due) if at.log == SECOND)
    assert carry_over(backend.data, HOST, due) == [SECOND]

    assert early.idx == 1
    first, last = (one for one in about(backend, new) if isinstance(one, Opening))
    assert (first.before, last.before) == (origin_of(HOST, SECOND),) * 2
    assert (last.size, last.root, last.why) == (final.size, final.root, Why.YEAR)
    assert close_due(backend.data, HOST, due + 1) == []
    publish(backend.data, SIGNER, due)
    assert findings(backend) == []


def test_a_log_of_a_year_that_is_over_is_carried_on_in_the_one_that_is_open_now(backend: Backend):
    midnight = int(datetime(YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
    new = LogId(0, YEAR + 1)
    damaged(backend)

    made = ended(backend, now_ms=midnight)

    assert made.next == new
    assert [one.before for one in about(backend, new) if isinstance(one, Opening)] == [ORIGIN]
    assert written(backend, new, midnight).idx == 1


def test_of_many_who_give_a_log_up_one_does(backend: Backend):
    damaged(backend)

    def attempt() -> bool:
        try:
            ended(backend)
        except WrongLog:
            return False
        return True

    assert sorted(at_once([attempt] * 6)) == [False] * 5 + [True]
    assert len(about(backend, SECOND)) == 1


def test_nothing_of_it_stays_where_it_is_broken_off(backend: Backend, monkeypatch):
    damaged(backend)

    def broken(*_args: object) -> dict[str, object]:
        raise OSError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr("consent.ledger.ending.giving_up._row", broken)
        with pytest.raises(OSError, match="gone"):
            ended(backend)

    with backend.data.read() as conn:
        assert published.logs(conn) == [LOG]
        assert given_up.every(conn) == {}
    assert ended(backend).next == SECOND


@pytest.mark.parametrize("reason", ["", "a\x00b", "a\tb", "x" * (MOST_REASON + 1)])
def test_a_reason_is_a_text_that_can_be_shown(backend: Backend, reason: str):
    grow(backend, 1)

    with pytest.raises(Malformed):
        give_up(backend.data, SIGNER, LOG, [], reason, NOW)


def test_nobody_gives_up_a_log_that_was_never_there(backend: Backend):
    with pytest.raises(WrongLog, match="no such log"):
        ended(backend)


def test_whoever_meets_a_log_that_was_given_up_learns_which_one_is_open(backend: Backend):
    damaged(backend)
    editions = Editions()
    editions.learn({})
    ended(backend)

    item = replace(an_item(DICE), editions=editions)
    with pytest.raises(WrongLog), backend.data.write() as conn:
        append(conn, [item], NOW, HOST)

    assert editions.of(0, YEAR) == 2
    assert editions.of(1, YEAR) == 1


def test_an_opening_that_says_something_else_than_was_given_up_is_found(backend: Backend):
    damaged(backend)
    ended(backend)
    with backend.data.write() as conn:
        if backend.name == "postgresql":
            conn.execute(text("ALTER TABLE ledger_given_up DISABLE TRIGGER ALL"))
        else:
            conn.execute(text("DROP TRIGGER ledger_given_up_no_update"))
        conn.execute(text("UPDATE ledger_given_up SET incident = 'nothing happened'"))

    assert [found.what for found in findings(backend)] == [
        "does not carry on an earlier log as that was signed"
    ]


def test_what_was_signed_of_it_stays_provable_and_checked(backend: Backend):
    signed(backend)
    ended(backend)
    assert findings(backend) == []

    with insider(backend) as conn:
        conn.execute(
            text("UPDATE ledger_entry SET body = :body WHERE idx = 2 AND year = :year"),
            {"body": b"{}", "year": YEAR},
        )

    assert {found.at for found in findings(backend)} >= {2}


def test_the_rest_of_the_bucket_s_log_is_whole_after_it(backend: Backend):
    damaged(backend)
    ended(backend)
    for _ in range(3):
        written(backend, SECOND)

    with backend.data.read() as conn:
        mine = (checkpoint_table.c.bucket == 0, checkpoint_table.c.year == SECOND.year)
        assert conn.execute(select(checkpoint_table.c.size).where(*mine)).all() == []
    assert [at.size for at in publish(backend.data, SIGNER, NOW)] == [4]
