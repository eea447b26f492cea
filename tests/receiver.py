"""A recipient's own server on this machine, for whatever is sent to it: it keeps all of it, and answers as told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import NamedTuple

from api.outward.fetching import Guard

PATIENCE = 60.0
PATIENT = Guard(hosts=frozenset({"127.0.0.1"}), within_s=PATIENCE)
"""Waits for as long as an answer on this machine may take when it is busy."""


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port of this machine at which nobody listens, and which nobody else can have meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`status` is what it answers; `next` waits for what comes, in the order it came."""

    port: int
    status: int = 202
    came: Queue[Received] = field(default_factory=Queue)

    def uri(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def next(self) -> Received:
        return self.came.get(timeout=PATIENCE)

    def all(self) -> list[Received]:
        """What has come and was not looked at."""
        return [self.came.get_nowait() for _ in range(self.came.qsize())]


@contextmanager
def receiving(status: int = 202) -> Iterator[Receiver]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            shown.came.put(Received(self.path, dict(self.headers), body))
            self.send_response(shown.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        shown = Receiver(server.server_address[1], status)
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            server.shutdown()
            thread.join(PATIENCE)
