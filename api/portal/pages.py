"""The small pages that need no data: the way in, the portal's own files, and problems drawn for people."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.i18n import Lang
from api.portal.render import page_lang, render, see_other, static_files

_FOR_EVER = "public, max-age=31536000, immutable"


@get("/", opt=access(Access.PUBLIC), sync_to_thread=False)
def front_door(request: Request[Any, Any, Any]) -> Response[str]:
    """Send a visitor to the portal in a language of theirs."""
    return see_other(f"/{page_lang(request).value}/grants")


@get("/", opt=access(Access.BROWSER), sync_to_thread=False)
def language_door(request: Request[Any, Any, Any]) -> Response[str]:
    """The same, when the address already names the language."""
    return see_other(f"/{page_lang(request).value}/grants")


@get("/static/{name:str}", opt=access(Access.PUBLIC), sync_to_thread=False)
def static_file(name: FromPath[str]) -> Response[bytes]:
    """One of the portal's files, under the address that carries its digest."""
    for file in static_files().values():
        if file.address == f"/static/{name}":
            headers = {"Cache-Control": _FOR_EVER, "Content-Type": file.media_type}
            return Response(file.content, headers=headers, media_type=file.media_type)
    raise Problem(404, "not_found")


def problem_page(lang: Lang, problem: Mapping[str, Any]) -> str:
    """A problem as a page; it shows exactly what the JSON form says."""
    context = {"signed_in": False, "csrf": "", "other_lang": None, "here": "", "query": ""}
    return render("problem.html", lang, problem={"instance": None, **problem}, **context)
