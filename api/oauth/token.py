"""The token endpoint: a code becomes one token for one use, bound to the key of the proof that came with it.

There are no refresh tokens and no other grants. What is wrong with a code is one word for everybody,
`invalid_grant`; a code offered a second time also voids what the first exchange made (RFC 6749 §4.1.2).
"""

from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.access import Access, access
from api.forms import parse_form
from api.oauth.clients import caller
from api.oauth.errors import OAuthRefused, answer_oauth
from api.wiring import services_of
from consent.denials import Denied
from consent.ids import grant_text
from consent.tokens import CodeExchange, exchange


@post(
    "/token",
    opt=access(Access.CLIENT),
    status_code=200,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def exchange_code(request: Request[Any, Any, Any], body: RawBody) -> Response[dict[str, Any]]:
    """Exchange a code (RFC 6749 §4.1.3) for a DPoP-bound token (RFC 9449 §5)."""
    services = services_of(request)
    form = parse_form(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, "/token")
    if form.get("grant_type") != "authorization_code":
        raise OAuthRefused(400, "unsupported_grant_type", "token.grant_type")
    if who.proof is None:
        raise OAuthRefused(400, "invalid_dpop_proof", "proof.missing")
    with services.vault.data.write() as conn:
        who.spend(conn, services.vault.installation.buckets)
    wanted = CodeExchange(
        client_id=who.client.client_id,
        code=form.get("code", ""),
        redirect_uri=form.get("redirect_uri", ""),
        code_verifier=form.get("code_verifier", ""),
        jkt=who.proof.jkt,
    )
    issued = exchange(services.vault, wanted, services.clock())
    if isinstance(issued, Denied):
        raise OAuthRefused(400, "invalid_grant", "token.code")
    answer = {
        "access_token": issued.token,
        "token_type": "DPoP",
        "expires_in": issued.expires_in,
        "grant_id": grant_text(issued.grant_id),
        "authorization_details": issued.details,
    }
    return Response(answer, media_type="application/json")
