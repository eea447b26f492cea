"""What every serving process of ours does alike: bind, be quiet about requests, leave in order, tell where it is."""

import asyncio
import gc
import json
import logging
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import uvicorn

from api.events import Event, log_event, log_unexpected


def bind(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=backlog)


def address_of(host: str, port: int) -> str:
    """The address under which a bound host and port are reached from this machine."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def silence_libraries() -> None:
    """Send every library's log to the careful handler and nowhere else."""
    logging.basicConfig(handlers=[_CarefulLog()], level=logging.ERROR, force=True)


def stop_once() -> None:
    """Leave with exit code 0 after an orderly end: uvicorn repeats the signal when nothing is left to interrupt."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)


class ReadyServer(uvicorn.Server):
    """uvicorn's server with so many `threads` for requests, which says where it is (`ready`) once it answers."""

    def __init__(
        self, config: uvicorn.Config, *, threads: int, ready_file: Path | None, ready: Mapping[str, object]
    ) -> None:
        super().__init__(config)
        self._threads, self._ready_file, self._ready = threads, ready_file, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, with threads of our own number: the loop's follows the processors."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(self._threads, "request"))
        await super().startup(sockets)
        if self.started:
            settle_memory()
            log_event(Event.STARTED)
            if self._ready_file:
                _write_whole(self._ready_file, json.dumps(self._ready))


def settle_memory() -> None:
    """Drop what only cycles hold, and have later collections pass over what is left.

    What a server has when it begins it has until it ends, and looking through all of it again takes a tenth of a second
    in which nobody is answered.
    """
    drop_cycles()
    gc.freeze()


def drop_cycles() -> None:
    """Drop what only cycles hold, what was settled included: a key may be among it."""
    gc.unfreeze()
    gc.collect()


def _write_whole(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")  # a reader never sees half of it
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


class _CarefulLog(logging.Handler):
    """What a server library would print with message and traceback, by class and place only."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            log_unexpected(record.exc_info[1])


def _already_stopping(_number: int, _frame: FrameType | None) -> None:
    """The process is on its way out."""
