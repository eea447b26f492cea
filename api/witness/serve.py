"""The witness's process: refuses an older record, binds, tells where it is, and answers until a signal says stop."""

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from api.clock import system_clock
from api.events import Event, log_event
from api.process import address_of, bind, silence_libraries, stop_once, write_ready
from api.witness.app import WitnessApp
from api.witness.home import WitnessHome
from api.witness.logs import LogsFile

_BACKLOG: Final = 512
_CONNECTIONS: Final = 512
_THREADS: Final = 8
"""Submissions wait for each other at the record; further threads would only wait with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where the witness answers; `prefix` stands before every path, `ready_file` is written once it does."""

    host: str = "127.0.0.1"
    port: int = 0
    prefix: str = ""
    ready_file: Path | None = None


def run(home: WitnessHome, at: Listening) -> None:
    """Serve; raises NoWitness, ExposedSecret, Malformed, OSError, or LedgerAlarm for a record that was rolled back."""
    silence_libraries()
    cosigners, logs = home.cosigners(), LogsFile(home.logs_file)
    with home.opened() as store:
        store.refuse_older()
        app = WitnessApp(store=store, cosigners=cosigners, logs=logs, clock=system_clock, prefix=at.prefix)
        listening = bind(at.host, at.port, _BACKLOG)
        stop_once()
        _Server(_config(app), at, listening.getsockname()[1]).run(sockets=[listening])
    log_event(Event.STOPPED)


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the ready file once requests are answered."""

    def __init__(self, config: uvicorn.Config, at: Listening, port: int) -> None:
        super().__init__(config)
        self._at, self._port = at, port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "witness"))
        await super().startup(sockets)
        log_event(Event.STARTED)
        if self._at.ready_file:
            url = address_of(self._at.host, self._port) + self._at.prefix
            write_ready(self._at.ready_file, {"url": url, "port": self._port, "pid": os.getpid()})


def _config(app: WitnessApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
    )
