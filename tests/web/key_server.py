"""A recipient's own server with its key set, on this machine: what it answers is set by the test."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class KeyServer:
    """`keys` are published at `uri`; `asked` counts, `came` is set by the first; while `hold` is set, an answer
    waits for `go`."""

    port: int
    keys: list[Any]
    status: int = 200
    kind: str = "application/jwk-set+json"
    raw: bytes | None = None
    asked: int = 0
    came: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)
    hold: bool = False

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks"

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


@contextmanager
def key_server(*keys):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            shown.asked += 1
            shown.came.set()
            if shown.hold:
                shown.go.wait(60)
            body = shown.body()
            self.send_response(shown.status)
            self.send_header("Content-Type", shown.kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        shown = KeyServer(server.server_address[1], list(keys))
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            shown.go.set()
            server.shutdown()
            thread.join(30)
