"""Token introspection: JSON (RFC 7662), or a signed JWT (RFC 9701) for whoever asks for one by its media type.

A client may ask about its own tokens. About every other token, known or not, it hears `{"active":false}`, after
the same work. Of its own token that has ended JSON also says why; a signed answer is `{"active":false}` alone,
as RFC 9701 §5 demands. It never has `sub` or `exp` at its top: nobody shall take it for a token.
"""

import re
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.concurrency import sync_to_thread
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth.asking import Asked, Before, Credentials, Told
from api.oauth.clients import proofs_of, renew_keys, unknown
from api.oauth.errors import OAuthRefused, answer_oauth
from api.oauth.status import PATH as STATUS
from api.wiring import Services, services_of
from consent.signing.keys import Purpose, derived

PATH: Final = "/introspect"
JWT: Final = "token-introspection+jwt"
_SIGNED: Final = f"application/{JWT}"
_NOT_WANTED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)")


@post(PATH, opt=access(Access.CLIENT), status_code=200, exception_handlers={Exception: answer_oauth})
async def introspect_token(request: Request[Any, Any, Any], body: RawBody) -> Response[bytes]:
    """What one token is worth now."""
    services = services_of(request)
    form = parse_parameters(body, request.headers.get("content-type", ""))
    told = await _told(services, Credentials(form=form, proofs=proofs_of(request), path=PATH))
    if wants_signed(request.headers.get("accept", "")):
        return Response(_signed(services, told).encode(), media_type=_SIGNED)
    return Response(
        msgspec.json.encode({**_members(services, told), **told.answer.inactive}),
        media_type="application/json",
    )


async def _told(services: Services, credentials: Credentials) -> Told:
    """The answer, asked for a second time where the client's keys had to be fetched first."""
    outcome = await services.introspections.submit(Asked(credentials=credentials))
    if isinstance(outcome, Before):
        await sync_to_thread(renew_keys, services, credentials)
        outcome = await services.introspections.submit(Asked(credentials=credentials, renewed=True))
    if not isinstance(outcome, Told):
        raise outcome if isinstance(outcome, OAuthRefused) else unknown()
    return outcome


def wants_signed(accept: str) -> bool:
    """Whether an Accept header names the media type of RFC 9701 §4; without one, or with a wildcard, it is JSON."""
    for item in accept.lower().split(","):
        media, _, parameters = item.strip().partition(";")
        if media.strip() == _SIGNED:
            return _NOT_WANTED.search(f";{parameters}") is None
    return False


def _members(services: Services, told: Told) -> dict[str, Any]:
    answer = told.answer
    if answer.members is None:
        return {"active": False}
    members = {"active": True, "client_id": told.client.client_id, **answer.members}
    if answer.place is not None:
        uri = services.url(f"{STATUS}/{answer.place.number}")
        members["status"] = {"status_list": {"idx": answer.place.idx, "uri": uri}}
    return members


def _signed(services: Services, told: Told) -> str:
    """RFC 9701 §5."""
    payload = {
        "iss": services.issuer,
        "aud": told.client.client_id,
        "iat": services.clock() // 1000,
        "token_introspection": _members(services, told),
    }
    return derived(services.vault, Purpose.INTROSPECTION, told.answer.generation).sign(JWT, payload)
