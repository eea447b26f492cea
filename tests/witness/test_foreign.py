"""A log and a witness in Go, which share no code with ours: each is the other side of ours, unmodified (invariant 21).

They are built from the distribution's packages (golang-go, golang-golang-x-mod-dev) without any network.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.cli.main import run
from api.clock import system_clock
from api.jobs.asking import Asking, Outcome
from api.jobs.holds import Holds
from api.witness.home import WitnessHome
from api.witnesses import Station
from consent.ledger.formats import note
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.cosignature import verify
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy, Witness
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import witnessed
from tests.consent.ledger.kit import HOST, LOG, YEAR, grow
from tests.golang import build
from tests.witness.parties import ForeignLog, running, submit

SIGNER = Signer(HOST, bytes(32))
ORIGIN = f"{HOST}/{YEAR}/0"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("go"))


@contextmanager
def go_witness(program: Path, *logs: VerifierKey) -> Iterator[Station]:
    process = subprocess.Popen(
        [program, "serve", "go.example/w1", *map(str, logs)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Station(name="go", url=told["url"], keys=(VerifierKey.parse(told["vkey"]),))
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def test_a_witness_in_go_cosigns_our_log(program: Path, backend, tmp_path: Path):
    with go_witness(program, SIGNER.key(ORIGIN)) as station:
        asking, holds, ats = _asking(backend, station, tmp_path)
        for count in (1, 1, 5, 248, 1, 1, 300):
            ats.append(_grown(backend, count))
            assert asking.ask(LOG) is Outcome.COSIGNED
        restarted, _, _ = _asking(backend, station, tmp_path)
        ats.append(_grown(backend, 3))
        assert restarted.ask(LOG) is Outcome.COSIGNED

    own = Policy((), (), (Witness("go", station.keys[0]),), quorum="go")
    with backend.data.read() as conn:
        for at in ats:
            told = note.parse(witnessed.told(conn, at, own))
            assert [one.key for one in verify(told, station.keys)] == list(station.keys)
    assert holds.reasons() == {}


def test_a_witness_in_go_that_has_seen_more_than_we_have_stops_us(program: Path, backend, tmp_path: Path):
    with go_witness(program, SIGNER.key(ORIGIN)) as station:
        asking, holds, _ = _asking(backend, station, tmp_path)
        _grown(backend, 3)
        larger = SIGNER.sign(Checkpoint(ORIGIN, 50, bytes(32)))
        assert submit(station.url, b"old 0\n\n" + larger).status == 200

        assert asking.ask(LOG) is Outcome.AHEAD

    assert list(holds.reasons()) == [LOG]
    assert Memory(tmp_path / "remembered").load()[ORIGIN].size == 50


def test_our_witness_cosigns_a_log_in_go(program: Path, tmp_path: Path):
    folder = tmp_path / "home"
    assert run(["witness", "init", "--dir", str(folder), "--name", "ours.example/w1", "--json"]) == 0
    log = ForeignLog(origin="go.example/log")
    (folder / "logs").write_text(f"log {log.key}\n")
    (own,) = WitnessHome(folder).cosigners()
    secret = f"PRIVATE+KEY+{log.origin}+{log.key.key_id.hex()}+{note.b64(log.key.kind + log.seed)}"

    with running(folder) as witness:
        done = subprocess.run(
            [program, "submit", witness.url, str(own.key), secret, str(log.key)],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    *steps, shown = map(json.loads, done.stdout.splitlines())
    statuses = [(one["old"], one["size"], one["status"]) for one in steps]
    refused = [(0, 1001, 409), (7, 1001, 409), (1002, 1001, 400)]
    assert [one for one in statuses if one[2] != 200] == refused
    assert all(one["holds"] for one in steps if one["status"] == 200)
    conflicts = [one for one in steps if one["status"] == 409]
    assert {(one["kind"], one["body"]) for one in conflicts} == {("text/x.tlog.size", "1000\n")}
    assert shown["shown"].startswith("go.example/log\n70000\n")
    assert shown["lines"] == 2


def _asking(backend, station: Station, folder: Path):
    holds = Holds()
    memory = Memory(folder / "remembered")
    return Asking(backend.data, SIGNER, station, system_clock, memory, holds), holds, []


def _grown(backend, count: int):
    grow(backend, count, seed=random.Random().getrandbits(60))
    (at,) = publish(backend.data, SIGNER, system_clock())
    return at
