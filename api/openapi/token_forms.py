"""The forms of the token endpoint, one for each `grant_type`; which of them are served is `HANDLERS`' to say."""

from collections.abc import Mapping

from api.oauth import backchannel, client_credentials, device
from api.openapi.operation import JSON
from api.openapi.shapes import Schema, listed, members, named, secret_of, text
from consent.grants.management_tokens import Scope

_NARROWED: Schema = {
    "type": "string",
    "contentMediaType": JSON,
    "contentSchema": listed(named("NarrowedDetails"), least=1, most=1),
}
_FEWER = {"authorization_details": _NARROWED}


def _form(kind: str, required: Mapping[str, Schema], optional: Mapping[str, Schema]) -> Schema:
    return members({"grant_type": {"type": "string", "const": kind}, **required}, optional)


TOKEN_FORMS: Mapping[str, Schema] = {
    kind: _form(kind, required, optional)
    for kind, required, optional in (
        (
            "authorization_code",
            {
                "code": secret_of("cod"),
                "redirect_uri": text(least=1),
                "code_verifier": text(least=43, most=128),
            },
            _FEWER,
        ),
        ("refresh_token", {"refresh_token": secret_of("ref")}, _FEWER),
        (
            client_credentials.GRANT_TYPE,
            {},
            {"scope": text(f"^(({'|'.join(Scope)})( ({'|'.join(Scope)}))*)?$")},
        ),
        (device.GRANT_TYPE, {"device_code": secret_of("dvc")}, _FEWER),
        (backchannel.GRANT_TYPE, {"auth_req_id": secret_of("cib")}, _FEWER),
    )
}
