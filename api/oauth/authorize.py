"""The front channel: a person arrives from a recipient's site with a `request_uri`, and with nothing else.

There is no way to ask for anything here. An unknown, used, expired or foreign `request_uri` gets an error
page and never a redirect, because no address in the query can be trusted (RFC 9126 §4, RFC 9700 §4.11). Whoever comes
with one in time has ten minutes to sign in (`arrival`), and comes back to what they were shown.
"""

from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.guards import current_session
from api.edge.problems import Problem
from api.portal.arrival import arrival, arrived_at
from api.portal.asked import open_request
from api.portal.render import page_lang, see_other
from api.portal.requested import check_waiting, request_named
from api.wiring import services_of


@get("/authorize", opt=access(Access.BROWSER), sync_to_thread=True)
def authorize(request: Request[Any, Any, Any], query: QueryParams) -> Response[str]:
    """On to the request's page, by way of the sign-in page when nobody is signed in."""
    services, lang = services_of(request), page_lang(request)
    named = request_named({name: query[name] for name in query})
    if named is None:
        raise Problem(400, "invalid_request_uri")
    session, came = current_session(services, request.cookies), arrived_at(request, named)
    if session is not None:
        path = open_request(request, session, named)
    else:
        check_waiting(services, named, came)
        path = f"/{lang.value}/sign-in?{urlencode(named)}"
    return see_other(path, cookies=(arrival(services, named, came),))
