"""The `refresh_token` grant: the next use of a counted grant, for the same fields or for fewer."""

from api.oauth.code import answer_of, narrowed
from api.oauth.errors import OAuthRefused, refused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.denials import Denied
from consent.refusals import Refusal
from consent.tokens.refreshing import Refresh, refresh_within


def refresh_use(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """RFC 6749 §6 with a DPoP-bound refresh token (RFC 9449 §5); the reply repeats no refresh token."""
    if refused_now := request.caller.too_often(request.services):
        return refused_now
    wanted = Refresh(
        client_id=request.caller.client.client_id,
        secret=request.form.get("refresh_token", ""),
        jkt=request.jkt,
        details=narrowed(request.form),
    )
    issued = refresh_within(request.conn, request.services.vault, wanted, request.now_ms)
    if isinstance(issued, Denied):
        return OAuthRefused(400, "invalid_grant", "token.refresh")
    return refused(issued) if isinstance(issued, Refusal) else answer_of(issued)
