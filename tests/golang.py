"""The program in Go that shares no code with ours: built from the distribution's packages, without any network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

GOPATH = Path("/usr/share/gocode")
SOURCES = Path(__file__).parent / "witness" / "foreign"


def build(folder: Path) -> Path:
    """The program, built into `folder`; skips the test where golang-go or golang-golang-x-mod-dev is missing."""
    if not shutil.which("go") or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip(
            "install golang-go and golang-golang-x-mod-dev to try a witness, a log and a verifier in Go"
        )
    settings = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(folder / "cache")}
    done = subprocess.run(
        ["go", "build", "-o", str(folder / "foreign"), *map(str, sorted(SOURCES.glob("*.go")))],
        env={**os.environ, **settings, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "foreign"
