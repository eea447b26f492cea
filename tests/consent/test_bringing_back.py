"""An older copy of the data base is put back: uses that it does not have come back from their receipts."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

from sqlalchemy import select, text

from consent.accounts.keys import Consumer
from consent.bringing_back import Outcome, bring_back
from consent.denials import DenialCode, Denied
from consent.erasure.erase import run_to_end
from consent.erasure.orders import order
from consent.ledger import published
from consent.ledger.ended_tables import again
from consent.ledger.ending.giving_up import give_up
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, origin_of, year_of
from consent.ledger.publishing.signer import Signer
from consent.permits.committed import committed_uses
from consent.receipts.chain import LATELY
from consent.receipts.issue import receipts
from consent.redemption.redeem import Disclosed, redeem_many
from consent.relogging import relog
from tests.backends import Backend
from tests.consent.erasure.test_erase import HORIZON, SELF, Ticking
from tests.consent.test_relogging import findings, proven, sign, used
from tests.consent.world import World
from vault.storage.database import metadata


def copied(backend: Backend) -> Callable[[], None]:
    """A copy of the data base as it is; calling it puts that back. The keys are in a data base of their own."""
    if backend.name == "sqlite":
        file = backend.data_url.removeprefix("sqlite:///")
        _copy(file, f"{file}.kept")
        return lambda: _copy(f"{file}.kept", file)
    with backend.data.read() as conn:
        rows = {table: conn.execute(select(table)).mappings().all() for table in metadata.sorted_tables}

    def put_back() -> None:
        with backend.data.write() as conn:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
            for table in reversed(metadata.sorted_tables):
                conn.execute(table.delete())
            for table, kept in rows.items():
                if kept:
                    conn.execute(table.insert(), [dict(row) for row in kept])

    return put_back


def _copy(file: str, onto: str) -> None:
    with closing(sqlite3.connect(file)) as one, closing(sqlite3.connect(onto)) as other:
        one.backup(other)


def neighbours(world: World, count: int) -> list[Consumer]:
    """People whose entries stand in one log."""
    found = [world.person()]
    while len(found) < count:
        found += [one for one in world.people(8) if one.bucket == found[0].bucket]
    return found[:count]


def receipt(world: World, one: Disclosed) -> str:
    with world.vault.data.read() as conn:
        (use,) = committed_uses(conn, [(one.bucket, one.disclosure_id)])
    assert use is not None
    return receipts(world.vault, [use])[0]


def redeemed(world: World, issued) -> Disclosed:
    (answer,) = redeem_many(world.vault, [world.request(issued)], world.now)
    assert isinstance(answer, Disclosed), answer
    return answer


def roll_back(world: World, put_back: Callable[[], None], bucket: int) -> LogId:
    """What was signed since the copy was made is known elsewhere; the log is given up at that head."""
    log = LogId(bucket, year_of(world.now))
    sign(world)
    with world.vault.data.read() as conn:
        at = published.newest(conn, log)
    assert at is not None
    put_back()
    LATELY.forget()  # servers are stopped for this
    signer = Signer.of(world.vault)
    known = [Checkpoint(origin_of(signer.ledger_host, log), at.size, at.root)]
    made = give_up(world.vault.data, signer, log, known, "a test", world.now)
    assert made.size == at.size
    for _ in relog(world.vault, log, world.now):
        pass
    return log


def test_lost_uses_are_spent_proven_and_counted_again(world: World, backend: Backend):
    person = world.person()
    issued = world.token(world.app(), person, uses=3)
    kept = redeemed(world, issued)
    sign(world)
    put_back = copied(backend)
    lost = [redeemed(world, issued) for _ in range(2)]
    words = [receipt(world, one) for one in (lost[1], kept, lost[0])]
    log = roll_back(world, put_back, person.bucket)
    world.tick(60_000)

    found = bring_back(world.vault, log, [*words, words[0], words[0][:-8], "x"], world.now)

    assert found == [
        Outcome.BROUGHT_BACK,
        Outcome.STORED,
        Outcome.BROUGHT_BACK,
        Outcome.STORED,
        Outcome.FOREIGN,
        Outcome.FOREIGN,
    ]
    sign(world)
    (answer,) = redeem_many(world.vault, [world.request(issued)], world.now)
    assert answer == Denied(code=DenialCode.SPENT)
    for one in lost:
        shown = proven(world, one)
        assert shown.origin.endswith(f"/{log.year}.2/{log.bucket}")
        assert (shown.entry.id, dict(shown.fields)["recipient"]) == (one.disclosure_id, one.recipient_id)
    with world.vault.data.read() as conn:
        uses = committed_uses(conn, [(one.bucket, one.disclosure_id) for one in lost])
        marked = conn.execute(select(again.c.was_idx)).scalars().all()
    assert [(use.number, use.slot, use.committed_at) for use in uses if use] == [
        (one.slot, one.slot, one.committed_at) for one in lost
    ]
    assert marked == [None, None]
    assert findings(world) == []
    assert set(bring_back(world.vault, log, words, world.now)) == {Outcome.STORED}


def test_a_use_that_the_copy_cannot_bear_out_stays_out_and_spoils_no_other(world: World, backend: Backend):
    people = neighbours(world, 3)
    app = world.app()
    fine, twice, gone = [world.token(app, person) for person in people]
    sign(world)
    put_back = copied(backend)
    uses = [redeemed(world, issued) for issued in (fine, twice, gone)]
    words = [*(receipt(world, one) for one in uses), receipt(world, used(world, people[0]))]
    log = roll_back(world, put_back, people[0].bucket)
    redeemed(world, twice)  # somebody was faster with the token that was spent before
    with world.vault.data.write() as conn:
        order(conn, world.vault, [people[2].subject], SELF, world.now)
    clock = Ticking(world.now)
    run_to_end(world.vault, clock, HORIZON, clock.sleep)

    found = bring_back(world.vault, log, words, clock.now)

    assert found == [Outcome.BROUGHT_BACK, Outcome.REFUSED, Outcome.ERASED, Outcome.NO_CONSENT]
    sign(world)
    assert findings(world) == []


def test_a_receipt_of_another_log_brings_nothing_back(world: World, backend: Backend):
    person = world.person()
    put_back = copied(backend)
    word = receipt(world, used(world, person))
    log = roll_back(world, put_back, person.bucket)

    assert bring_back(world.vault, LogId(log.bucket, log.year + 1), [word], world.now) == [Outcome.FOREIGN]
