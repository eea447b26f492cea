"""Two real servers of one installation behind one address, as behind a proxy, and crowds that come to both at once."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.parse import urlencode, urlsplit

import pytest

from tests.backends import Backend, memory_folder
from tests.bench.load import Outcome, drive
from tests.faults.live import Live, installation
from tests.sites import lasting_bare_backend
from vault.opening import Vault

ISSUER = "http://127.0.0.1:9"
"""What both say of themselves; nobody ever connects to it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two running servers, and their installation opened by this process too."""

    servers: tuple[Live, Live]
    vault: Vault

    def send(self, requests: Sequence[bytes]) -> tuple[Counter[int], list[bytes]]:
        """Every request over a connection of its own, by turns to either server: statuses, and bodies of the 200s."""
        outcomes = asyncio.run(self._drive([requests[0::2], requests[1::2]]))
        assert not any(one.broken for one in outcomes)
        return (
            sum((one.statuses for one in outcomes), Counter()),
            [body for one in outcomes for body in one.bodies.values()],
        )

    async def _drive(self, halves: Sequence[Sequence[bytes]]) -> list[Outcome]:
        sent = []
        for live, half in zip(self.servers, halves, strict=True):
            where = urlsplit(live.url)
            assert where.hostname is not None
            assert where.port is not None
            sent.append(drive(where.hostname, where.port, len(half), half))
        return await asyncio.gather(*sent)


class Pairs:
    """As many slow pairs as a test wants at once, each on data bases of its own; they stay for the tests that follow."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._stack = ExitStack()
        self._made: list[Pair] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def first(self, count: int) -> Sequence[Pair]:
        """The first `count` of them; starts those that are missing."""
        while len(self._made) < count:
            backend = self._stack.enter_context(lasting_bare_backend(self._request))
            # Nothing here judges a disk.
            folder = self._stack.enter_context(TemporaryDirectory(prefix="pair-", dir=memory_folder()))
            self._made.append(self._stack.enter_context(pair(Path(folder, "home"), backend, slow=True)))
        return self._made[:count]


@contextmanager
def pair(home: Path, backend: Backend, *, slow: bool) -> Iterator[Pair]:
    """Start both; with `slow`, every statement of theirs waits 1 to 3 ms first. Both leave in good order."""
    with installation(home, backend) as (one, vault):
        two = Live(home)
        for seed, live in enumerate((one, two)):
            live.options = ("--issuer", ISSUER)
            if slow:
                live.program = ("-m", "tests.races.slow_server", str(seed))
            live.start()
        try:
            yield Pair((one, two), vault)
        finally:
            left = [live.stop() for live in (two, one)]
        assert left == [0, 0]


def form_request(path: str, form: Mapping[str, str], *, dpop: str = "") -> bytes:
    """`POST` of a form, ready for the socket."""
    body = urlencode(form)
    proof = f"dpop: {dpop}\r\n" if dpop else ""
    return (
        f"POST {path} HTTP/1.1\r\nhost: {urlsplit(ISSUER).netloc}\r\n{proof}"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()
