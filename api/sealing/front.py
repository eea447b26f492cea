"""What answers while the service is sealed: health, unseal, and a refusal for everything else.

The root key is brought here in the body of a request and nowhere else; answers say how many shares are there,
never which.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from litestar import Litestar, Request, Response, post, route
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.types import Method

from api.edge.access import Access, access
from api.edge.answers import answer_problem
from api.edge.headers import security_headers
from api.edge.problems import Problem
from api.sealing.unsealing import Standing, TooManyTries, Unsealing
from vault.errors import VaultError
from vault.providers.base import Provider

HEALTH, UNSEAL = "/healthz", "/v1/unseal"

_BODY_LIMIT = 4_096
_METHODS: list[Method] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Sealable(Protocol):
    """What the routes ask of the gate."""

    def standing(self) -> Standing: ...

    async def bring(self, take: Callable[[Unsealing], Provider | None]) -> bool: ...


class _Bring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: str | None = None
    passphrase: str | None = None


_decode = msgspec.json.Decoder(_Bring).decode


def front(gate: Sealable, *, secure: bool) -> Litestar:
    """The app of a sealed server."""
    return Litestar(
        route_handlers=[sealed_health, unseal, *_REFUSALS],
        exception_handlers={Exception: answer_problem},
        before_send=[security_headers(secure=secure)],
        request_max_body_size=_BODY_LIMIT,
        state=State({"gate": gate}),
        openapi_config=None,
        logging_config=None,
    )


def _gate(request: Request[Any, Any, Any]) -> Sealable:
    gate: Sealable = request.app.state.gate
    return gate


@route(HEALTH, http_method=["GET", "HEAD"], opt=access(Access.PUBLIC))
async def sealed_health(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """503: sealed, and what is still needed."""
    return Response(
        await sync_to_thread(_standing, _gate(request)), status_code=503, media_type="application/json"
    )


@post(UNSEAL, opt=access(Access.PUBLIC))
async def unseal(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Take a share or a passphrase; 200 when the installation is open, 202 while more shares are needed."""
    gate, given = _gate(request), _given(await request.body())
    try:
        opened = await gate.bring(lambda unsealing: _bring(unsealing, given))
    except TooManyTries as refused:
        raise Problem(429, refused.code, headers={"Retry-After": str(refused.wait)}) from None
    except VaultError as refused:
        raise Problem(400, refused.code) from None
    if opened:
        return Response({"status": "ok"}, status_code=200, media_type="application/json")
    return Response(await sync_to_thread(_standing, gate), status_code=202, media_type="application/json")


async def _turned_away() -> None:
    """Everything else."""
    raise Problem(503, "sealed", headers={"Retry-After": "30"})


async def _turned_away_anywhere(path: FromPath[str]) -> None:  # noqa: ARG001 - the framework passes it
    """Everything else."""
    await _turned_away()


def _others(*answered: Method) -> list[Method]:
    """The methods left over; OPTIONS is answered by the framework where a path is known."""
    return [method for method in _METHODS if method not in {*answered, "OPTIONS"}]


_REFUSALS = [
    route("/", http_method=_METHODS, opt=access(Access.PUBLIC))(_turned_away),
    route(HEALTH, http_method=_others("GET", "HEAD"), opt=access(Access.PUBLIC))(_turned_away),
    route(UNSEAL, http_method=_others("POST"), opt=access(Access.PUBLIC))(_turned_away),
    route("/{path:path}", http_method=_METHODS, opt=access(Access.PUBLIC))(_turned_away_anywhere),
]


def _given(raw: bytes) -> _Bring:
    try:
        given = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json") from None
    if (given.share is None) == (given.passphrase is None):
        raise Problem(400, "invalid_input")
    return given


def _bring(unsealing: Unsealing, given: _Bring) -> Provider | None:
    if given.share is not None:
        return unsealing.share(given.share)
    return unsealing.passphrase(given.passphrase or "")


def _standing(gate: Sealable) -> dict[str, Any]:
    now = gate.standing()
    return {"status": "sealed", "needs": now.needs, "got": now.got, "needed": now.needed}
