"""The page "was I in a leak?": its script does the asking, so that what somebody types never leaves their browser.

It is the one page with a form that does not work without a script: a form that did would send us the number. It
says so.
"""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.edge.headers import asking_policy
from api.portal.render import page
from api.public.leak_check import PATH


@get("/leak-check", opt=access(Access.BROWSER), sync_to_thread=True)
def leak_check_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The form, and what its script says when it has asked."""
    return page(request, "leak_check.html", headers=asking_policy(), at=PATH)
