"""The witness's process: refuses an older record, binds, tells where it is, and answers until a signal says stop."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from api.clock import system_clock
from api.events import Event, log_event
from api.process import ReadyServer, address_of, bind, silence_libraries, stop_once
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
        port = listening.getsockname()[1]
        ready = {"url": address_of(at.host, port) + at.prefix, "port": port, "pid": os.getpid()}
        server = ReadyServer(_config(app), threads=_THREADS, ready_file=at.ready_file, ready=ready)
        server.run(sockets=[listening])
    log_event(Event.STOPPED)


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
