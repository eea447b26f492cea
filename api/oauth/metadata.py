"""What clients may know beforehand: RFC 8414, RFC 9728 and the receipt key as a JWK set (RFC 7517).

Only what is really served is named here; a test calls every endpoint in these documents.
"""

import base64
from typing import Any

from litestar import Request, Response, get

from api.access import Access, access
from api.oauth.dpop import ALGORITHMS as PROOF_ALGORITHMS
from api.wiring import Services, services_of
from consent import receipts
from consent.details import DETAILS_TYPE

_CACHED = {"Cache-Control": "public, max-age=600"}
_JSON = "application/json"


@get("/.well-known/oauth-authorization-server", opt=access(Access.PUBLIC), sync_to_thread=False)
def authorization_server(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """RFC 8414."""
    return Response(server_document(services_of(request)), headers=_CACHED, media_type=_JSON)


@get("/.well-known/oauth-protected-resource", opt=access(Access.PUBLIC), sync_to_thread=False)
def protected_resource(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """RFC 9728."""
    services = services_of(request)
    document = {
        "resource": services.url("/v1/disclosures"),
        "authorization_servers": [services.issuer],
        "authorization_details_types_supported": [DETAILS_TYPE],
        "dpop_bound_access_tokens_required": True,
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        "bearer_methods_supported": [],
    }
    return Response(document, headers=_CACHED, media_type=_JSON)


@get("/jwks", opt=access(Access.PUBLIC), sync_to_thread=False)
def jwks(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The keys that verify receipts."""
    public = receipts.public_key(services_of(request).vault)
    key = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64.urlsafe_b64encode(public.key).decode().rstrip("="),
        "kid": public.kid,
        "alg": "Ed25519",
        "use": "sig",
    }
    return Response({"keys": [key]}, headers=_CACHED, media_type="application/jwk-set+json")


def server_document(services: Services) -> dict[str, Any]:
    """The members of RFC 8414 §2, RFC 9126 §5, RFC 9207 §3, RFC 9396 §10 and RFC 9449 §5.1 that hold here."""
    return {
        "issuer": services.issuer,
        "authorization_endpoint": services.url("/authorize"),
        "token_endpoint": services.url("/token"),
        "pushed_authorization_request_endpoint": services.url("/par"),
        "jwks_uri": services.url("/jwks"),
        "require_pushed_authorization_requests": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "Ed25519"],
        "authorization_details_types_supported": [DETAILS_TYPE],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        "ui_locales_supported": ["en", "zh-CN"],
    }
