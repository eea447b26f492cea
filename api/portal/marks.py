"""A person's choice about marks: their values exactly as they are stored, or in forms that tell a leaked copy apart."""

from typing import Any

from litestar import Request, Response, post

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.posted import posted
from api.portal.render import page_lang, see_other
from api.wiring import services_of
from consent.marks import tolerance


@post("/account/marks", opt=access(Access.CONSUMER), sync_to_thread=True)
def choose_marks(request: Request[Session, Any, Any]) -> Response[str]:
    """The form's `as` says `exact` or `marked`; it holds from the next disclosure on."""
    services, chosen = services_of(request), posted(request).get("as")
    if chosen == "exact":
        tolerance.opt_out(services.vault, request.user.subject, services.clock())
    elif chosen == "marked":
        tolerance.opt_in(services.vault, request.user.subject)
    else:
        raise Problem(400, "invalid_input")
    return see_other(f"/{page_lang(request).value}/account")
