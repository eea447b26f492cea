"""Pages from templates: autoescaped, and a name that is not defined is an error rather than an empty spot."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie

from api.edge.csrf import FIELD, csrf_token
from api.edge.sessions import Session
from api.i18n import Catalogue, Lang, catalogue, lang_of_path, negotiate
from api.wiring import services_of

HTML = "text/html"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the portal, with its content's digest in its address so that it may be cached for ever."""

    address: str
    media_type: str
    content: bytes


def _static(name: str, media_type: str) -> StaticFile:
    content = resources.files("api.portal").joinpath("static", name).read_bytes()
    stem, _, ending = name.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(f"/static/{stem}.{digest}.{ending}", media_type, content)


@cache
def static_files() -> dict[str, StaticFile]:
    """The portal's files by template name: a closed list, so no path of a request ever reaches the disk."""
    return {
        "css": _static("perusal.css", "text/css; charset=utf-8"),
        "passkeys": _static("passkeys.js", "text/javascript; charset=utf-8"),
        "leak_check": _static("leak_check.js", "text/javascript; charset=utf-8"),
        "icon": _static("icon.svg", "image/svg+xml"),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["files"] = {name: file.address for name, file in static_files().items()}
    environment.globals["csrf_field"] = FIELD
    return environment


def render(template: str, lang: Lang, **context: Any) -> str:
    """The text of a page; `t` is the catalogue's lookup, `lang` the page's language."""
    texts = catalogue(lang)
    return _environment().get_template(template).render(lang=lang.value, t=texts.text, texts=texts, **context)


def page_lang(request: Request[Any, Any, Any]) -> Lang:
    """The language of the address, else the browser's wish."""
    path = request.scope["path"]
    return lang_of_path(path) or negotiate(request.headers.get("Accept-Language", ""))


def page_texts(request: Request[Any, Any, Any]) -> Catalogue:
    """The catalogue of the page's language."""
    return catalogue(page_lang(request), services_of(request).settings.local_zone)


def page(
    request: Request[Any, Any, Any],
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    binding: str | None = None,
    query: str = "",
    **context: Any,
) -> Response[str]:
    """A page for this browser.

    `binding` is the cookie its forms are bound to, when it has no session yet; `query` is what the same page
    in the other language needs to know.
    """
    session = request.scope.get("user")
    secret = session.secret if isinstance(session, Session) else binding
    token = csrf_token(services_of(request).csrf_key, secret) if secret else ""
    text = render(
        template,
        page_lang(request),
        signed_in=isinstance(session, Session),
        csrf=token,
        other_lang=_other_language(request),
        here=_rest_of_path(request),
        query=f"?{query}" if query else "",
        **context,
    )
    headers = {"Content-Language": page_lang(request).value, **(headers or {})}
    return Response(text, status_code=status, media_type=HTML, headers=headers)


def see_other(path: str, *, cookies: Sequence[Cookie] = ()) -> Response[str]:
    """The answer to a form: go and read `path` (303)."""
    return Response("", status_code=303, media_type="text/plain", headers={"Location": path}, cookies=cookies)


def _rest_of_path(request: Request[Any, Any, Any]) -> str:
    path = request.scope["path"]
    lang = lang_of_path(path)
    return path[len(lang) + 1 :].strip("/") if lang else ""


def _other_language(request: Request[Any, Any, Any]) -> Lang:
    return Lang.EN if page_lang(request) is Lang.ZH_CN else Lang.ZH_CN
