"""Erasing one's own data: what will happen in plain words, one deliberate tick, and a private link to how it ends.

The order ends the session and the account, so whatever comes after it needs no sign-in: the link's address is
all there is, and the page behind it holds no personal data.
"""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.public.erasure_links import people_behind
from api.staff.erasing import order_own_erasure
from api.wiring import Services, services_of
from consent.erasure.standing import Standing, Step, standing
from consent.ledger.bundles.bundle import build
from consent.ledger.publishing.signer import Signer
from consent.signing.keys import receipt_keys
from vault.ids import bucket_for
from vault.people.drafts import Refused

_UNLISTED = {"X-Robots-Tag": "noindex, nofollow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step of an erasure on the page: `state` is done, now or later."""

    says: str
    state: str


@get("/erase", opt=access(Access.CONSUMER), sync_to_thread=True)
def erase_page(request: Request[Session, Any, Any]) -> Response[str]:
    """What erasing means, and the form that orders it."""
    return _form(request)


@post("/erase", opt=access(Access.CONSUMER), sync_to_thread=True)
def erase_myself(request: Request[Session, Any, Any]) -> Response[str]:
    """Order the erasure of the signed-in person, if the box is ticked; on to the private link."""
    services = services_of(request)
    if posted(request).get("sure") != "yes":
        return _form(request, error="erase.unsure", status=400)
    secret = order_own_erasure(services.vault, request.user, services.clock())
    if isinstance(secret, Refused):
        raise Problem(404, "not_found")
    jar = services.jar
    path = f"/{page_lang(request).value}/erasure/{secret}"
    return see_other(path, cookies=(jar.drop(jar.session_name),))


@get("/erasure/{name:str}", opt=access(Access.BROWSER), sync_to_thread=True)
def erasure_page(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[str]:
    """How far an erasure has come, for whoever holds its link."""
    services, texts = services_of(request), page_texts(request)
    found = _standing(services, name)
    steps = [
        StepView(says=texts.text(f"erased.{step.name.lower()}"), state=_state(step, found)) for step in Step
    ]
    return page(
        request,
        "erased.html",
        headers=_UNLISTED,
        steps=steps,
        done=bool(found.certificates),
        ordered=texts.moment(found.ordered_at),
        address=f"{services.issuer}/{page_lang(request).value}/erasure/{name}",
        name=name,
        horizon=services.settings.horizon,
    )


@get("/erasure/{name:str}/certificate", opt=access(Access.BROWSER), sync_to_thread=True)
def erasure_certificate(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """The certificate with its proof; raises `ledger.not_yet_published` in the second before it is signed."""
    services = services_of(request)
    found = _standing(services, name)
    if not found.certificates:
        raise Problem(409, "erasure_unfinished", headers={"Retry-After": "10"})
    data = build(
        services.vault.data,
        Signer.of(services.vault),
        [one.evidence() for one in found.certificates],
        receipt_keys=receipt_keys(services.vault),
        witnesses=services.witnesses,
    )
    headers = {"Content-Disposition": 'attachment; filename="perusal-erasure.zip"', **_UNLISTED}
    return Response(data, media_type="application/zip", headers=headers)


def _form(request: Request[Session, Any, Any], *, error: str = "", status: int = 200) -> Response[str]:
    horizon = services_of(request).settings.horizon
    return page(request, "erase.html", status=status, error=error, horizon=horizon)


def _standing(services: Services, name: str) -> Standing:
    vault = services.vault
    with vault.data.read() as conn:
        people = people_behind(conn, name)
        found = standing(conn, vault, [(bucket_for(who, vault.installation.buckets), who) for who in people])
    if found is None:
        raise Problem(404, "not_found")
    return found


def _state(step: Step, found: Standing) -> str:
    if step <= found.step:
        return "done"
    return "now" if step == found.step + 1 else "later"
