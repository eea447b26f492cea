"""A closed-loop HTTP/1.1 load generator: every connection sends its next request when its answer has arrived.

It runs in a process of its own (`python -m tests.bench.load < plan.json`), so that its work is not counted
as the server's, and reads the server's CPU time itself, right before the first and right after the last
request. All requests are built beforehand. A plan is one JSON object, see `Plan`; the answer is one too.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from tests.bench.meters import cpu_seconds
from tests.bench.proofs import ProofKey, disclosure_request, get_request, introspection_request


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`get`: a path asked for `count` times; otherwise one redemption per entry of `tokens`.

    With `client_id` each token is asked about instead, with an assertion under `client_key`; `accept` in a form.
    """

    host: str
    port: int
    connections: int
    url: str
    get: str = ""
    count: int = 0
    tokens: tuple[str, ...] = ()
    proof_key: str = ""
    path: str = "/v1/disclosures"
    client_id: str = ""
    client_key: str = ""
    accept: str = "application/json"
    server_pid: int = 0
    database_pid: int = 0
    bodies: str = ""


@dataclass(slots=True)
class Outcome:
    """Latencies in seconds, HTTP statuses counted, bodies of the 200s by the request's place in the list.

    `broken` requests were sent and had no complete answer. Written by the loop's thread only; another thread
    may look at it while the load runs.
    """

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: dict[int, bytes] = field(default_factory=dict)
    broken: int = 0
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    def __init__(
        self, feed: Iterator[tuple[int, bytes]], outcome: Outcome, done: asyncio.Future[None]
    ) -> None:
        self._feed, self._outcome, self._done = feed, outcome, done
        self._buffer = b""
        self._sent = 0.0
        self._place = 0
        self._waiting = False
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so this cannot be asked at run time.
        self._transport = cast("asyncio.WriteTransport", transport)

    def send_next(self) -> None:
        assert self._transport is not None
        following = None if self._transport.is_closing() else next(self._feed, None)
        if following is None:
            self._transport.close()
            return
        self._place, request = following
        self._waiting = True
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = split_answer(self._buffer)
        if answer is None:
            return
        status, body, self._buffer = answer
        self._waiting = False
        self._outcome.latencies.append(time.perf_counter() - self._sent)
        self._outcome.statuses[status] += 1
        if status == 200:
            self._outcome.bodies[self._place] = body
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol decides the signature
        self._outcome.broken += self._waiting
        if not self._done.done():
            self._done.set_result(None)


def split_answer(buffer: bytes) -> tuple[int, bytes, bytes] | None:
    """(status, body, rest) of the first complete answer with a Content-Length, or None."""
    head, found, rest = buffer.partition(b"\r\n\r\n")
    if not found:
        return None
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    if len(rest) < length:
        return None
    return int(head[9:12]), rest[:length], rest[length:]


async def drive(
    host: str, port: int, connections: int, requests: Sequence[bytes], outcome: Outcome | None = None
) -> Outcome:
    """Send every request once over `connections` connections; a lost connection is not opened again."""
    if not requests:
        return outcome or Outcome()
    loop = asyncio.get_running_loop()
    outcome, feed = outcome or Outcome(), iter(enumerate(requests))
    opened, endings = [], []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        _, protocol = await loop.create_connection(partial(_Connection, feed, outcome, done), host, port)
        opened.append(protocol)
        endings.append(done)
    started = time.perf_counter()
    for protocol in opened:
        protocol.send_next()
    await asyncio.gather(*endings)
    outcome.seconds = time.perf_counter() - started
    return outcome


def build(plan: Plan) -> list[bytes]:
    """The requests of a plan as they go over the wire; proofs are signed here, before any clock runs."""
    if plan.get:
        return [get_request(plan.url, plan.get)] * plan.count
    if plan.client_id:
        asking = ProofKey.load(plan.client_key)
        return [
            introspection_request(asking, plan.url, plan.client_id, one, plan.accept) for one in plan.tokens
        ]
    key = ProofKey.load(plan.proof_key)
    run_name = secrets.token_hex(4)
    return [
        disclosure_request(key, plan.url, token, f"{run_name}-{at}", path=plan.path)
        for at, token in enumerate(plan.tokens)
    ]


def run(plan: Plan) -> dict[str, object]:
    """Drive the plan and report; latencies in milliseconds, CPU in seconds."""
    requests = build(plan)
    before = _cpu(plan)
    outcome = uvloop.run(drive(plan.host, plan.port, plan.connections, requests))
    after = _cpu(plan)
    if plan.bodies:
        Path(plan.bodies).write_bytes(b"\n".join(outcome.bodies.values()))
    return {
        "requests": len(outcome.latencies),
        "seconds": outcome.seconds,
        "broken": outcome.broken,
        "statuses": {str(status): n for status, n in outcome.statuses.items()},
        "latencies_ms": [round(value * 1000, 3) for value in outcome.latencies],
        "server_cpu": after[0] - before[0],
        "database_cpu": after[1] - before[1],
    }


def _cpu(plan: Plan) -> tuple[float, float]:
    server = cpu_seconds(plan.server_pid) if plan.server_pid else 0.0
    database = cpu_seconds(plan.database_pid, children=True) if plan.database_pid else 0.0
    return server, database


def as_json(plan: Plan) -> str:
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    given["tokens"] = tuple(given["tokens"])
    json.dump(run(Plan(**given)), sys.stdout)
