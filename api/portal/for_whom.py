"""For whom a guardian answers: themselves, or one of their wards; nothing is chosen beforehand.

The page comes before the request is shown or used up, and only to somebody who decides for others
(`consent.asking.guarding`).
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.asked import open_request
from api.portal.posted import posted
from api.portal.render import page, see_other
from api.portal.requested import request_named, request_waiting
from api.portal.whom import MYSELF, WHOM, wards_to_choose
from api.wiring import services_of


@get("/for-whom", opt=access(Access.CONSUMER), sync_to_thread=True)
def for_whom_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """The choice."""
    services = services_of(request)
    named, _ = request_waiting(request, dict(query))
    wards = wards_to_choose(services, request.user)
    return page(request, "for_whom.html", named=named, whom=WHOM, myself=MYSELF, wards=wards)


@post("/for-whom", opt=access(Access.CONSUMER), sync_to_thread=True)
def answer_for_whom(request: Request[Session, Any, Any]) -> Response[str]:
    """On to the request."""
    named = request_named(posted(request))
    if named is None or WHOM not in named:
        raise Problem(400, "invalid_request_uri" if named is None else "invalid_input")
    return see_other(open_request(request, request.user, named))
