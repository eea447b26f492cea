"""Token introspection: JSON (RFC 7662), or a signed JWT (RFC 9701) for whoever asks for one by its media type.

A client may ask about its own tokens. About every other token, known or not, it hears `{"active":false}`, after the
same work. Of its own token that has ended JSON also says why; a signed answer is `{"active":false}` alone, as RFC 9701
§5 demands. It never has `sub` or `exp` at its top: nobody shall take it for a token.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread
from litestar.params import RawBody

from api.access import Access, access
from api.forms import parse_form
from api.oauth.clients import Caller, caller
from api.oauth.errors import OAuthRefused, answer_oauth
from api.oauth.status import PATH as STATUS
from api.wiring import Services, services_of
from consent.introspection import Answer, Question, Replayed, Shown
from consent.minting import TOKEN_PREFIX
from consent.signing_keys import Purpose, derived
from vault.errors import MalformedId
from vault.ids import Bucket, Buckets, secret_bucket, secret_hash

PATH: Final = "/introspect"
JWT: Final = "token-introspection+jwt"
_SIGNED: Final = f"application/{JWT}"
_NOT_WANTED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)")
_COPIES: Final = {
    Shown.ASSERTION: (401, "invalid_client", "client.assertion_replayed"),
    Shown.PROOF: (400, "invalid_dpop_proof", "proof.replayed"),
}


@post(PATH, opt=access(Access.CLIENT), status_code=200, exception_handlers={Exception: answer_oauth})
async def introspect_token(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """What one token is worth now."""
    services = services_of(request)
    form = parse_form(body, request.headers.get("content-type", ""))
    who = await sync_to_thread(_asker, services, request, form)
    answer = await services.introspections.submit(_question(services, who, form["token"]))
    if isinstance(answer, Replayed):
        raise OAuthRefused(*_COPIES[answer.what])
    if wants_signed(request.headers.get("accept", "")):
        return Response(_signed(services, who, answer).encode(), media_type=_SIGNED)
    return Response(
        msgspec.json.encode({**_members(services, who, answer), **answer.inactive}),
        media_type="application/json",
    )


def wants_signed(accept: str) -> bool:
    """Whether an Accept header names the media type of RFC 9701 §4; without one, or with a wildcard, it is JSON."""
    for item in accept.lower().split(","):
        media, _, parameters = item.strip().partition(";")
        if media.strip() == _SIGNED:
            return _NOT_WANTED.search(f";{parameters}") is None
    return False


def _asker(services: Services, request: Request[Any, Any, Any], form: Mapping[str, str]) -> Caller:
    who = caller(services, request, form, PATH)
    with who.spent_when_refused(services):
        if not form.get("token"):
            raise OAuthRefused(400, "invalid_request", "introspect.token")
    return who


def _question(services: Services, who: Caller, text: str) -> Question:
    buckets = services.vault.installation.buckets
    return Question(
        client_id=who.client.client_id,
        bucket=_bucket(text, buckets),
        token_hash=secret_hash(text),
        shown=tuple(zip(Shown, who.shown(buckets), strict=False)),  # a proof need not have come
    )


def _bucket(text: str, buckets: Buckets) -> Bucket:
    """Where the token would be; what is no token is looked for all the same, and not found."""
    try:
        return secret_bucket(TOKEN_PREFIX, text)
    except MalformedId:
        return Bucket(buckets.first)


def _members(services: Services, who: Caller, answer: Answer) -> dict[str, Any]:
    if answer.members is None:
        return {"active": False}
    members = {"active": True, "client_id": who.client.client_id, **answer.members}
    if answer.place is not None:
        uri = services.url(f"{STATUS}/{answer.place.number}")
        members["status"] = {"status_list": {"idx": answer.place.idx, "uri": uri}}
    return members


def _signed(services: Services, who: Caller, answer: Answer) -> str:
    """RFC 9701 §5."""
    payload = {
        "iss": services.issuer,
        "aud": who.client.client_id,
        "iat": services.clock() // 1000,
        "token_introspection": _members(services, who, answer),
    }
    return derived(services.vault, Purpose.INTROSPECTION, answer.generation).sign(JWT, payload)
