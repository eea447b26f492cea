"""The `authorization_code` grant: a code becomes one token, bound to the key of the proof that came with it.

What is wrong with a code is one word for everybody, `invalid_grant`; a code offered a second time also voids
what the first exchange made (RFC 6749 §4.1.2). With the code may come details that narrow what was granted.
"""

from collections.abc import Mapping

import msgspec

from api.oauth.errors import OAuthRefused, refused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.denials import Denied
from consent.ids import grant_text
from consent.refusals import Refusal
from consent.tokens.exchange import CodeExchange, exchange_within
from consent.tokens.minting import Issued


def exchange_code(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """RFC 6749 §4.1.3 with a DPoP-bound token (RFC 9449 §5)."""
    form = request.form
    wanted = CodeExchange(
        client_id=request.caller.client.client_id,
        code=form.get("code", ""),
        redirect_uri=form.get("redirect_uri", ""),
        code_verifier=form.get("code_verifier", ""),
        jkt=request.jkt,
        details=narrowed(form),
    )
    issued = exchange_within(request.conn, request.services.vault, wanted, request.now_ms)
    if isinstance(issued, Denied):
        return OAuthRefused(400, "invalid_grant", "token.code")
    return refused(issued) if isinstance(issued, Refusal) else answer_of(issued)


def narrowed(form: Mapping[str, str]) -> object:
    """The decoded `authorization_details` of a token request (RFC 9396 §6), None without; raises OAuthRefused."""
    if "authorization_details" not in form:
        return None
    try:
        return msgspec.json.decode(form["authorization_details"])
    except (msgspec.MsgspecError, RecursionError):
        raise OAuthRefused(400, "invalid_authorization_details", "details.malformed_json") from None


def answer_of(issued: Issued) -> TokenAnswer:
    """What a client is told of a token for a use."""
    answer = {
        "access_token": issued.token,
        "token_type": "DPoP",
        "expires_in": issued.expires_in,
        "grant_id": grant_text(issued.grant_id),
        "authorization_details": issued.details,
    }
    return answer if issued.refresh is None else {**answer, "refresh_token": issued.refresh}
