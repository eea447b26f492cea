"""A process in which one chosen system call fails, or in which it dies at that call: strace puts the fault in.

Appending, signing and exporting each run in a process of their own, forked from one that has loaded the
program; strace is attached when everything is ready, so that only the work itself is counted. A fault at a call
means: the kernel does nothing and answers with an error, or the process is killed before the kernel does
anything.
"""

import multiprocessing
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from consent.ledger.append import append
from consent.ledger.exports.export import export
from consent.ledger.formats.policy import NO_WITNESSES
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.consent.ledger.kit import HOST, NOW, an_item
from vault.storage.database import Database, open_database

SIGNER = Signer(HOST, bytes(32))
BEFORE = 200
MORE = 300
"""So many more entries that a tile becomes full."""

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "renameat", "renameat2")
REFUSED = 3
PATIENCE = 60.0
_CALL = re.compile(r"^(\w+)\(", re.MULTILINE)


class NoStrace(Exception):
    """Says why faults cannot be put in on this machine."""


@dataclass(frozen=True, slots=True)
class Struck:
    """How it ended: exit code (0: it said that it was done), the calls it made, and whether the fault was met."""

    code: int
    calls: Mapping[str, int]
    met: bool


def opened(place: Path) -> Database:
    """The data base of a ledger that lies in the folder `place`."""
    return open_database(f"sqlite:///{place}/data.sqlite")


def append_more(place: Path) -> None:
    """Append the same 300 entries whenever it is called."""
    dice = random.Random(9)
    items = [an_item(dice, tag=dice.randrange(5)) for _ in range(MORE)]
    with _open(place) as data, data.write() as conn:
        append(conn, items, NOW, HOST)


def publish_more(place: Path) -> None:
    """Sign what there is, and remember it beside the data base."""
    with _open(place) as data:
        publish(data, SIGNER, NOW, memory=Memory(place / "heads"))


def export_more(place: Path) -> None:
    """Write the logs as files."""
    with _open(place) as data:
        for _ in export(data, SIGNER, place / "out", NO_WITNESSES, NOW, entries=True):
            pass


WORKS: Mapping[str, Callable[[Path], None]] = {
    "append": append_more,
    "publish": publish_more,
    "export": export_more,
}


@contextmanager
def _open(place: Path) -> Iterator[Database]:
    data = opened(place)
    try:
        yield data
    finally:
        data.close()


def strike(work: str, place: Path, fault: str = "", call: str = "", number: int = 0) -> Struck:
    """Do the work in `place` in a process in which call `call` number `number` meets `fault`; raises NoStrace.

    `fault` is in strace's words: `error=EIO`, `signal=KILL`. Without one nothing is put in.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.syscalls"])
    gate, end = context.Pipe()
    child = context.Process(target=_work, args=(work, str(place), end))
    child.start()
    end.close()
    try:
        assert gate.poll(PATIENCE), "the process does not begin"
        gate.recv()
        with _traced(child.pid or 0, fault, call, number, place.with_suffix(".trace")) as trace:
            gate.send("go")
            child.join(PATIENCE)
        assert child.exitcode is not None, "the process hangs"
        said = trace.read_text()
        return Struck(child.exitcode, Counter(_CALL.findall(said)), "(INJECTED)" in said or "SIGKILL" in said)
    finally:
        child.kill()
        child.join()
        child.close()
        gate.close()


@contextmanager
def _traced(pid: int, fault: str, call: str, number: int, trace: Path) -> Iterator[Path]:
    named = ",".join(f"?{one}" for one in CALLS)
    injected = [f"--inject={call}:{fault}:when={number}"] if fault else []
    try:
        strace = subprocess.Popen(
            ["strace", "-p", str(pid), "-o", str(trace), f"--trace={named}", *injected],
            stderr=subprocess.PIPE,
            text=True,
        )
    except FileNotFoundError as error:
        raise NoStrace("strace is not installed") from error
    with strace:
        assert strace.stderr is not None
        told = strace.stderr.readline()
        if "attached" not in told:
            raise NoStrace(f"strace may not look at processes here: {told.strip()}")
        yield trace


def _work(work: str, place: str, gate: Connection) -> None:
    gate.send("ready")
    gate.recv()
    try:
        WORKS[work](Path(place))
    except Exception:
        os._exit(REFUSED)
    os._exit(0)
