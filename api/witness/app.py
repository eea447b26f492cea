"""The witness over HTTP (C2SP tlog-witness): one address to submit to, one for each log to read from.

| request                                       | answer                                                                   |
|-----------------------------------------------|--------------------------------------------------------------------------|
| `POST <prefix>/add-checkpoint`                | 200 with cosignature lines; 400, 403, 404, 409 with the size, 422          |
| `GET <prefix>/<hex SHA-256 origin>/checkpoint` | the checkpoint cosigned last, with its log's and the witness's signatures |

Beyond the specification: 413 and 408 for a body that is too long or too slow, 503 while the clock is behind a
time that was signed already. `sign-subtree`, which it makes optional, is not there. A plain ASGI application:
there is one form of body, no session, no cookie and nothing to render.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.clock import Clock
from api.events import Event, log_event, log_unexpected
from api.witness.logs import LogsFile
from consent.ledger.witnesses import submission
from consent.ledger.witnesses.witness_store import WitnessStore
from consent.ledger.witnesses.witnessing import Cosigner, Refusal, Refused, read

MOST_BYTES: Final = 64 * 1024
"""Sixteen ML-DSA-44 signatures and the longest proof fit."""

_STATUS: Final = {
    Refusal.MALFORMED: 400,
    Refusal.SHRUNK: 400,
    Refusal.UNSIGNED: 403,
    Refusal.UNKNOWN_LOG: 404,
    Refusal.OUTDATED: 409,
    Refusal.INCONSISTENT: 422,
    Refusal.CLOCK: 503,
}
_PLAIN: Final = "text/plain; charset=utf-8"

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = b""
    kind: str = _PLAIN
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessApp:
    """The application; `within_s` is how long a request's body may take to arrive."""

    store: WitnessStore
    cosigners: Sequence[Cosigner]
    logs: LogsFile
    clock: Clock
    prefix: str = ""
    within_s: float = 10.0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request; there is nothing to start or stop, and only HTTP is spoken."""
        if scope["type"] != "http":
            return
        try:
            reply = await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - the edge: told by class and place, answered without either
            log_unexpected(error)
            reply = _Reply(500)
        headers = [
            (b"content-type", reply.kind.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def _answer(self, scope: Message, receive: Receive) -> _Reply:
        method, path = str(scope["method"]), str(scope["path"])
        if not path.startswith(f"{self.prefix}/"):
            return _Reply(404)
        rest = path.removeprefix(self.prefix)
        if rest == submission.ADD:
            return await self._submit(receive) if method == "POST" else _not_allowed(b"POST")
        if method not in {"GET", "HEAD"}:
            return _not_allowed(b"GET, HEAD")
        return await asyncio.to_thread(self._shown, rest)

    async def _submit(self, receive: Receive) -> _Reply:
        try:
            async with asyncio.timeout(self.within_s):
                body = await _body(receive)
        except TimeoutError:
            return _Reply(408, headers=_CLOSE)
        return _Reply(413, headers=_CLOSE) if body is None else await asyncio.to_thread(self._cosign, body)

    def _cosign(self, body: bytes) -> _Reply:
        asked = read(body, self.logs())
        if isinstance(asked, Refused):
            return _refusal(asked)
        answer = self.store.cosign(asked, self.cosigners, self.clock() // 1000)
        if isinstance(answer, bytes):
            return _Reply(200, answer)
        if answer.why is Refusal.INCONSISTENT:
            log_event(Event.INCONSISTENT_CHECKPOINT, where=asked.head.origin)
        return _refusal(answer)

    def _shown(self, rest: str) -> _Reply:
        for origin in self.logs():
            if rest == submission.reading_path(origin):
                note = self.store.newest(origin)
                return _Reply(404) if note is None else _Reply(200, note, headers=_MOMENT)
        return _Reply(404)


_CLOSE: Final = ((b"connection", b"close"),)
"""What is left of such a body is not waited for."""

_MOMENT: Final = ((b"cache-control", b"public, max-age=1"),)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None when it is too long or broke off."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _refusal(refused: Refused) -> _Reply:
    if refused.size is not None:
        return _Reply(_STATUS[refused.why], f"{refused.size}\n".encode(), submission.SIZE_TYPE)
    return _Reply(_STATUS[refused.why], f"{refused.why.value}\n".encode())


def _not_allowed(methods: bytes) -> _Reply:
    return _Reply(405, headers=((b"allow", methods),))
