"""What a person is told: the banner of what they have not seen yet, and staff's doings in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from litestar import Request, Response, post
from sqlalchemy import Connection

from api.edge.access import Access, access
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.render import page_lang, see_other
from api.portal.words import field_labels, notice_word
from api.wiring import services_of
from consent.accounts import recovery
from consent.accounts.notify import PersonNotice, mark_seen, notices_of
from consent.staff.history import StaffEventKind
from vault.fields import Catalogue as Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """One line of the banner."""

    says: str
    detail: str
    iso: str
    time: str


def banner(conn: Connection, person: Session, texts: Catalogue, fields: Fields) -> list[NoticeView]:
    """What this person has not seen yet, newest first; the page shows it before anything else."""
    unseen = notices_of(conn, person.bucket, person.subject, unseen=True)
    return [*_replacing(conn, person, texts), *(_line(one, texts, fields) for one in unseen)]


@post("/notices/seen", opt=access(Access.CONSUMER), sync_to_thread=True)
def notices_seen(request: Request[Session, Any, Any]) -> Response[str]:
    """The person has read the banner; the timeline keeps what it said."""
    services, person = services_of(request), request.user
    with services.vault.data.write() as conn:
        mark_seen(conn, person.bucket, person.subject, services.clock())
    return see_other(f"/{page_lang(request).value}/uses")


_COUNTED_ONLY = frozenset({StaffEventKind.DENIED, StaffEventKind.MINOR_DENIED})


def staff_words(kind: str, count: int, texts: Catalogue) -> str:
    """What somebody inside did, without why."""
    return texts.counted(f"uses.{kind}", count)


def staff_name(kind: str, staff: str | None, texts: Catalogue) -> str:
    """Who: the role and number of a key (`role/number`), or staff in general where attempts are only counted."""
    role, _, number = (staff or "").partition("/")
    if kind in _COUNTED_ONLY or not number:
        return texts.text("uses.staff")
    return f"{texts.text(f'staff_role.{role}')} {number}"


def reason_word(code: str, texts: Catalogue) -> str:
    """A reason of dual control in the reader's words."""
    key = f"dual_reason.{code}"
    return texts.text(key if texts.has(key) else "dual_reason.other")


def basis_words(basis: str, approval: tuple[str, int] | None, texts: Catalogue) -> str:
    """On what basis staff read, and which key approved it when, where somebody had to."""
    said = texts.text(f"basis.{basis}")
    if approval is None:
        return said
    approver, at = approval
    who = staff_name(StaffEventKind.READ, approver, texts)
    return f"{said} · {texts.text('uses.approved_by', who=who, time=texts.moment(at))}"


def _replacing(conn: Connection, person: Session, texts: Catalogue) -> list[NoticeView]:
    """That somebody asked for a new sign-in key in this person's name; it stands until that has ended."""
    # As of when the session was last seen, which is a minute ago at most.
    due = recovery.waiting(conn, (person.bucket, person.subject), person.seen_at)
    if due is None:
        return []
    at = datetime.fromtimestamp(due / 1000, UTC)
    says, detail = texts.text("recovery.waiting_title"), texts.text("recovery.under_account")
    return [
        NoticeView(says=says, detail=detail, iso=at.isoformat(timespec="seconds"), time=texts.moment(due))
    ]


def _line(notice: PersonNotice, texts: Catalogue, fields: Fields) -> NoticeView:
    at = datetime.fromtimestamp(notice.created_at / 1000, UTC)
    return NoticeView(
        says=notice_word(notice.kind, texts),
        detail=_detail(
            field_labels(notice.about.get("fields", ()), texts, fields), notice.about.get("reason"), texts
        ),
        iso=at.isoformat(timespec="seconds"),
        time=texts.moment(notice.created_at),
    )


def _detail(labels: Sequence[str], reason: str | None, texts: Catalogue) -> str:
    parts = [texts.listed(labels)] if labels else []
    return " · ".join([*parts, *([reason_word(reason, texts)] if reason else [])])
