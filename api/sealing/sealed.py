"""A server that can be sealed: until people bring its root key, only health and unseal answer.

`Gate` is what the server runs. Sealed, every request goes to a small app (`api.sealing.front`); opened, to the whole
service, whose lifespan lives in a task of its own. Sealing again turns new requests away at once, lets those
under way finish, and then drops the vault with every key it held (vault.md §6.8). Unsealing answers at any
time: an open server takes a changed root key that way, without a pause.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from litestar import Litestar
from litestar.concurrency import sync_to_thread
from litestar.types import Receive, Scope, Send

from api.events import Event, log_event, log_unexpected
from api.process import drop_cycles
from api.sealing.front import UNSEAL, front
from api.sealing.unsealing import Standing, Unsealing
from api.settings import Settings
from vault.opening import Vault
from vault.providers.base import Provider

_DRAIN_S = 10.0

type Opener = Callable[[Provider], AbstractContextManager[Vault]]
type Builder = Callable[[Vault, Callable[[], None]], Litestar]


class _Opening:
    """One opening of the vault: its service as long as that takes requests, and how many are under way in it."""

    def __init__(self) -> None:
        self.app: Litestar | None = None
        self.vault: Vault | None = None
        self.closing = asyncio.Event()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request for as long as the block runs."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def close(self) -> None:
        """Take no more requests; whoever runs the service then ends it."""
        self.app = None
        self.closing.set()

    async def drained(self) -> None:
        """Wait for the requests under way, within bounds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _DRAIN_S)


class Gate:
    """The ASGI application of a server that can be sealed.

    `open_vault(provider)` opens the installation; `build(vault, seal)` makes the service, which calls `seal`
    when an operator asks for it. With `provider` it opens at start-up, without one it waits for people. `failure`
    is what kept it from opening at start-up.
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
        self.failure: Exception | None = None
        self._unsealing = unsealing
        self._open_vault = open_vault
        self._build = build
        self._first = provider
        self._front = front(self, secure=settings.secure)
        self._now: _Opening | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":  # type: ignore[comparison-overlap]  # litestar's type leaves it out
            await self._lifespan(receive, send)
            return
        now = self._now
        app = now.app if now else None
        if now is None or app is None or scope["path"] == UNSEAL:
            await self._front(scope, receive, send)
            return
        with now.request():
            await app(scope, receive, send)

    @property
    def is_open(self) -> bool:
        """Whether the service answers."""
        return self._now is not None and self._now.app is not None

    def standing(self) -> Standing:
        """What is still missing; blocks while somebody's passphrase is tried."""
        return self._unsealing.standing()

    async def bring(self, take: Callable[[Unsealing], Provider | None]) -> bool:
        """Hand over what `take` takes; True when the service is open with it. Raises VaultError, then as before.

        One at a time: of two people who bring the last share at once, the second finds the server open.
        """
        sealed = not self.is_open
        async with self._turn:
            if sealed and self.is_open:
                return True
            provider = await sync_to_thread(take, self._unsealing)
            if provider is not None:
                await self._use(provider)
            return provider is not None

    def seal(self) -> None:
        """Turn new requests away from now on; the rest happens when those under way have finished."""
        if self._now is not None:
            self._now.close()
        self._unsealing.forget()

    async def sealed(self) -> None:
        """Wait until the last opening is put away, with every key it held."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _use(self, provider: Provider) -> None:
        now = self._now
        if now is not None and now.app is not None and now.vault is not None:
            await sync_to_thread(now.vault.keyring.adopt, provider)
            return
        await self.sealed()
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._now = _Opening()
        self._task = asyncio.create_task(self._run(provider, ready, self._now))
        await asyncio.wait({ready})  # unlike awaiting it, this leaves it alone when the caller is gone
        ready.result()
        log_event(Event.UNSEALED)

    async def _run(self, provider: Provider, ready: asyncio.Future[None], now: _Opening) -> None:
        """An opening from the first key to the last; whoever brought the key is told why there was none."""
        try:
            await self._serve(provider, ready, now)
        except Exception as error:  # noqa: BLE001 - nobody else waits for this task
            if ready.done():
                log_unexpected(error)
            else:
                ready.set_exception(error)
                return
        finally:
            now.close()
            now.vault = None
            del provider
            drop_cycles()  # keys that only cycles still hold
        log_event(Event.SEALED)

    async def _serve(self, provider: Provider, ready: asyncio.Future[None], now: _Opening) -> None:
        vaults = self._open_vault(provider)
        vault = await sync_to_thread(vaults.__enter__)
        try:
            app = self._build(vault, self.seal)
            async with app.lifespan():
                if not now.closing.is_set():
                    now.vault, now.app = vault, app
                ready.set_result(None)
                await now.closing.wait()
                await now.drained()
        finally:
            await sync_to_thread(vaults.__exit__, None, None, None)

    async def _lifespan(self, receive: Receive, send: Any) -> None:
        await receive()
        first, self._first = self._first, None
        try:
            if first is not None:
                await self._use(first)
            else:
                log_event(Event.SEALED)
        except Exception as error:  # noqa: BLE001 - `api.serve` raises it again
            self.failure = error
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.seal()
        await self.sealed()
        await send({"type": "lifespan.shutdown.complete"})
