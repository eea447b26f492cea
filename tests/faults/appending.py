"""A process that appends from four threads and signs from a fifth, until it is killed or its data base is.

Whatever is acknowledged is told through a pipe, after the commit: the ids of one list of entries in one message.
"""

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from consent.ledger.append import append
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.consent.ledger.kit import HOST, NOW, an_item
from vault.storage.database import open_database

SIGNER = Signer(HOST, bytes(32))
WRITERS = 4
PEOPLE = 7
PATIENCE = 60.0
BROKEN = 3


@dataclass(slots=True)
class Appending:
    """The process, and the ids that it has acknowledged."""

    process: BaseProcess
    told: Connection
    acknowledged: list[bytes] = field(default_factory=list)

    def listen(self, seconds: float) -> None:
        """Hear what is acknowledged from the first list on, for so many seconds more."""
        assert self.told.poll(PATIENCE), "nothing is appended"
        end = time.monotonic() + seconds
        while self.told.poll(max(0.0, end - time.monotonic())) and self._hear():
            pass

    def end(self) -> int:
        """Hear the rest from a process that is about to be gone; its exit code."""
        while self.told.poll(PATIENCE) and self._hear():
            pass
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, "the process hangs"
        return self.process.exitcode

    def _hear(self) -> bool:
        try:
            message = self.told.recv_bytes()
        except (EOFError, ConnectionResetError):  # it died, perhaps in the middle of a message
            return False
        self.acknowledged += [message[at : at + 16] for at in range(0, len(message), 16)]
        return True


@contextmanager
def appending(url: str, memory: Path, seed: int) -> Iterator[Appending]:
    """Start it; when the block ends it is gone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.appending"])
    told, mouth = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(url, str(memory), seed, mouth))
    process.start()
    mouth.close()
    try:
        yield Appending(process, told)
    finally:
        process.kill()
        process.join()
        told.close()


def _run(url: str, memory: str, seed: int, mouth: Connection) -> None:
    data, turn = open_database(url), threading.Lock()

    def write(number: int) -> None:
        dice = random.Random(f"{seed}-{number}")
        while True:
            items = [an_item(dice, tag=dice.randrange(PEOPLE)) for _ in range(dice.randint(1, 40))]
            with data.write() as conn:
                append(conn, items, NOW, HOST)
            with turn:
                mouth.send_bytes(b"".join(item.id for item in items))

    def sign() -> None:
        while True:
            publish(data, SIGNER, NOW, memory=Memory(Path(memory)))

    def until_broken(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            os._exit(BROKEN)

    works = [sign, *(lambda number=number: write(number) for number in range(WRITERS))]
    threads = [threading.Thread(target=until_broken, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
