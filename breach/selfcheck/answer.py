"""Answering somebody who asks whether an identifier is in a published leak, without learning which.

An answer holds their blinded point under the key of the period, and the labels of the group their slot is in:
always as many, in the order of their bytes, those of other people among others that are nobody's.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from breach.errors import LeaksMoved
from breach.selfcheck.periods import Period, current, evaluator
from breach.selfcheck.shape import group_of
from breach.selfcheck.tables import leak, leak_point
from vault.oblivious import Evaluator
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: by which period and how many bits, the bits themselves, and the blinded point (32 bytes)."""

    period: int
    bits: int
    prefix: int
    blinded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The point under the period's key, still blinded, and the labels of the group, one after the other."""

    evaluated: bytes
    labels: bytes


def answer(vault: Vault, asked: Question) -> Answer:
    """Answer one question; raises PointRefused and LeaksMoved."""
    maker = evaluator(vault, asked.period)
    evaluated = maker.answer(asked.blinded)
    with vault.data.read() as conn:
        period = current(conn)
        if period is None or (period.number, period.bits) != (asked.period, asked.bits):
            raise LeaksMoved("the list is another one by now")
        if asked.prefix >> asked.bits:
            raise LeaksMoved("there is no such group")
        found = _labels(conn, vault, asked)
    return Answer(evaluated=evaluated, labels=b"".join(sorted(_filled(maker, asked, found, period))))


def _labels(conn: Connection, vault: Vault, asked: Question) -> list[bytes]:
    at, group = leak_point.c, group_of(asked.prefix, asked.bits, vault.installation.buckets)
    told = select(leak.c.id).where(leak.c.published_at.is_not(None))
    # In one bucket the slots are a range of the primary key; where a group has several it has all of most of them.
    alone = group.first_bucket == group.last_bucket
    wanted = select(at.label).where(
        at.bucket == group.first_bucket
        if alone
        else at.bucket.between(group.first_bucket, group.last_bucket),
        at.slot.between(group.first_slot, group.last_slot),
        at.period == asked.period,
        at.leak.in_(told),
    )
    return list(conn.execute(wanted).scalars())


def _filled(maker: Evaluator, asked: Question, found: list[bytes], period: Period) -> list[bytes]:
    place = period.number.to_bytes(4) + bytes((asked.bits,)) + asked.prefix.to_bytes(4)
    missing = range(period.size - len(found))
    return found + [maker.filler(place + number.to_bytes(4)) for number in missing]
