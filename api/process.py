"""What every serving process of ours does alike: bind, be quiet about requests, leave in order, tell where it is."""

import json
import logging
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from api.events import log_unexpected


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


def write_ready(path: Path, facts: Mapping[str, object]) -> None:
    """Write a ready file so that a reader never sees half of it."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(facts), encoding="utf-8")
    fresh.replace(path)


class _CarefulLog(logging.Handler):
    """What a server library would print with message and traceback, by class and place only."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            log_unexpected(record.exc_info[1])


def _already_stopping(_number: int, _frame: FrameType | None) -> None:
    """The process is on its way out."""
