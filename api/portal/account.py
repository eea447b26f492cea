"""A person's account: how they sign in, and when they did."""

from typing import Any

from litestar import Request, Response, get
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.entering import fresh
from api.portal.protected import proposed
from api.portal.render import page, page_texts
from api.portal.whom import standing
from api.wiring import services_of
from consent.accounts import recovery
from consent.accounts.authenticators import relying_of
from consent.accounts.passkeys import Passkey, passkey_text, passkeys_of
from consent.accounts.sign_ins import last_sign_ins
from consent.marks import tolerance
from consent.protection.mode import current

_MOST_SHOWN = 20


@get("/account", opt=access(Access.CONSUMER), sync_to_thread=True)
def account_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """The person's passkeys, and their latest sign-ins, newest first."""
    services, texts, person = services_of(request), page_texts(request), request.user
    who = (person.bucket, person.subject)
    with services.vault.data.read() as conn:
        lines = last_sign_ins(conn, who, _MOST_SHOWN)
        passkeys = passkeys_of(conn, who)
        guard = current(conn, who, services.clock())
        old = proposed(conn, services, who, services.clock())
        due = recovery.waiting(conn, who, services.clock())
    return page(
        request,
        "account.html",
        done="passkeys.added" if "added" in query else "passkeys.removed" if "removed" in query else "",
        sign_ins=[(texts.text(f"account.how_{line.how.value}"), texts.moment(line.at)) for line in lines],
        offered=relying_of(services.issuer) is not None,
        passkeys=[_view(one, texts) for one in passkeys],
        fresh=fresh(person, services.clock()),
        wards=len(standing(services, person)),
        proposed=old and guard is None,
        exact=tolerance.opted_out(services.vault, person.subject),
        replacing=texts.moment(due) if due is not None else "",
    )


def _view(one: Passkey, texts: Catalogue) -> dict[str, str]:
    used = texts.text("passkeys.used", date=texts.date(one.used_at)) if one.used_at else ""
    alarm = texts.text("passkeys.alarm", date=texts.date(one.alarm_at)) if one.alarm_at else ""
    return {
        "id": passkey_text(one.id),
        "name": one.name,
        "created": texts.text("passkeys.created", date=texts.date(one.created_at)),
        "used": used,
        "alarm": alarm,
    }
