"""The `client_credentials` grant (RFC 6749 §4.4): a client gets a short token to manage its own consents with.

It reads nobody's data; what a token lets its holder do is `scope`, and both scopes when none is named.
"""

from api.oauth.errors import OAuthRefused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.grants.management_tokens import LIFETIME_MS, mint, scope_text, scopes_of

GRANT_TYPE = "client_credentials"


def issue_management_token(request: TokenRequest) -> TokenAnswer | OAuthRefused:
    """A DPoP-bound token (RFC 9449 §5) for `/grants`."""
    scopes = scopes_of(request.form.get("scope", ""))
    if scopes is None:
        return OAuthRefused(400, "invalid_scope", "token.scope")
    if "authorization_details" in request.form:
        return OAuthRefused(400, "invalid_authorization_details", "token.authorization_details")
    buckets = request.services.vault.installation.buckets
    token = mint(request.conn, buckets, request.caller.client, scopes, request.jkt, request.now_ms)
    return {
        "access_token": token,
        "token_type": "DPoP",
        "expires_in": LIFETIME_MS // 1000,
        "scope": scope_text(scopes),
    }
