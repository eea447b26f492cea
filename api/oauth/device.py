"""Device authorization (RFC 8628) for counters and call centres: the person types eight letters at the portal.

The request has the body of a pushed one without what a browser needs, or is a request object of it. A proof in
the header binds the device code to its key, as it binds a pushed request's code (RFC 9449 §10).
"""

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
from consent.decoupled import devices
from consent.refusals import Refusal

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
PATH = "/device_authorization"


@post(
    PATH,
    opt=access(Access.CLIENT),
    status_code=200,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def authorize_device(request: Request[Any, Any, Any], body: RawBody) -> Response[dict[str, Any]]:
    """Take a request and hand out the code to poll with and the code to show (RFC 8628 §3.2)."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, PATH)
    jkt = who.proof.jkt if who.proof else None
    with who.spent_when_refused(services):
        who.paced(services)
        signed = signed_in(services, who, form)
        details = details_in(services, form if signed is None else signed.members, signed)
        with services.vault.data.write() as conn:
            who.spend(conn, services.vault.installation.buckets)
            use_once(conn, services, signed)
            said = None if signed is None else signed.signed
            started = devices.start(
                conn, services.vault, who.client, details, jkt, services.clock(), signed=said
            )
    if isinstance(started, Refusal):
        raise refused(started)
    answer = {
        "device_code": started.device_code,
        "user_code": started.user_code,
        "verification_uri": services.url("/device"),
        "expires_in": started.expires_in,
        "interval": started.interval,
    }
    return Response(answer, media_type="application/json")


def exchange_device(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """RFC 8628 §3.4."""
    return poll_with(request, Via.DEVICE, "device_code")
