"""The entries of what recipients' programs call to be given something: requests, tokens, and what tokens are worth.

Forms may have members that nobody knows (RFC 6749 §3.1); each may stand there once, and none holds a control
character.
"""

from collections.abc import Mapping

from api.oauth.assertion import ASSERTION_TYPE
from api.oauth.request_object import ObjectFault
from api.oauth.token import HANDLERS
from api.openapi.operation import FORM, JSON, Operation, Reply, Words, json_reply
from api.openapi.shapes import (
    JWS,
    THUMBPRINT,
    Schema,
    id_of,
    listed,
    members,
    named,
    secret_of,
    text,
    whole,
    words,
)
from api.openapi.token_forms import TOKEN_FORMS
from consent.asking.ask import LIFETIME_MS, URN
from consent.decoupled.polling import Waiting
from consent.denials import DenialCode
from consent.grants.management_tokens import Scope
from consent.refusals import RefusalCode

AUTHENTICATED: Mapping[str, Schema] = {
    "client_assertion_type": {"type": "string", "const": ASSERTION_TYPE},
    "client_assertion": {**JWS, "maxLength": 4096},
}
"""What every form of a client has: `private_key_jwt` (RFC 7523), whose subject may also be named beside it."""

NAMED: Mapping[str, Schema] = {"client_id": text("^[ -~]+$", least=1, most=200)}
_ASKED: Schema = {
    "type": "string",
    "contentMediaType": JSON,
    "contentSchema": {**listed(named("AskedDetails"), least=1, most=1)},
}
_REQUEST_URI = text(f"^{URN}{secret_of('req')['pattern'].strip('^')}")


def form(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> dict[str, Schema]:
    """A client's form."""
    return {FORM: members({**AUTHENTICATED, **required}, {**NAMED, **(optional or {})})}


def details_refused(*families: str) -> list[str]:
    """The pairs of error and code that the consent floor turns requests down with, by the family of their codes."""
    errors = {"details": "invalid_authorization_details", "client": "unauthorized_client"}
    return [
        f"{errors.get(family, 'invalid_request')} {code}"
        for code in RefusalCode
        for family in [code.partition(".")[0]]
        if family in families
    ] + ["invalid_authorization_details details.malformed_json"]


_TYPED = members(
    {
        "response_type": {"type": "string", "const": "code"},
        "redirect_uri": text(least=1),
        "code_challenge": THUMBPRINT,
        "code_challenge_method": {"type": "string", "const": "S256"},
        "authorization_details": _ASKED,
    },
    {
        "response_mode": {"type": "string", "const": "query"},
        "state": text(most=512),
        "dpop_jkt": THUMBPRINT,
    },
)
_SIGNED = members({"request": {**JWS, "maxLength": 32 * 1024}})
_UNSIGNED = [
    "invalid_request request.nested",
    "invalid_request_object request_object.replayed",
    *(f"invalid_request_object request_object.{fault}" for fault in ObjectFault),
]


def typed_or_signed(typed: Schema) -> dict[str, Schema]:
    """A client's form that asks for something: by its members, or by one request object in their place."""
    return {FORM: members(AUTHENTICATED, NAMED) | {"anyOf": [typed, _SIGNED]}}


PUSH = Operation(
    group="Asking",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=typed_or_signed(_TYPED),
    replies={
        201: json_reply(
            "The request is kept for one showing.",
            members({"request_uri": _REQUEST_URI, "expires_in": whole(1, LIFETIME_MS // 1000)}),
        )
    },
    refusals={
        400: [
            *details_refused("details", "request", "client"),
            "unsupported_response_type request.response_type",
            "invalid_request request.response_mode",
            "invalid_request request.code_challenge_method",
            *_UNSIGNED,
        ]
    },
)

_TOKEN_BODY = members(AUTHENTICATED, NAMED) | {"oneOf": [TOKEN_FORMS[kind] for kind in HANDLERS]}

_WAITS = [f"{one} token.{one}" for one in Waiting]
TOKEN = Operation(
    group="Tokens",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body={FORM: _TOKEN_BODY},
    replies={
        200: Reply(
            says="A token bound to the proof's key (RFC 9449 §5).",
            content={JSON: {"anyOf": [named("UseToken"), named("ManagementToken")]}},
        )
    },
    refusals={
        400: [
            "unsupported_grant_type token.grant_type",
            "invalid_scope token.scope",
            "invalid_authorization_details token.authorization_details",
            *(f"invalid_grant token.{one}" for one in ("code", "refresh", "device_code", "auth_req_id")),
            "invalid_dpop_proof proof.missing",
            *_WAITS,
            *details_refused("details"),
        ]
    },
)

_POLLED = {"expires_in": whole(1, 300), "interval": whole(1)}

DEVICE = Operation(
    group="Asking",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=typed_or_signed(members({"authorization_details": _ASKED})),
    replies={
        200: json_reply(
            "A code to poll with and a code to show (RFC 8628 §3.2).",
            members(
                {
                    "device_code": secret_of("dvc"),
                    "user_code": text("^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$"),
                    "verification_uri": text(least=1),
                    **_POLLED,
                }
            ),
        )
    },
    refusals={400: [*details_refused("details", "client"), *_UNSIGNED]},
)

BACKCHANNEL = Operation(
    group="Asking",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=typed_or_signed(
        members(
            {
                "authorization_details": _ASKED,
                "login_hint": text(least=1, most=200),
                "binding_message": text("^[0-9]{2}$"),
            },
            {
                "requested_expiry": text("^0*[1-9][0-9]*$", most=9),
                "client_notification_token": text("^[A-Za-z0-9._~+/-]+=*$", most=1024),
            },
        )
    ),
    replies={
        200: json_reply(
            "An id to poll with (CIBA §7.3).", members({"auth_req_id": secret_of("cib"), **_POLLED})
        )
    },
    refusals={
        400: [
            *details_refused("details", "client"),
            *_UNSIGNED,
            "invalid_binding_message request.binding_message",
            "invalid_request request.client_notification_token",
            "invalid_request request.login_hint",
            "invalid_request request.login_hint_token",
            "invalid_request request.id_token_hint",
            "invalid_request request.user_code",
            "invalid_request request.requested_expiry",
        ],
        429: ["temporarily_unavailable request.too_many_open"],
    },
)

_WORTH = ("LivingToken", "LivingRefreshToken", "LivingManagementToken", "EndedToken")

INTROSPECT = Operation(
    group="Tokens",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=form({"token": text(least=1)}),
    replies={
        200: Reply(
            says="What the token is worth now; signed (RFC 9701) for whoever accepts that media type.",
            content={
                JSON: {"anyOf": [named(one) for one in _WORTH]},
                "application/token-introspection+jwt": JWS,
            },
        )
    },
    refusals={400: ["invalid_request introspect.token"]},
)

REVOKE = Operation(
    group="Tokens",
    words=Words.OAUTH,
    parameters=["DPoP-if-any"],
    body=form({"token": text(least=1)}),
    replies={200: Reply(says="The token is worth nothing, whatever it was worth before (RFC 7009 §2.2).")},
    refusals={400: ["invalid_request revoke.token"]},
)

_USE = members({"n": whole(0), "of": whole(1)})
SCHEMAS: Mapping[str, Schema] = {
    "UseToken": members(
        {
            "access_token": secret_of("cut"),
            "token_type": {"const": "DPoP"},
            "expires_in": whole(0, 120),
            "grant_id": id_of("gr"),
            "authorization_details": listed(named("GrantedDetails"), least=1, most=1),
        },
        {"refresh_token": secret_of("ref")},
    ),
    "ManagementToken": members(
        {
            "access_token": secret_of("gmt"),
            "token_type": {"const": "DPoP"},
            "expires_in": whole(0),
            "scope": text(f"^({'|'.join(Scope)})( ({'|'.join(Scope)}))*$"),
        }
    ),
    "LivingToken": members(
        {
            "active": {"const": True},
            "client_id": text(least=1),
            "token_type": {"const": "DPoP"},
            "sub": text("^pairwise:[A-Za-z0-9_-]{43}$"),
            "iat": whole(0),
            "exp": whole(0),
            "cnf": members({"jkt": THUMBPRINT}),
            "authorization_details": listed(named("GrantedDetails"), least=1, most=1),
            "grant_id": id_of("gr"),
            "use": _USE,
        },
        {"status": members({"status_list": members({"idx": whole(0), "uri": text(least=1)})})},
    ),
    "LivingRefreshToken": members(
        {
            "active": {"const": True},
            "client_id": text(least=1),
            "sub": text("^pairwise:[A-Za-z0-9_-]{43}$"),
            "iat": whole(0),
            "exp": whole(0),
            "cnf": members({"jkt": THUMBPRINT}),
            "authorization_details": listed(named("GrantedDetails"), least=1, most=1),
            "grant_id": id_of("gr"),
            "use": _USE,
        }
    ),
    "LivingManagementToken": members(
        {
            "active": {"const": True},
            "client_id": text(least=1),
            "token_type": {"const": "DPoP"},
            "scope": text(least=1),
            "iat": whole(0),
            "exp": whole(0),
            "cnf": members({"jkt": THUMBPRINT}),
        }
    ),
    "EndedToken": members(
        {"active": {"const": False}},
        {"reason": words(DenialCode), "grant_id": id_of("gr"), "use": _USE},
    ),
}

TABLE: Mapping[str, Operation] = {
    "POST /par": PUSH,
    "POST /token": TOKEN,
    "POST /device_authorization": DEVICE,
    "POST /bc-authorize": BACKCHANNEL,
    "POST /introspect": INTROSPECT,
    "POST /revoke": REVOKE,
}
