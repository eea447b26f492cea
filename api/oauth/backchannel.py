"""Client-initiated backchannel authentication (OpenID CIBA Core): asking a person where they are.

`login_hint` is the handle the person gave the recipient, `binding_message` the number of two digits that the
recipient tells them and that they pick from three. The body is that of a pushed request without what a browser
needs, or a signed authentication request (§7.1.1). A hint that means nobody is answered in the same words after
the same work. Every client may poll; one that is registered for it is also pinged, with its
`client_notification_token`, when there is an answer.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth.clients import caller
from api.oauth.errors import OAuthRefused, answer_oauth, refused
from api.oauth.polled import poll_with
from api.oauth.signed_form import details_in, signed_in, use_once
from api.oauth.token_request import TokenAnswer, TokenRequest
from api.wiring import services_of
from consent.asking.ask import Via
from consent.decoupled import backchannel
from consent.decoupled.backchannel import TooMany, Wanted
from consent.decoupled.polling import LIFETIME_MS
from consent.refusals import Refusal, RefusalCode

GRANT_TYPE = "urn:openid:params:grant-type:ciba"
PATH = "/bc-authorize"
_OTHER_THAN_HANDLES = ("login_hint_token", "id_token_hint", "user_code")


@post(
    PATH,
    opt=access(Access.CLIENT),
    status_code=200,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def authorize_backchannel(request: Request[Any, Any, Any], body: RawBody) -> Response[dict[str, Any]]:
    """Take a request and hand out the `auth_req_id` to poll with (CIBA §7)."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, PATH)
    with who.spent_when_refused(services):
        who.paced(services)
        signed = signed_in(services, who, form)
        members = form if signed is None else signed.members
        wanted = _wanted(members, who.proof.jkt if who.proof else None)
        details = details_in(services, members, signed)
        with services.vault.data.write() as conn:
            who.spend(conn, services.vault.installation.buckets)
            use_once(conn, services, signed)
            said = None if signed is None else signed.signed
            started = backchannel.start(
                conn, services.vault, who.client, details, wanted, services.clock(), signed=said
            )
    if isinstance(started, TooMany):
        headers = {"Retry-After": str(started.wait_s)}
        raise OAuthRefused(429, "temporarily_unavailable", "request.too_many_open", headers=headers)
    if isinstance(started, Refusal):
        raise _refused(started)
    answer = {
        "auth_req_id": started.auth_req_id,
        "expires_in": started.expires_in,
        "interval": started.interval,
    }
    return Response(answer, media_type="application/json")


def exchange_backchannel(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """CIBA §10.1."""
    return poll_with(request, Via.BACKCHANNEL, "auth_req_id")


def _wanted(form: Mapping[str, str], jkt: str | None) -> Wanted:
    for member in _OTHER_THAN_HANDLES:
        if member in form:
            raise OAuthRefused(400, "invalid_request", f"request.{member}")
    seconds = form.get("requested_expiry", str(LIFETIME_MS // 1000))
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 10 and int(seconds) > 0):
        raise OAuthRefused(400, "invalid_request", "request.requested_expiry")
    return Wanted(
        hint=form.get("login_hint", ""),
        number=form.get("binding_message", ""),
        jkt=jkt,
        seconds=int(seconds),
        token=form.get("client_notification_token", ""),
    )


def _refused(refusal: Refusal) -> OAuthRefused:
    if refusal.code is RefusalCode.REQUEST_NUMBER:
        return OAuthRefused(400, "invalid_binding_message", refusal.code, refusal.at)
    return refused(refusal)
