"""Token revocation (RFC 7009): the client says that it no longer needs a token. Never touches the consent behind it.

A token that is unknown, or another client's, is answered exactly like one that was revoked: 200 and nothing else.
`token_type_hint` is not needed: one statement looks for every kind of token.
"""

from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth.clients import caller
from api.oauth.errors import OAuthRefused, answer_oauth
from api.wiring import services_of
from consent.tokens.revoking import revoke

PATH = "/revoke"


@post(
    PATH,
    opt=access(Access.CLIENT),
    status_code=200,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def revoke_token(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """End one of the caller's own tokens."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, PATH)
    buckets = services.vault.installation.buckets
    with who.spent_when_refused(services), services.vault.data.write() as conn:
        who.spend(conn, buckets)
        if not form.get("token"):
            raise OAuthRefused(400, "invalid_request", "revoke.token")
        revoke(conn, buckets, who.client.client_id, form["token"], services.clock())
    return Response(b"", media_type="application/json")
