"""A foreign log and a foreign witness, small enough to lie in every way."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import Note, VerifierKey
from consent.ledger.formats.tiles import perfect_root
from consent.ledger.tree import EMPTY, consistency_path, leaf_hash
from consent.ledger.witnesses.submission import Submission
from vault.signing import signatures

ORIGIN = "log.example/2026"
ROOT = Path(__file__).parents[2]


@dataclass
class ForeignLog:
    """A log over the entries `0`, `1`, `2` ...; another `fork` has other entries from `forked_at` on."""

    origin: str = ORIGIN
    key_of: str = ""
    fork: str = ""
    forked_at: int = 0
    leaves: list[bytes] = field(default_factory=list)

    @property
    def seed(self) -> bytes:
        """Every origin has a key of its own; `key_of` names another's."""
        return hashlib.sha256((self.key_of or self.origin).encode()).digest()

    @property
    def key(self) -> VerifierKey:
        return VerifierKey(self.origin, signatures.public_key(self.seed))

    def _leaf(self, index: int) -> bytes:
        while len(self.leaves) <= index:
            at = len(self.leaves)
            self.leaves.append(leaf_hash(f"{at}{self.fork if at >= self.forked_at else ''}".encode()))
        return self.leaves[index]

    def hash_at(self, level: int, index: int) -> bytes:
        return perfect_root([self._leaf(at) for at in range(index << level, (index + 1) << level)])

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, EMPTY.extend([self._leaf(at) for at in range(size)]).root())

    def signed(self, size: int, *, extension: str = "") -> bytes:
        return bytes(note.sign(self.head(size).text + extension, self.origin, self.seed))

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        return tuple(consistency_path(self.hash_at, old, size)) if 0 < old <= size else ()

    def submission(self, old: int, size: int, *, extension: str = "") -> bytes:
        return bytes(Submission(old, self.proof(old, size), self.signed(size, extension=extension)))


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    body: bytes


@dataclass
class Running:
    """A witness's own process, spoken to over one kept connection."""

    process: subprocess.Popen[bytes]
    url: str

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        with closing(self.connection()) as talk:
            return exchange(talk, method, path, body)

    def connection(self) -> http.client.HTTPConnection:
        return connection(self.url)

    def add(self, body: bytes) -> Answer:
        return submit(self.url, body)

    def shown(self, origin: str = ORIGIN) -> Answer:
        return self.ask("GET", f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint")


def connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def submit(url: str, body: bytes) -> Answer:
    with closing(connection(url)) as talk:
        return exchange(talk, "POST", "/add-checkpoint", body)


def exchange(talk: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> Answer:
    talk.request(method, path, body=body)
    answer = talk.getresponse()
    return Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    """`perusal witness serve` on the folder, until the block ends."""
    ready = folder / f"ready-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "api", "witness", "serve", "--dir", str(folder), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--ready-file", str(ready), *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        yield Running(process, _url(ready, process))
    finally:
        process.terminate()
        process.wait(30)
        assert process.stderr is not None
        process.stderr.close()


def _url(ready: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        if ready.exists():
            return json.loads(ready.read_text())["url"]
        Event().wait(0.02)
    process.kill()
    raise AssertionError(f"the witness did not start: {process.communicate()[1][-500:]!r}")


@dataclass
class Liar:
    """A witness that answers what the test says; `asked` holds what it was sent."""

    port: int = 0
    status: int = 200
    kind: str = "text/plain"
    body: bytes = b""
    shows: bytes | None = None
    asked: list[bytes] = field(default_factory=list)
    came: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)
    slow: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def lying() -> Iterator[Liar]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            liar.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            liar.came.set()
            if liar.slow:
                liar.go.wait(60)
            self._say(liar.status, liar.kind, liar.body)

        def do_GET(self):
            shows = liar.shows
            self._say(200 if shows is not None else 404, "text/plain", shows or b"")

        def _say(self, status: int, kind: str, body: bytes):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    liar = Liar()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        liar.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield liar
        finally:
            liar.go.set()
            server.shutdown()
            thread.join(30)


def cosigned_by(answer: bytes, text: str) -> Note:
    """The note that an answer makes of a checkpoint's text."""
    return note.parse(text.encode() + b"\n" + answer)
