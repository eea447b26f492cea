"""Killing a whole PostgreSQL server as a crash would, and starting it again on the same files."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.backends import Server, binaries
from tests.bench.meters import descendants
from tests.bench.site import postmaster

PATIENCE = 30.0


def kill_server(server: Server) -> None:
    """kill -9 to a server of ours and every process of it, at once; returns when all are gone."""
    first = postmaster(server)
    processes = [first, *descendants(first)]
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}").exists() for pid in processes):
        if time.monotonic() > deadline:
            pytest.skip("nobody takes dead processes away here, and PostgreSQL does not start beside one")


def revive_server(server: Server) -> None:
    """Start it again with the options that it had; it recovers by itself."""
    folder = Path(server.dsn.split()[0].removeprefix("host="))
    user = "nobody" if os.geteuid() == 0 else None
    command = [f"{binaries()}/pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "restart"]
    done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
