"""The one exception handler: whatever was raised leaves as problem details, or as a page for a browser.

A browser that is not signed in and asks for a portal page is sent to the sign-in page instead.
"""

from typing import Any

import msgspec
from litestar import Request, Response

from api.edge.problems import Problem, as_problem, problem_body
from api.i18n import Lang, lang_of_path, negotiate
from api.portal.pages import problem_page

MEDIA_TYPE = "application/problem+json"


def answer_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for every exception there is."""
    problem = as_problem(error)
    path = request.scope["path"]
    lang = lang_of_path(path) or negotiate(request.headers.get("Accept-Language", ""))
    headers = {**problem.headers, "Content-Language": lang.value, "Vary": "Accept-Language"}
    if "text/html" in request.headers.get("Accept", ""):
        if problem.code == "not_authenticated" and lang_of_path(path):
            return Response(b"", status_code=303, headers={"Location": f"/{lang.value}/sign-in"})
        return _page(problem, lang, headers)
    body = msgspec.json.encode(problem_body(problem, lang))
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def _page(problem: Problem, lang: Lang, headers: dict[str, str]) -> Response[bytes]:
    page = problem_page(lang, problem_body(problem, lang)).encode()
    return Response(page, status_code=problem.status, media_type="text/html", headers=headers)
