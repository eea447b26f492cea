"""What clients may know beforehand: RFC 8414, RFC 9728 and our public keys as a JWK set (RFC 7517).

Only what is really served is named here; a test calls every endpoint in these documents. Each may be kept for ten
minutes and asked for again by its ETag.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response, get

from api import disclosures
from api.edge.access import Access, access
from api.edge.conditional import entity_tag, has_already
from api.oauth import backchannel, deletions, device
from api.oauth.assertion import ALGORITHMS as ASSERTION_ALGORITHMS
from api.oauth.dpop import ALGORITHMS as PROOF_ALGORITHMS
from api.oauth.grants import ACTIONS
from api.oauth.grants import PATH as GRANTS
from api.oauth.request_object import ALGORITHMS as OBJECT_ALGORITHMS
from api.oauth.status import PATH as STATUS
from api.oauth.token import HANDLERS
from api.wiring import Services, services_of
from consent.asking.details import DETAILS_TYPE
from consent.grants.management_tokens import Scope
from consent.recipients.register import DeliveryMode
from consent.signing import keys as signing_keys
from consent.signing.signed import Algorithm
from vault.sealing import jwe

_CACHED = {"Cache-Control": "public, max-age=600"}
_JSON = "application/json"


@get("/.well-known/oauth-authorization-server", opt=access(Access.PUBLIC), sync_to_thread=False)
def authorization_server(request: Request[Any, Any, Any]) -> Response[bytes]:
    """RFC 8414."""
    return _kept(request, server_document(services_of(request)))


@get(disclosures.METADATA, opt=access(Access.PUBLIC), sync_to_thread=False)
def protected_resource(request: Request[Any, Any, Any]) -> Response[bytes]:
    """RFC 9728: at the address that its §3.1 makes of the resource's own, so that clients which know only that find it."""
    services = services_of(request)
    document = {
        "resource": services.url(disclosures.PATH),
        "authorization_servers": [services.issuer],
        "authorization_details_types_supported": [DETAILS_TYPE],
        "dpop_bound_access_tokens_required": True,
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        "bearer_methods_supported": [],
        # Ours: no standard says how the answers of a protected resource may be encrypted.
        "disclosure_encryption_alg_values_supported": [jwe.ALGORITHM],
        "disclosure_encryption_enc_values_supported": [jwe.ENCRYPTION],
    }
    return _kept(request, document)


@get("/jwks", opt=access(Access.PUBLIC), sync_to_thread=True)
def jwks(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The keys that verify what we sign: the current ones, their followers, and old ones as long as they matter."""
    services = services_of(request)
    keys = signing_keys.public_keys(services.vault, services.clock())
    return _kept(request, {"keys": keys}, "application/jwk-set+json")


def _kept(
    request: Request[Any, Any, Any], document: Mapping[str, Any], media_type: str = _JSON
) -> Response[bytes]:
    """The document, or 304 for whoever has it already."""
    body = msgspec.json.encode(document)
    tag = entity_tag(body)
    headers = {**_CACHED, "ETag": tag}
    if has_already(request, tag):
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    return Response(body, headers=headers, media_type=media_type)


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
        "grant_types_supported": sorted(HANDLERS),
        "code_challenge_methods_supported": ["S256"],
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_signed_request_object": False,
        "request_object_signing_alg_values_supported": list(OBJECT_ALGORITHMS),
        **_authenticated("token"),
        "device_authorization_endpoint": services.url(device.PATH),
        "backchannel_authentication_endpoint": services.url(backchannel.PATH),
        "backchannel_token_delivery_modes_supported": list(DeliveryMode),
        "backchannel_user_code_parameter_supported": False,
        "backchannel_authentication_request_signing_alg_values_supported": list(OBJECT_ALGORITHMS),
        "revocation_endpoint": services.url("/revoke"),
        **_authenticated("revocation"),
        "introspection_endpoint": services.url("/introspect"),
        **_authenticated("introspection"),
        "introspection_signing_alg_values_supported": [Algorithm.ES256],
        # Ours: no standard has a place where a recipient says that it has erased what it received.
        "deletion_report_endpoint": services.url(deletions.PATH),
        # Ours too: what people keep is said by the ledger, whose name outlives the address of a server.
        "event_issuer": services.vault.installation.ledger_host,
        "receipt_issuer": services.vault.installation.ledger_host,
        "status_list_aggregation_endpoint": services.url(STATUS),
        "grant_management_endpoint": services.url(GRANTS),
        "grant_management_actions_supported": list(ACTIONS),
        "grant_management_action_required": False,
        "scopes_supported": sorted(Scope),
        "authorization_details_types_supported": [DETAILS_TYPE],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
        "ui_locales_supported": ["en", "zh-CN"],
    }


def _authenticated(endpoint: str) -> dict[str, Any]:
    """How a client authenticates at an endpoint: everywhere in the same one way."""
    return {
        f"{endpoint}_endpoint_auth_methods_supported": ["private_key_jwt"],
        f"{endpoint}_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
    }
