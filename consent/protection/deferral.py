"""Consents that wait for somebody trusted: what makes them wait, and how the waiting ends (`protection.mode`).

What is sensitive, goes on to others or abroad, or carries a liability beyond the agreed sum, is given by a
protected person and by their trusted one. The consent is written as `deferred`, with everything it took; the
trusted person's yes within a day makes it active, a no refuses it, silence lets it lapse, and until then its
person takes it back with one press. Over a browser the person then carries the code to the recipient
themselves; what is polled for waits no longer than the recipient polls, and no press on a push alone approves
it.

* `weigh(one, shown, promise, sensitive) -> Why | None`, pure.
* `answer(vault, trusted, grant_id, decision, now_ms)`, `take_back(vault, who, grant_id, now_ms)`, `lapse(vault, now_ms)`
* `collect(vault, consumer, showing_id, now_ms) -> Collected | Refusal`: the code, once it may be had.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from consent.accounts.keys import DEFAULT_LANG, Consumer
from consent.accounts.notify import NoticeKind
from consent.asking import onward
from consent.asking.ask import Via
from consent.asking.guarding import stands
from consent.asking.guarding import weigh as weigh_guardian
from consent.asking.showings import Showing, showing
from consent.decoupled.outcomes import Outcome, polled_digest, settle
from consent.grants.promises import GRAVE, Promise
from consent.ids import ClientId, GrantId, ShowingId, fields_of
from consent.ledger.entries.entry import Kind
from consent.ledgering import enter
from consent.protection.mode import Protection, Step, current, named, note, tell
from consent.protection.waiting import Why, waiting_in
from consent.recipients.register import is_suspended
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_lock import LOCK
from consent.schema.grant_states import GrantState
from consent.schema.protection_tables import COOLING_MS, deferral
from consent.schema.tables import consent_grant
from consent.tokens.codes import CODE_PREFIX, has_code, keep_code
from consent.withdrawal.rows import Scope
from vault.families.guardians import Guardianship
from vault.fields.field import Sensitivity
from vault.ids import Bucket, Person, SubjectId, bucket_of, new_secret, secret_hash
from vault.opening import Vault
from vault.people.holds import take_people


class Decision(StrEnum):
    """A trusted person's answer."""

    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Where the person's browser goes, with the code; the code is stored nowhere."""

    redirect_uri: str
    code: str
    state: str


_ENDS = {
    Step.AGREED: (Kind.GRANT, GrantState.ACTIVE),
    Step.DISAGREED: (Kind.REFUSE, GrantState.REFUSED),
    Step.TAKEN_BACK: (Kind.REFUSE, GrantState.REFUSED),
    Step.LAPSED: (Kind.REFUSE, GrantState.LAPSED),
}
_CLOSED = Refusal(code=RefusalCode.DEFERRAL_CLOSED)


def protecting(conn: Connection, shown: Showing, now_ms: int) -> Protection | None:
    """By which protection this request may have to wait; what a guardian answers for a ward never does."""
    one = None if shown.guardian is not None else current(conn, (shown.bucket, shown.subject), now_ms)
    return one if one is not None and one.holds_at(now_ms) else None


def weigh(one: Protection | None, shown: Showing, promise: Promise, sensitive: Collection[str]) -> Why | None:
    """What makes this promise wait, if anything; `sensitive` are the fields that are in this person's case."""
    if one is None:
        return None
    if promise["consent_kind"] in GRAVE:
        return Why.SENSITIVE
    if shown.parent is not None or shown.details.onward:
        return Why.ONWARD
    if shown.recipient.abroad:
        return Why.ABROAD
    # Sums in other currencies are not compared: they wait.
    small = shown.terms.currency == one.currency and _owed(shown, promise, sensitive) <= one.most
    return None if small else Why.SUM


def expires(shown: Showing, now_ms: int) -> int:
    """Until when it waits: a day, not beyond its window, and no longer than its recipient polls."""
    ends = min(now_ms + COOLING_MS, shown.window[1])
    return ends if shown.via is Via.CODE else min(ends, shown.expires_at)


def defer(conn: Connection, one: Protection, shown: Showing, grant: GrantId, why: Why, now_ms: int) -> None:
    """Write down that the consent just written waits."""
    row = {"bucket": shown.bucket, "grant_id": grant, "protection_id": one.id, "why": why.value}
    conn.execute(insert(deferral).values(**row, expires_at=expires(shown, now_ms)))
    tell(conn, one.by, NoticeKind.TRUSTED_NEEDED, now_ms)


def answer(
    vault: Vault, trusted: Person, grant_id: GrantId, decision: Decision, now_ms: int
) -> GrantState | Refusal:
    """The trusted person's yes or no to a consent that waits for them."""
    with vault.data.write() as conn:
        held = _hold(conn, grant_id)
        if held is None or held[1].by != trusted or now_ms >= held[0].expires_at:
            return _CLOSED
        row, one = held
        # Whether the protection still holds does not matter: what waits was promised to wait for this person.
        if len(take_people(conn, [one.who, trusted])) < 2:
            return _CLOSED
        refused = weigh_guardian(conn, vault, one.who, None, now_ms)
        if refused is not None:
            return refused
        if decision is Decision.YES and is_suspended(conn, ClientId(row.client_id)):
            return Refusal(code=RefusalCode.CLIENT_SUSPENDED)
        step = Step.AGREED if decision is Decision.YES else Step.DISAGREED
        return _end(conn, vault, row, one, step, now_ms)


def take_back(
    vault: Vault, who: Person, grant_id: GrantId, now_ms: int, *, guardian: Guardianship | None = None
) -> GrantState | Refusal:
    """The person no longer wants it, or their guardian for them, before anybody has answered."""
    with vault.data.write() as conn:
        held = _hold(conn, grant_id)
        if held is None or held[1].who != who or not take_people(conn, [who]):
            return _CLOSED
        if guardian is not None and not stands(conn, guardian, now_ms):
            return _CLOSED
        return _end(conn, vault, *held, Step.TAKEN_BACK, now_ms)


def lapse(vault: Vault, now_ms: int) -> int:
    """End what nobody has answered in time; answers how many consents those were."""
    g, d = consent_grant.c, deferral.c
    over = (
        select(g.id)
        .join(deferral, (d.bucket == g.bucket) & (d.grant_id == g.id))
        .where(g.state == GrantState.DEFERRED.value, d.expires_at <= now_ms)
    )
    with vault.data.read() as conn:
        found = [GrantId(one) for one in conn.execute(over).scalars()]
    return sum(_lapse_one(vault, one, now_ms) for one in found)


def drop(vault: Vault, who: Person, now_ms: int) -> None:
    """End everything of somebody's that waits, because they are being erased or merged away."""
    with vault.data.read() as conn:
        found = waiting_in(conn, who, Scope())
    for one in found:
        _lapse_one(vault, one, now_ms)


def collect(vault: Vault, consumer: Consumer, showing_id: ShowingId, now_ms: int) -> Collected | Refusal:
    """The code of a consent that was waited for, once, for the person's browser to carry."""
    with vault.data.write() as conn:
        shown = showing(conn, consumer, showing_id)
        if shown is None or shown.decided is None or shown.via is not Via.CODE:
            return _CLOSED
        LOCK(conn, [(shown.bucket, shown.decided)])
        row = conn.execute(select(consent_grant).where(*_own(shown.decided))).one()
        active = row.state == GrantState.ACTIVE and now_ms < row.window_to
        if not active or not _waited(conn, shown.decided) or has_code(conn, shown, shown.decided):
            return _CLOSED
        code = new_secret(CODE_PREFIX, shown.bucket)
        keep_code(conn, shown, shown.decided, secret_hash(code), now_ms)
        return Collected(redirect_uri=shown.redirect_uri, code=code, state=shown.state)


def _owed(shown: Showing, promise: Promise, sensitive: Collection[str]) -> Decimal:
    fields = fields_of(promise["fields"])
    classes = (Sensitivity.SENSITIVE if code in sensitive else Sensitivity.ORDINARY for code in fields)
    return shown.terms.owed(fields=Counter(classes))


def _hold(conn: Connection, grant_id: GrantId) -> tuple[Any, Protection] | None:
    """A consent that waits, locked with those above it, and the protection it waits by."""
    LOCK(conn, sorted((bucket_of(one), one) for one in onward.chain(conn, grant_id)))
    joined = consent_grant.join(
        deferral, (deferral.c.bucket == consent_grant.c.bucket) & (deferral.c.grant_id == consent_grant.c.id)
    )
    wanted = select(consent_grant, deferral.c.expires_at, deferral.c.protection_id).select_from(joined)
    row = conn.execute(wanted.where(*_own(grant_id))).one_or_none()
    if row is None or row.state != GrantState.DEFERRED:
        return None
    one = named(conn, Bucket(row.bucket), row.protection_id)
    assert one is not None  # a foreign key promises it
    return row, one


def _end(
    conn: Connection, vault: Vault, row: Any, one: Protection, step: Step, now_ms: int
) -> GrantState | Refusal:
    kind, state = _ENDS[step]
    grant, at = GrantId(row.id), max(now_ms, row.decided_at)
    active = state is GrantState.ACTIVE
    if active and not onward.may_stand(conn, grant):
        return Refusal(code=RefusalCode.PARENT_ENDED)
    about = note(conn, vault, one, step, at, grant)
    conn.execute(update(consent_grant).where(*_own(grant)).values(state=state.value))
    shown = showing(conn, _consumer(one), ShowingId(row.showing_id))
    assert shown is not None  # a foreign key promises it
    if shown.via is not Via.CODE and step is not Step.LAPSED:
        if active:
            keep_code(conn, shown, grant, polled_digest(conn, shown.request_id), at)
        settle(conn, shown.request_id, Outcome.of(state), at, grant=grant)
    if step is not Step.TAKEN_BACK:
        tell(conn, one.who, NoticeKind.TRUSTED_ANSWERED, at)
    enter(conn, vault, kind, [about], at)
    return state


def _lapse_one(vault: Vault, grant_id: GrantId, now_ms: int) -> bool:
    with vault.data.write() as conn:
        held = _hold(conn, grant_id)
        # Whoever's keys are gone has no chain that could say so.
        if held is None or held[1].subject not in vault.keyring.subject_keys([held[1].who]):
            return False
        return not isinstance(_end(conn, vault, *held, Step.LAPSED, now_ms), Refusal)


def _waited(conn: Connection, grant_id: GrantId) -> bool:
    own = (deferral.c.bucket == bucket_of(grant_id), deferral.c.grant_id == grant_id)
    return conn.execute(select(deferral.c.why).where(*own)).first() is not None


def _own(grant_id: GrantId) -> tuple[Any, Any]:
    return consent_grant.c.bucket == bucket_of(grant_id), consent_grant.c.id == grant_id


def _consumer(one: Protection) -> Consumer:
    return Consumer(bucket=one.bucket, subject=SubjectId(one.subject), lang=DEFAULT_LANG)
