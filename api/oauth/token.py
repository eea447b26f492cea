"""The token endpoint: whoever authenticates is passed on to the handler of its `grant_type`.

Assertion and proof are spent in the transaction in which the handler exchanges what came with them, so a copy that
waits for the first one fails; what is refused spends them too.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth import backchannel, client_credentials, device
from api.oauth.clients import caller
from api.oauth.code import exchange_code
from api.oauth.errors import OAuthRefused, answer_oauth
from api.oauth.refresh import refresh_use
from api.oauth.token_request import Handler, TokenAnswer, TokenRequest
from api.wiring import services_of

HANDLERS: Mapping[str, Handler] = {
    "authorization_code": exchange_code,
    "refresh_token": refresh_use,
    client_credentials.GRANT_TYPE: client_credentials.issue_management_token,
    device.GRANT_TYPE: device.exchange_device,
    backchannel.GRANT_TYPE: backchannel.exchange_backchannel,
}
"""Every `grant_type` that is answered; the metadata document names these and no other."""


@post(
    "/token",
    opt=access(Access.CLIENT),
    status_code=200,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def issue_token(request: Request[Any, Any, Any], body: RawBody) -> Response[TokenAnswer]:
    """Exchange a code or another authorization for a token (RFC 6749 §3.2)."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, "/token")
    with who.spent_when_refused(services):
        handler = HANDLERS.get(form.get("grant_type", ""))
        if handler is None:
            raise OAuthRefused(400, "unsupported_grant_type", "token.grant_type")
        with services.vault.data.write() as conn:
            who.spend(conn, services.vault.installation.buckets)
            asked = TokenRequest(services=services, conn=conn, caller=who, form=form, now_ms=services.clock())
            answer = handler(asked)
    if isinstance(answer, OAuthRefused):
        raise answer
    return Response(answer, media_type="application/json")
