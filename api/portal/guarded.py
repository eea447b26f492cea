"""A ward's permissions in words, for the ward and for their guardians: who gave, paused, confirmed and withdrew them."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request
from sqlalchemy import Connection

from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.called import called
from api.portal.entering import fresh
from api.wiring import Services, services_of
from consent.ids import GrantId, parse_grant
from consent.refusals import Refusal, RefusalCode
from consent.withdrawal.guarded import Step, StepKind, confirm, steps
from vault.families.guardians import Guardianship
from vault.ids import Person, SubjectId, bucket_for

type Steps = Mapping[GrantId, Sequence[Step]]


def guarded_steps(conn: Connection, who: Person) -> Steps:
    """Of each of this person's permissions that a guardian had a part in, what became of it."""
    return steps(conn, who)


def paused(of: Sequence[Step]) -> bool:
    """Whether a permission waits to be confirmed."""
    return bool(of) and of[-1].kind is StepKind.SUSPENDED


def step_lines(services: Services, of: Sequence[Step], texts: Catalogue, *, own: bool) -> tuple[str, ...]:
    """What became of a permission, a line each; `own` when its person reads it."""
    names = {one.guardian: _name(services, one.guardian, texts) for one in of if one.guardian is not None}
    return tuple(_line(one, names, texts, own=own) for one in of)


def confirm_grant(
    request: Request[Session, Any, Any], who: Person, grant: str, guardian: Guardianship | None
) -> None:
    """Let a paused permission stand again; raises unless it may. It takes a sign-in of the last five minutes."""
    services = services_of(request)
    if not fresh(request.user, services.clock()):
        raise Problem(403, "sign_in_again")
    done = confirm(services.vault, who, parse_grant(grant), guardian, services.clock())
    if isinstance(done, Refusal):
        guarded = done.code in {RefusalCode.GUARDIAN_NEEDED, RefusalCode.GUARDIAN_OVER}
        raise Problem(403, "guardian_decides") if guarded else Problem(409, "not_paused")


def _line(one: Step, names: Mapping[SubjectId, str], texts: Catalogue, *, own: bool) -> str:
    date = texts.date(one.at)
    if one.guardian is None:
        key = "confirmed_own" if own else "confirmed_ward"
        return texts.text(f"wards.{key}" if one.kind is StepKind.CONFIRMED else "wards.forgotten", date=date)
    return texts.text(f"wards.{one.kind.value}", name=names[one.guardian], date=date)


def _name(services: Services, guardian: SubjectId, texts: Catalogue) -> str:
    who = bucket_for(guardian, services.vault.installation.buckets), guardian
    return called(services.vault, who) or texts.text("wards.guardian_unnamed")
