"""Protected mode: a person asks somebody they trust to look twice at what is hard to take back.

The person names the other by a telephone number or an e-mail address of theirs. What is answered does not depend on
whether anybody has it: a number that is nobody's is kept like any other, and nobody accepts. It holds from the moment
the other accepts. Either of them can end it, with a day between asking and the end, in which it still holds and the
person can keep it: whoever is being pressed has a day. What was asked for and not accepted is cancelled at once.

* `current(conn, who, now_ms)` is what a person has now; `entrusted(conn, who, now_ms)` what others have with them.
* `ask`, `accept`, `decline`, `turn_off`, `resign`, `keep`: each one transaction, a step in the log that both see, and an
  entry in the person's ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from consent.accounts.notify import NoticeKind, Told, notify
from consent.asking.guarding import needs_guardian
from consent.ids import GrantId, canonical_json, grant_text
from consent.ledger.entries.entry import Kind
from consent.ledger.open_now import open_log
from consent.ledgering import About, enter
from consent.refusals import Refusal, RefusalCode
from consent.schema.protection_tables import COOLING_MS, protection, protection_step
from vault.ids import Bucket, Person, SubjectId, bucket_for, bucket_of, encode_id, new_id, new_subject
from vault.opening import Vault
from vault.people.holds import take_people


class Step(StrEnum):
    """What happened; the last four are about one consent that waited."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    OFF_ASKED = "off_asked"
    RESIGNED = "resigned"
    KEPT = "kept"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    TAKEN_BACK = "taken_back"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """One person's protection; times in Unix milliseconds."""

    bucket: Bucket
    id: bytes
    subject: SubjectId
    trusted_bucket: Bucket
    trusted: SubjectId
    most: Decimal
    currency: str
    asked_at: int
    accepted_at: int | None
    off_asked_at: int | None
    off_at: int | None

    @property
    def who(self) -> Person:
        return self.bucket, self.subject

    @property
    def by(self) -> Person:
        return self.trusted_bucket, self.trusted

    def over_at(self, at_ms: int) -> bool:
        return self.off_at is not None and self.off_at <= at_ms

    def holds_at(self, at_ms: int) -> bool:
        """Whether consents wait for the trusted person at this instant."""
        return self.accepted_at is not None and self.accepted_at <= at_ms and not self.over_at(at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One step, for both people's pages; `grant_id` of the consent it is about."""

    step: Step
    at: int
    grant_id: GrantId | None


type Moves = Callable[[Protection], dict[str, Any] | None]
"""From a protection to the columns that move; None when this is not its time."""


def current(conn: Connection, who: Person, now_ms: int) -> Protection | None:
    """The protection this person has or has asked for, unless it is over."""
    mine = (protection.c.bucket == who[0], protection.c.subject == who[1])
    rows = conn.execute(select(protection).where(*mine).order_by(protection.c.asked_at.desc()))
    return next((one for one in map(_protection, rows) if not one.over_at(now_ms)), None)


def entrusted(conn: Connection, who: Person, now_ms: int) -> list[Protection]:
    """The protections for which this person was named, oldest first, unless they are over."""
    mine = (protection.c.trusted == who[1], protection.c.trusted_bucket == who[0])
    rows = conn.execute(select(protection).where(*mine).order_by(protection.c.asked_at))
    return [one for one in map(_protection, rows) if not one.over_at(now_ms)]


def named(conn: Connection, bucket: Bucket, protection_id: bytes) -> Protection | None:
    """One protection by its id."""
    own = (protection.c.bucket == bucket, protection.c.id == protection_id)
    row = conn.execute(select(protection).where(*own)).one_or_none()
    return None if row is None else _protection(row)


def log(conn: Connection, one: Protection) -> list[LogLine]:
    """Every step of a protection, oldest first."""
    s = protection_step.c
    own = select(protection_step).where(s.bucket == one.bucket, s.protection_id == one.id)
    return [
        LogLine(
            step=Step(row.step), at=row.at, grant_id=None if row.grant_id is None else GrantId(row.grant_id)
        )
        for row in conn.execute(own.order_by(s.at, s.id))
    ]


def ask(
    vault: Vault, who: Person, trusted: Person | None, most: Decimal, currency: str, now_ms: int
) -> Protection | Refusal:
    """Ask somebody; `trusted` None for an address that is nobody's. `most` is the sum beyond which a consent waits."""
    if trusted == who:
        return Refusal(code=RefusalCode.PROTECTION_SELF)
    nobody = new_subject()
    other = trusted or (bucket_for(nobody, vault.installation.buckets), nobody)
    with vault.data.write() as conn:
        if not take_people(conn, [who]):
            return Refusal(code=RefusalCode.PROTECTION_STATE)
        if needs_guardian(conn, vault, who, now_ms):
            return Refusal(code=RefusalCode.GUARDIAN_NEEDED)
        if current(conn, who, now_ms) is not None:
            return Refusal(code=RefusalCode.PROTECTION_STATE)
        made = Protection(
            bucket=who[0],
            id=new_id(who[0], now_ms),
            subject=who[1],
            trusted_bucket=other[0],
            trusted=other[1],
            most=most,
            currency=currency,
            asked_at=now_ms,
            accepted_at=None,
            off_asked_at=None,
            off_at=None,
        )
        conn.execute(insert(protection).values(_row(made)))
        if trusted is not None:
            tell(conn, trusted, NoticeKind.TRUSTED_ASKED, now_ms)
        enter(conn, vault, Kind.GRANT, [note(conn, vault, made, Step.ASKED, now_ms)], now_ms)
        return made


def accept(vault: Vault, trusted: Person, protection_id: bytes, now_ms: int) -> Protection | Refusal:
    """The trusted person agrees to look twice from now on."""
    return _move(vault, protection_id, Step.ACCEPTED, _accepting(trusted, now_ms), now_ms)


def decline(vault: Vault, trusted: Person, protection_id: bytes, now_ms: int) -> Protection | Refusal:
    """They would rather not."""

    def moves(one: Protection) -> dict[str, Any] | None:
        return {"off_at": now_ms} if one.by == trusted and one.accepted_at is None else None

    return _move(vault, protection_id, Step.DECLINED, moves, now_ms)


def turn_off(vault: Vault, who: Person, protection_id: bytes, now_ms: int) -> Protection | Refusal:
    """The person asks for the end: in a day, or at once where nobody has accepted yet."""

    def moves(one: Protection) -> dict[str, Any] | None:
        if one.who != who or one.off_at is not None:
            return None
        return {"off_at": now_ms} if one.accepted_at is None else _in_a_day(now_ms)

    with vault.data.read() as conn:
        one = named(conn, who[0], protection_id)
    step = Step.CANCELLED if one is not None and one.accepted_at is None else Step.OFF_ASKED
    return _move(vault, protection_id, step, moves, now_ms)


def resign(vault: Vault, trusted: Person, protection_id: bytes, now_ms: int) -> Protection | Refusal:
    """The trusted person asks for the end, in a day."""

    def moves(one: Protection) -> dict[str, Any] | None:
        fits = one.by == trusted and one.accepted_at is not None and one.off_at is None
        return _in_a_day(now_ms) if fits else None

    return _move(vault, protection_id, Step.RESIGNED, moves, now_ms)


def keep(vault: Vault, who: Person, protection_id: bytes, now_ms: int) -> Protection | Refusal:
    """The person keeps it after all, before the day is over."""

    def moves(one: Protection) -> dict[str, Any] | None:
        fits = one.who == who and one.accepted_at is not None and one.off_at is not None
        return {"off_asked_at": None, "off_at": None} if fits else None

    return _move(vault, protection_id, Step.KEPT, moves, now_ms)


def tell(conn: Connection, who: Person, kind: NoticeKind, now_ms: int) -> None:
    """Tell one of the two that there is something to look at; the page says what."""
    notify(conn, [Told(bucket=who[0], subject=who[1], kind=kind, about={})], now_ms)


def note(
    conn: Connection, vault: Vault, one: Protection, step: Step, at: int, grant_id: GrantId | None = None
) -> About:
    """Write a step, and answer the ledger entry it needs in the same transaction."""
    entry_id = new_id(one.bucket, at)
    conn.execute(
        insert(protection_step).values(
            bucket=one.bucket,
            id=entry_id,
            protection_id=one.id,
            grant_id=grant_id,
            subject=one.subject,
            step=step.value,
            at=at,
            ledger_year=open_log(vault, one.bucket, at).year,
        )
    )
    about = {
        "protection": encode_id("pr", one.id),
        "trusted": encode_id("sub", one.trusted),
        **({} if grant_id is None else {"grant": grant_text(grant_id)}),
    }
    return one.bucket, one.subject, entry_id, (("outcome", step.value), ("protection", canonical_json(about)))


def _accepting(trusted: Person, now_ms: int) -> Moves:
    def moves(one: Protection) -> dict[str, Any] | None:
        fits = one.by == trusted and one.accepted_at is None and one.off_at is None
        return {"accepted_at": now_ms} if fits else None

    return moves


def _in_a_day(now_ms: int) -> dict[str, Any]:
    return {"off_asked_at": now_ms, "off_at": now_ms + COOLING_MS}


def _move(vault: Vault, protection_id: bytes, step: Step, moves: Moves, now_ms: int) -> Protection | Refusal:
    """One step of a protection under the person's row, whom whoever approves holds too."""
    bucket = bucket_of(protection_id)
    with vault.data.write() as conn:
        seen = named(conn, bucket, protection_id)
        if seen is None or not take_people(conn, [seen.who]):
            return Refusal(code=RefusalCode.PROTECTION_STATE)
        one = named(conn, bucket, protection_id)
        assert one is not None  # rows stay
        values = None if one.over_at(now_ms) else moves(one)
        if values is None:
            return Refusal(code=RefusalCode.PROTECTION_STATE)
        own = (protection.c.bucket == bucket, protection.c.id == protection_id)
        conn.execute(update(protection).where(*own).values(values))
        enter(conn, vault, Kind.GRANT, [note(conn, vault, one, step, now_ms)], now_ms)
        return replace(one, **values)


def _row(one: Protection) -> dict[str, Any]:
    names = (column.name for column in protection.c)
    return {name: str(one.most) if name == "most" else getattr(one, name) for name in names}


def _protection(row: Any) -> Protection:
    return Protection(**{**row._mapping, "most": Decimal(row.most)})  # noqa: SLF001 - a row's public mapping
