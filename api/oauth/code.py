"""The `authorization_code` grant: a code becomes one token, bound to the key of the proof that came with it.

What is wrong with a code is one word for everybody, `invalid_grant`; a code offered a second time also voids
what the first exchange made (RFC 6749 §4.1.2).
"""

from api.oauth.errors import OAuthRefused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.denials import Denied
from consent.ids import grant_text
from consent.tokens import CodeExchange, Issued, exchange_within


def exchange_code(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """RFC 6749 §4.1.3 with a DPoP-bound token (RFC 9449 §5)."""
    form = request.form
    wanted = CodeExchange(
        client_id=request.caller.client.client_id,
        code=form.get("code", ""),
        redirect_uri=form.get("redirect_uri", ""),
        code_verifier=form.get("code_verifier", ""),
        jkt=request.jkt,
    )
    issued = exchange_within(request.conn, request.services.vault, wanted, request.now_ms)
    if isinstance(issued, Denied):
        return OAuthRefused(400, "invalid_grant", "token.code")
    return answer_of(issued)


def answer_of(issued: Issued) -> TokenAnswer:
    """What a client is told of a token for a use."""
    return {
        "access_token": issued.token,
        "token_type": "DPoP",
        "expires_in": issued.expires_in,
        "grant_id": grant_text(issued.grant_id),
        "authorization_details": issued.details,
    }
