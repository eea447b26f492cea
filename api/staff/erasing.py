"""Erasing people from the web and the command line: the order, the end of their sessions, and the work that follows.

The order and its job are one commit: whoever dies after it, a worker or the next start takes the work on. What may
wait for caches waits in the worker's thread, which keeps its lease meanwhile.
"""

import logging
import time
from collections.abc import Sequence
from itertools import batched
from typing import Final

from sqlalchemy import Connection, select

from api.clock import Clock
from api.edge.kept import forget_kept
from api.edge.sessions import Session, end_sessions_of
from api.jobs.lease import enqueue
from api.jobs.tables import job
from api.jobs.tag_index import keep_up
from api.jobs.worker import Report
from api.public.erasure_links import open_link
from api.settings import Settings
from breach.selfcheck.forget import forget
from consent.erasure.erase import run_to_end
from consent.erasure.orders import By, Ordered, Reason, is_ordered, order
from vault.erasure.erase import alive
from vault.erasure.erased_list import DamagedList, ErasedList
from vault.ids import SubjectId
from vault.opening import Vault
from vault.people.drafts import Refused

ERASE = "erase"
SELF = By(actor="self", reason=Reason.REQUESTED)
AGAIN = By(actor="restore", reason=Reason.ORDERED)

_CHUNK: Final = 1_000
_log = logging.getLogger("perusal.api")


def order_erasure(
    vault: Vault, subjects: Sequence[SubjectId], by: By, now_ms: int
) -> list[tuple[Ordered, ...] | Refused]:
    """Order people's erasure and sign them out everywhere; answers like `consent.erasure.orders.order`."""
    with vault.data.write() as conn:
        return _order(conn, vault, subjects, by, now_ms)


def order_own_erasure(vault: Vault, person: Session, now_ms: int) -> str | Refused:
    """Order what a signed-in person asks for themselves; answers the secret of the private link to it."""
    with vault.data.write() as conn:
        (family,) = _order(conn, vault, [person.subject], SELF, now_ms)
        if isinstance(family, Refused):
            return family
        return open_link(conn, person.bucket, [one.subject for one in family], now_ms)


def order_again(settings: Settings, vault: Vault, now_ms: int) -> int:
    """Order once more the erasure of whoever was erased and is there again: the data base is an older one.

    Their keys are gone, but their rows, and what finds them, came back with it. Answers how many; raises DamagedList.
    """
    count = 0
    for part in batched(sorted(ErasedList(settings.erased_list).load()), _CHUNK):
        with vault.data.read() as conn:
            back = alive(conn, vault, part)
        if back:
            answers = order_erasure(vault, back, AGAIN, now_ms)
            count += sum(not isinstance(one, Refused) for one in answers)
    return count


def resume_erasures(settings: Settings, vault: Vault, now_ms: int) -> None:
    """At a start: whatever was ordered and not finished, or was undone by a restore, gets a job, unless it has one."""
    try:
        order_again(settings, vault, now_ms)
    except DamagedList:
        _log.critical("the list of erased people is damaged: whoever a restore brought back stays")
    with vault.data.write() as conn:
        if is_ordered(conn):
            _enqueue_once(conn, now_ms)


def finish_erasures(settings: Settings, vault: Vault, clock: Clock, report: Report) -> int:
    """Carry out everything ordered, to the certificates; answers how many were written.

    Their tags leave the index of tags before the next step of anybody's relies on it; where there is none, nothing.
    """
    written = run_to_end(
        vault,
        clock,
        settings.horizon,
        time.sleep,
        report,
        erased=ErasedList(settings.erased_list),
        above=forget,
    )
    keep_up(settings, vault, clock())
    return written


def _order(
    conn: Connection, vault: Vault, subjects: Sequence[SubjectId], by: By, now_ms: int
) -> list[tuple[Ordered, ...] | Refused]:
    answers = order(conn, vault, subjects, by, now_ms)
    people = [one for family in answers if not isinstance(family, Refused) for one in family]
    end_sessions_of(conn, [(one.bucket, one.subject) for one in people])
    forget_kept(conn, vault, [one.subject for one in people])
    if not all(one.repeated for one in people):
        _enqueue_once(conn, now_ms)
    return answers


def _enqueue_once(conn: Connection, now_ms: int) -> None:
    # A running job may be past the new order; a queued one is not.
    waiting = select(job.c.id).where(job.c.kind == ERASE, job.c.state == "queued").limit(1)
    if conn.execute(waiting).first() is None:
        enqueue(conn, ERASE, {}, now_ms)
