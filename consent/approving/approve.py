"""Deciding: a person's yes or no to one showing, once, with its ledger entry in the same transaction.

A yes takes every required field and any of the optional ones, nothing else; it makes the grant and the one code
that the recipient can exchange: a new one to be carried by the browser, or the secret that the recipient
already polls with. A no is kept as a grant in state `refused`, with an entry of its own, so that it can be
proved too, and closes whatever else its recipient was shown for at the time for the same purpose. Silence is
neither: a showing lapses after ten minutes. A guardian answers what they were shown for a ward; nobody answers
who has a guardian for it (`guarding`). What a protected person gives may have to wait for whom they trust, and
then there is no code yet (`deferral`).

* `claim` and `showing` are `showings`' verbs, offered here because the page needs them together.
* `approve(vault, consumer, showing_id, chosen_fields, now_ms, proof) -> Approved | Deferred | Refusal`; `chosen_fields` None
  means the required ones, otherwise all required ones must be among them. Something sensitive takes a `proof` of
  presence (`step_up`), onward provision and a transfer abroad an act of their own before (`separate_acts`).
* `agree(vault, consumer, showing_id, chosen_fields, act, now_ms) -> Refusal | None`: one of those acts.
* `refuse(vault, consumer, showing_id, now_ms) -> Refused | Refusal`
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from consent.accounts.keys import Consumer
from consent.approving import separate_acts, step_up
from consent.approving.grant_drafts import draft
from consent.approving.separate_acts import Act
from consent.approving.step_up import Proof
from consent.asking import onward
from consent.asking.ask import Via
from consent.asking.cooling import cooling_until
from consent.asking.guarding import weigh
from consent.asking.showings import Showing, claim, showing
from consent.decoupled.outcomes import Outcome, polled_digest, settle
from consent.grants.promises import promised
from consent.ids import GrantId, ShowingId
from consent.ledger.append import append
from consent.marks.alias_giving import give
from consent.protection import deferral
from consent.protection.deferral import protecting
from consent.protection.mode import Protection
from consent.recipients.register import is_suspended
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant
from consent.tokens.codes import CODE_PREFIX, keep_code
from consent.withdrawal import guarded
from consent.wording.alias_fields import ALIASES
from vault.ids import new_secret, secret_hash
from vault.opening import Vault
from vault.people.holds import take_people

__all__ = [
    "Approved",
    "Deferred",
    "Refused",
    "Showing",
    "agree",
    "approve",
    "claim",
    "refuse",
    "showing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Where the browser goes, with the code the recipient exchanges; `code` is stored nowhere.

    All three are empty when the recipient polls for the answer.
    """

    redirect_uri: str
    code: str
    state: str
    grant_id: GrantId


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """It waits for the person's trusted one until `expires_at` (Unix ms); there is no code yet (`deferral`)."""

    grant_id: GrantId
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Where the browser goes, with `access_denied`."""

    redirect_uri: str
    state: str


def approve(
    vault: Vault,
    consumer: Consumer,
    showing_id: ShowingId,
    chosen_fields: Iterable[str] | None,
    now_ms: int,
    proof: Proof | None = None,
) -> Approved | Deferred | Refusal:
    """Make the grant the person chose, and the code for it unless it has to wait."""
    chosen = _chosen(vault, consumer, showing_id, chosen_fields, now_ms)
    if isinstance(chosen, Refusal):
        return chosen
    shown, fields = chosen
    code = new_secret(CODE_PREFIX, shown.bucket) if shown.via is Via.CODE else ""
    grant = _decide(vault, shown, GrantState.ACTIVE, fields, now_ms, code=code, proof=proof)
    if isinstance(grant, Refusal | Deferred):
        return grant
    return Approved(redirect_uri=shown.redirect_uri, code=code, state=shown.state, grant_id=grant)


def agree(  # each argument is a fact of its own
    vault: Vault,
    consumer: Consumer,
    showing_id: ShowingId,
    chosen_fields: Iterable[str] | None,
    act: Act,
    now_ms: int,
    *,
    name: str = "",
) -> Refusal | None:
    """Do one of the acts that approving just these fields takes, signing with a `name` what is signed; approves nothing."""
    chosen = _chosen(vault, consumer, showing_id, chosen_fields, now_ms)
    if isinstance(chosen, Refusal):
        return chosen
    shown, fields = chosen
    return separate_acts.keep(vault, shown, promised(vault, shown, fields, now_ms), act, now_ms, name=name)


def refuse(vault: Vault, consumer: Consumer, showing_id: ShowingId, now_ms: int) -> Refused | Refusal:
    """Keep the person's no."""
    shown = _open_showing(vault, consumer, showing_id, now_ms)
    if isinstance(shown, Refusal):
        return shown
    decided = _decide(vault, shown, GrantState.REFUSED, shown.fields, now_ms)
    if isinstance(decided, Refusal):
        return decided
    assert not isinstance(decided, Deferred)  # only a yes waits
    return Refused(redirect_uri=shown.redirect_uri, state=shown.state)


def _open_showing(vault: Vault, consumer: Consumer, showing_id: ShowingId, now_ms: int) -> Showing | Refusal:
    with vault.data.read() as conn:
        shown = showing(conn, consumer, showing_id)
    if shown is None:
        return Refusal(code=RefusalCode.SHOWING_UNKNOWN)
    if shown.decided is not None:
        return Refusal(code=RefusalCode.SHOWING_DECIDED)
    if now_ms >= shown.expires_at:
        return Refusal(code=RefusalCode.SHOWING_EXPIRED)
    if now_ms >= shown.window[1]:
        return Refusal(code=RefusalCode.WINDOW_CLOSED)
    return shown


def _chosen(
    vault: Vault,
    consumer: Consumer,
    showing_id: ShowingId,
    chosen_fields: Iterable[str] | None,
    now_ms: int,
) -> tuple[Showing, tuple[str, ...]] | Refusal:
    """What is still open, and the fields taken of it."""
    shown = _open_showing(vault, consumer, showing_id, now_ms)
    if isinstance(shown, Refusal):
        return shown
    fields = _choice(shown, chosen_fields)
    return fields if isinstance(fields, Refusal) else (shown, fields)


def _choice(shown: Showing, chosen: Iterable[str] | None) -> tuple[str, ...] | Refusal:
    """Required fields are taken together or not at all; nothing is ticked that was not offered.

    Where the purpose can do with an alias, the person may give that instead of the field, and never both.
    """
    picked = set(shown.fields if chosen is None else chosen)
    offered = {*shown.fields, *shown.optional_fields}
    instead = {ALIASES[code]: code for code in picked - offered if code in ALIASES}
    if not set(instead) <= offered - picked or not set(instead.values()) <= set(shown.purpose.fields):
        return Refusal(code=RefusalCode.CHOICE_EXCESS, at="fields")
    if picked - offered - set(instead.values()):
        return Refusal(code=RefusalCode.CHOICE_EXCESS, at="fields")
    if set(shown.fields) - picked - set(instead):
        return Refusal(code=RefusalCode.CHOICE_INCOMPLETE, at="fields")
    return tuple(sorted(picked))


def _decide(
    vault: Vault,
    shown: Showing,
    state: GrantState,
    fields: tuple[str, ...],
    now_ms: int,
    *,
    code: str = "",
    proof: Proof | None = None,
) -> GrantId | Deferred | Refusal:
    """Write the decision once: grant, fields, code or outcome, and ledger entry together."""
    with vault.data.read() as conn:
        refused = _refused(conn, vault, shown, state, now_ms)
        guard = protecting(conn, shown, now_ms)
    if refused is not None:
        return refused
    drafted = draft(vault, shown, state, fields, guard, now_ms, proof)
    if isinstance(drafted, Refusal):
        return drafted
    try:
        with vault.data.write() as conn:
            refused = (
                _hold(conn, vault, shown, state, guard, now_ms)
                or _give(conn, vault, shown, state, fields, now_ms)
                or step_up.keep(conn, vault, shown, drafted.evidence, now_ms)
            )
            if refused is not None:
                return refused
            _write(conn, shown, drafted.row, code, now_ms)
            if guard is not None and drafted.why is not None:
                deferral.defer(conn, guard, shown, drafted.grant, drafted.why, now_ms)
            append(conn, drafted.items, now_ms, vault.installation.ledger_host)
    except IntegrityError:
        if _decided(vault, shown):
            return Refusal(code=RefusalCode.SHOWING_DECIDED)
        raise
    if drafted.why is None:
        return drafted.grant
    return Deferred(grant_id=drafted.grant, expires_at=deferral.expires(shown, now_ms))


def _give(
    conn: Connection, vault: Vault, shown: Showing, state: GrantState, fields: tuple[str, ...], now_ms: int
) -> Refusal | None:
    """Make the aliases that a yes gives instead of contact points; a refusal where there is nothing to make them of."""
    person = (shown.bucket, shown.subject)
    if state is not GrantState.ACTIVE or give(conn, vault, person, shown.recipient.id, fields, now_ms):
        return None
    return Refusal(code=RefusalCode.ALIAS_NONE_LEFT, at="fields")


def _hold(
    conn: Connection,
    vault: Vault,
    shown: Showing,
    state: GrantState,
    guard: Protection | None,
    now_ms: int,
) -> Refusal | None:
    """Hold whose data it is and whose answer; a refusal where the answer is no longer theirs to give."""
    onward.hold(conn, shown.parent)
    people = {(shown.bucket, shown.subject), shown.answerer}
    # Whoever is being erased decides nothing any more: their consents were ended a moment ago.
    if len(take_people(conn, people)) < len(people):
        return Refusal(code=RefusalCode.SHOWING_UNKNOWN)
    if protecting(conn, shown, now_ms) != guard:
        return Refusal(code=RefusalCode.PROTECTION_CHANGED)
    return _refused(conn, vault, shown, state, now_ms)


def _write(conn: Connection, shown: Showing, row: dict[str, Any], code: str, now_ms: int) -> None:
    grant, state = GrantId(row["id"]), GrantState(row["state"])
    active = state is GrantState.ACTIVE
    if shown.guardian is not None and active:
        guarded.note_approval(conn, (shown.bucket, grant), shown.guardian, now_ms, row["ledger_year"])
    conn.execute(insert(consent_grant).values(row))
    if active:
        digest = secret_hash(code) if code else polled_digest(conn, shown.request_id)
        keep_code(conn, shown, grant, digest, now_ms)
    if shown.via is not Via.CODE and state is not GrantState.DEFERRED:
        settle(conn, shown.request_id, Outcome.of(state), now_ms, grant=grant)


def _refused(
    conn: Connection, vault: Vault, shown: Showing, state: GrantState, now_ms: int
) -> Refusal | None:
    """Whether the answer is somebody else's to give, or nobody's; anybody may say no for themselves."""
    if state is GrantState.ACTIVE and onward.lost(conn, shown.subject, shown.details):
        return Refusal(code=RefusalCode.PARENT_ENDED)
    if state is GrantState.ACTIVE and is_suspended(conn, shown.client_id):
        return Refusal(code=RefusalCode.CLIENT_SUSPENDED)
    whose = Consumer(bucket=shown.bucket, subject=shown.subject, lang=shown.lang)
    asked = (shown.recipient.id, shown.purpose.code)
    if state is GrantState.ACTIVE and cooling_until(conn, whose, *asked, now_ms) is not None:
        return Refusal(
            code=RefusalCode.REQUEST_TOO_SOON
        )  # refused since it was shown (consent.md §6, invariant 30)
    if shown.guardian is None and state is not GrantState.ACTIVE:
        return None
    return weigh(conn, vault, (shown.bucket, shown.subject), shown.guardian, now_ms)


def _decided(vault: Vault, shown: Showing) -> bool:
    with vault.data.read() as conn:
        grants = select(consent_grant.c.id).where(
            consent_grant.c.bucket == shown.bucket, consent_grant.c.showing_id == shown.id
        )
        return conn.execute(grants).one_or_none() is not None
