"""The server process: binds first, so that port 0 works and the address is known before the app is built.

Loopback unless the settings say otherwise. No access log: addresses and request lines are personal data.
Leaves with exit code 0 after SIGTERM or Ctrl-C, having answered what had begun.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn
from litestar import Litestar

from api.app import create_app
from api.clock import system_clock
from api.demo import sandbox
from api.events import Event, log_event
from api.process import ReadyServer, address_of, bind, silence_libraries, stop_once
from api.sealing.memory import keep_memory_private
from api.sealing.opening import local_root, opened_vault, people_needed, provider_of
from api.sealing.sealed import Gate
from api.sealing.unsealing import Unsealing
from api.senders.console import console_senders
from api.setting_texts import SettingsError, is_loopback
from api.settings import Settings
from vault.opening import Vault
from vault.storage.database import Dialect

_BACKLOG = 2048
THREADS: Final = 16
"""For requests. The loop's own number follows the processors, and on a small machine a few that wait for a recipient's
keys would be all of them; more than the data base has connections would only wait there.
"""


def run(settings: Settings, *, sealed: bool = False, demo: bool = False) -> None:
    """Serve until a signal says stop; raises what opening the installation raises.

    It starts sealed, waiting for people, when `sealed` is asked for or the root key needs them. With `demo` it has a
    sandbox (`api.demo.sandbox`), shows sign-in codes on standard error, and serves this machine only.
    """
    if demo and not is_loopback(settings.host):
        raise SettingsError("the demonstration serves this machine only")
    silence_libraries()
    # Whatever the server writes is for its owner only, whoever's umask it was started under.
    os.umask(0o077)
    listening = bind(settings.host, settings.port, _BACKLOG)
    port = listening.getsockname()[1]
    url = address_of(settings.host, port)
    settings = settings if settings.issuer else settings.with_issuer(url)
    stop_once()
    ready: dict[str, object] = {"url": url, "port": port, "pid": os.getpid(), "issuer": settings.issuer}
    keep_memory_private()
    gate = _gate(settings, sealed=sealed, demo=demo)
    server = ReadyServer(
        _config(gate, settings), threads=THREADS, ready_file=settings.ready_file, ready=ready
    )
    try:
        server.run(sockets=[listening])
    except SystemExit:
        # The library's way to say that the start failed; why is told as every failure of a command is.
        if gate.failure is not None:
            raise gate.failure from None
        raise
    if not server.started:
        sys.exit(1)
    log_event(Event.STOPPED)


def _gate(settings: Settings, *, sealed: bool, demo: bool) -> Gate:
    """The service behind its seal; opens at once where the root key can be had without people."""

    def build(vault: Vault, seal: Callable[[], None]) -> Litestar:
        _warn_of_open_folders(settings, vault)
        senders = console_senders() if demo else None
        if demo:
            sandbox.prepare(vault, settings, system_clock())
        return create_app(settings, vault=vault, seal=seal, senders=senders)

    unattended = not sealed and not people_needed(settings)
    return Gate(
        settings,
        Unsealing(local_root(settings)),
        partial(opened_vault, settings),
        build,
        provider=provider_of(settings) if unattended else None,
    )


def _config(app: Gate, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # Guessing is counted by address: behind a proxy everybody would share one without this.
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=settings.proxy or None,
        backlog=_BACKLOG,
        # Beyond it the library itself answers 503, before any of our code spends memory on the request.
        limit_concurrency=settings.connections,
        timeout_graceful_shutdown=10,
    )


def _warn_of_open_folders(settings: Settings, vault: Vault) -> None:
    """Tell how many folders of the installation others may enter; who made them may have had a reason."""
    files = [settings.root_file, settings.passphrase_file, settings.checkpoint_state]
    if vault.data.dialect is Dialect.SQLITE:
        files.append(Path(str(vault.data.engine.url.database)))
    folders = {path.absolute().parent for path in files}
    open_to_others = [folder for folder in folders if folder.is_dir() and folder.stat().st_mode & 0o077]
    if open_to_others:
        log_event(Event.OPEN_FOLDERS, count=len(open_to_others))
