"""A person's account: how they sign in, and when they did."""

from typing import Any

from litestar import Request, Response, get

from api.access import Access, access
from api.portal.render import page, page_texts
from api.sessions import Session
from api.wiring import services_of
from consent.sign_ins import last_sign_ins

_MOST_SHOWN = 20


@get("/account", opt=access(Access.CONSUMER), sync_to_thread=True)
def account_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The latest sign-ins, newest first."""
    services, texts = services_of(request), page_texts(request)
    who = (request.user.bucket, request.user.subject)
    with services.vault.data.read() as conn:
        lines = last_sign_ins(conn, who, _MOST_SHOWN)
    shown = [(texts.text(f"account.how_{line.how.value}"), texts.moment(line.at)) for line in lines]
    return page(request, "account.html", sign_ins=shown)
