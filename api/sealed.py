"""A server that has started without its root key: until people open it, only health and unseal answer.

`Gate` is what the server runs. Sealed, every request goes to a small app of two routes and a refusal; opened,
to the whole service, whose lifespan lives in a task of its own. Sealing again turns new requests away at once,
lets those under way finish, and then drops the vault with every key it held (vault.md §6.8).
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post, route
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.types import ASGIApp, Method, Receive, Scope, Send

from api.access import Access, access
from api.answers import answer_problem
from api.events import Event, log_event
from api.headers import security_headers
from api.problems import Problem
from api.settings import Settings
from api.unsealing import TooManyTries, Unsealing
from vault.errors import VaultError
from vault.opening import Vault
from vault.providers.base import Provider

_DRAIN_S = 10.0
_BODY_LIMIT = 4_096
_METHODS: list[Method] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

type Opener = Callable[[Provider], AbstractContextManager[Vault]]
type Builder = Callable[[Vault, Callable[[], None]], Litestar]


class _Bring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    share: str | None = None
    passphrase: str | None = None


_decode = msgspec.json.Decoder(_Bring).decode


class Gate:
    """The ASGI application of a server that can be sealed.

    `open_vault(provider)` opens the installation; `build(vault, seal)` makes the service, which calls `seal`
    when an operator asks for it. With `provider` it opens at start-up, without one it waits for people.
    """

    def __init__(
        self,
        settings: Settings,
        unsealing: Unsealing,
        open_vault: Opener,
        build: Builder,
        *,
        provider: Provider | None = None,
    ) -> None:
        self._unsealing = unsealing
        self._open_vault = open_vault
        self._build = build
        self._first = provider
        self._front = _front(settings, self)
        self._inner: Litestar | None = None
        self._under_way = 0
        self.task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._idle = asyncio.Event()
        self._opening = asyncio.Lock()

    @property
    def unsealing(self) -> Unsealing:
        return self._unsealing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # type: ignore[comparison-overlap]  # litestar's type leaves it out
            await self._lifespan(receive, send)
            return
        inner = self._inner
        app: ASGIApp = self._front if inner is None else inner
        if inner is None:
            await app(scope, receive, send)
            return
        self._under_way += 1
        try:
            await app(scope, receive, send)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def open(self, provider: Provider) -> None:
        """Open the installation and let the service answer; raises VaultError and stays sealed."""
        async with self._opening:
            if self._inner is not None:
                return
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._closing = asyncio.Event()
            self.task = asyncio.create_task(self._run(provider, ready, self._closing))
            await ready
            log_event(Event.UNSEALED)

    def seal(self) -> None:
        """Turn new requests away from now on; the rest happens when those under way have finished."""
        self._inner = None
        self._unsealing.forget()
        self._closing.set()

    async def _run(self, provider: Provider, ready: asyncio.Future[None], closing: asyncio.Event) -> None:
        """The open installation, from the first key to the last request."""
        try:
            vaults = self._open_vault(provider)
            vault = await sync_to_thread(vaults.__enter__)
        except Exception as error:  # noqa: BLE001 - whoever brought the key is told
            ready.set_exception(error)
            return
        try:
            app = self._build(vault, self.seal)
            async with app.lifespan():
                self._inner = app
                ready.set_result(None)
                await closing.wait()
                await self._drain()
        finally:
            await sync_to_thread(vaults.__exit__, None, None, None)
            del vault
            gc.collect()  # keys that only cycles still hold
            log_event(Event.SEALED)

    async def _drain(self) -> None:
        self._idle.clear()
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), _DRAIN_S)

    async def _lifespan(self, receive: Receive, send: Any) -> None:
        await receive()
        if self._first is not None:
            try:
                await self.open(self._first)
            except Exception:
                await send({"type": "lifespan.startup.failed", "message": ""})
                raise
            finally:
                self._first = None
        else:
            log_event(Event.SEALED)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._closing.set()
        self._inner = None
        if self.task is not None:
            await self.task
        await send({"type": "lifespan.shutdown.complete"})


def _front(settings: Settings, gate: Gate) -> Litestar:
    """The app of a sealed server."""
    return Litestar(
        route_handlers=[sealed_health, unseal, turned_away, turned_away_root],
        exception_handlers={Exception: answer_problem},
        before_send=[security_headers(secure=settings.secure)],
        request_max_body_size=_BODY_LIMIT,
        state=State({"gate": gate}),
        openapi_config=None,
        logging_config=None,
    )


def _gate(request: Request[Any, Any, Any]) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


@get("/healthz", opt=access(Access.PUBLIC))
async def sealed_health(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """503: sealed, and what is still needed."""
    return Response(_standing(_gate(request)), status_code=503, media_type="application/json")


@post("/v1/unseal", opt=access(Access.PUBLIC))
async def unseal(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Take a share or a passphrase; 200 when the installation is open, 202 while more shares are needed."""
    gate = _gate(request)
    try:
        provider = await sync_to_thread(_bring, gate.unsealing, await request.body())
        if provider is None:
            return Response(_standing(gate), status_code=202, media_type="application/json")
        await gate.open(provider)
    except TooManyTries as refused:
        raise Problem(429, refused.code, headers={"Retry-After": str(refused.wait)}) from None
    except VaultError as refused:
        raise Problem(400, refused.code) from None
    return Response({"status": "ok"}, status_code=200, media_type="application/json")


@route("/{path:path}", http_method=_METHODS, opt=access(Access.PUBLIC))
async def turned_away(path: FromPath[str]) -> None:  # noqa: ARG001 - the framework passes it
    """Everything else."""
    raise Problem(503, "sealed", headers={"Retry-After": "30"})


@route("/", http_method=_METHODS, opt=access(Access.PUBLIC))
async def turned_away_root() -> None:
    """The front page too."""
    raise Problem(503, "sealed", headers={"Retry-After": "30"})


def _bring(unsealing: Unsealing, raw: bytes) -> Provider | None:
    try:
        given = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json") from None
    if (given.share is None) == (given.passphrase is None):
        raise Problem(400, "invalid_input")
    if given.share is not None:
        return unsealing.share(given.share)
    return unsealing.passphrase(given.passphrase or "")


def _standing(gate: Gate) -> dict[str, Any]:
    now = gate.unsealing.standing()
    return {"status": "sealed", "needs": now.needs, "got": now.got, "needed": now.needed}
