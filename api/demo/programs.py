"""The demo's other processes: the command line and the server, started as a user would start them.

The server is ended by its own process id and must leave by itself with exit code 0.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class ProgramFailed(Exception):
    """A program of the story ended otherwise than it had to; `output` is the tail of what it said."""

    code = "program_failed"

    def __init__(self, name: str, exit_code: int | None, output: str) -> None:
        super().__init__(f"{name} ended with {exit_code}: {output[-400:].strip()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: its address, its process id and its log file."""

    base_url: str
    pid: int
    log: Path


def perusal(*arguments: str | Path, stdin: str = "", expect: int = 0) -> dict[str, Any]:
    """Run one command with --json in a process of its own; returns its document. Raises ProgramFailed."""
    command = [sys.executable, "-m", "api", *map(str, arguments), "--json"]
    done = subprocess.run(  # noqa: S603
        command, input=stdin, capture_output=True, text=True, check=False, env=environment()
    )
    if done.returncode != expect:
        raise ProgramFailed(f"perusal {arguments[0]}", done.returncode, done.stderr + done.stdout)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """A server of the installation in `home`, on a free port of this machine only."""
    ready, log = home / "ready.json", home / "server.log"
    command = [sys.executable, "-m", "api", "serve", "--dir", str(home), "--port", "0"]
    command += ["--ready-file", str(ready)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment())  # noqa: S603
    try:
        told = _wait_until_ready(process, ready, log)
        yield Server(base_url=told["url"], pid=process.pid, log=log)
    finally:
        exit_code = _stop(process)
    if exit_code != 0:
        raise ProgramFailed("perusal serve", exit_code, log.read_text(errors="replace"))


def environment() -> Mapping[str, str]:
    """The environment without settings of another installation, so that the story stands alone."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PERUSAL_")}


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if ready.exists():
            told: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
            return told
        time.sleep(0.02)
    raise ProgramFailed("perusal serve", process.poll(), log.read_text(errors="replace"))


def _stop(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
