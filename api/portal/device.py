"""Where a person types the code that a device or somebody on the telephone told them; then comes the request itself.

Codes that open nothing are counted against the person and against where they come from, so that nobody can try
their way to other people's requests (RFC 8628 §5.1).
"""

from typing import Any

from litestar import Request, Response, get, post
from sqlalchemy import Connection

from api.edge.access import Access, access
from api.edge.attempts import network_of, note_failure, source_of, wait_seconds
from api.edge.guards import current_session
from api.edge.sessions import Session
from api.portal.asked import person_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, see_other
from api.portal.whom import MYSELF, WHOM, ward_meant, wards_to_choose
from api.wiring import services_of
from consent.decoupled import devices
from consent.ids import showing_text
from consent.refusals import Refusal, RefusalCode

_NOT_NOW = {
    RefusalCode.REQUEST_TOO_SOON: "device.too_soon",
    RefusalCode.GUARDIAN_NEEDED: "device.guardian",
    RefusalCode.GUARDIAN_OVER: "device.guardian",
}
"""What stands behind the code is not shown to this person as things stand."""


@get("/device", opt=access(Access.BROWSER), sync_to_thread=True)
def device_door(request: Request[Any, Any, Any]) -> Response[str]:
    """The short address people are told: on to the page in their language, by way of signing in."""
    signed_in = current_session(services_of(request), request.cookies) is not None
    return see_other(f"/{page_lang(request).value}/{'device' if signed_in else 'sign-in'}")


@get("/device", opt=access(Access.CONSUMER), sync_to_thread=True)
def device_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The form for the code."""
    return _page(request)


@post("/device", opt=access(Access.CONSUMER), sync_to_thread=True)
def enter_code(request: Request[Session, Any, Any]) -> Response[str]:
    """On to the request, when the code opens one."""
    services, now_ms, sources = services_of(request), services_of(request).clock(), _sources(request)
    with services.vault.data.read() as conn:
        wait = max(wait_seconds(conn, source, now_ms) for source in sources)
    if wait:
        headers = {"Retry-After": str(wait)}
        return _page(request, status=429, headers=headers, error="device.too_many")
    person, form = person_of(request.user, page_lang(request)), posted(request)
    ward = ward_meant(services, request.user, form)
    shown = devices.enter(services.vault, person, form.get("user_code", ""), now_ms, ward)
    if not isinstance(shown, Refusal):
        return see_other(f"/{person.lang}/requests/{showing_text(shown.id)}")
    if shown.code in _NOT_NOW:
        return _page(request, status=403, error=_NOT_NOW[shown.code])
    with services.vault.data.write() as conn:
        _count(conn, sources, now_ms)
    return _page(request, status=404, error="device.wrong")


def _page(
    request: Request[Session, Any, Any],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    error: str = "",
) -> Response[str]:
    wards = wards_to_choose(services_of(request), request.user)
    return page(
        request,
        "device.html",
        status=status,
        headers=headers,
        error=error,
        wards=wards,
        whom=WHOM,
        myself=MYSELF,
    )


def _count(conn: Connection, sources: list[bytes], now_ms: int) -> None:
    for source in sources:
        note_failure(conn, source, now_ms)


def _sources(request: Request[Session, Any, Any]) -> list[bytes]:
    """The person and the address, apart from each other and from failed sign-ins; sorted as rows are locked."""
    key, address = services_of(request).csrf_key, network_of(request.client.host if request.client else "")
    named = (f"user code/person/{request.user.subject.hex()}", f"user code/address/{address}")
    return sorted(source_of(key, name) for name in named)
