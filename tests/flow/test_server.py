"""The real server process: started as an operator does, used over the wire, stopped by a signal."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.clock import system_clock
from api.sealing.opening import opened_vault
from api.settings import Settings
from consent.ledger.published import logs, newest
from tests.flow.installation import World

ROOT = Path(__file__).parents[2]


def _perusal(*arguments):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PERUSAL_")}
    return subprocess.run(
        [sys.executable, "-m", "api", *arguments, "--json"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@contextmanager
def serving(home):
    """A server on a free port of this machine; yields its process and what its ready file says."""
    ready, log = home / "ready.json", home / "server.log"
    command = [
        sys.executable,
        "-m",
        "api",
        "serve",
        "--dir",
        str(home),
        "--port",
        "0",
        "--ready-file",
        str(ready),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process, json.loads(ready.read_text())
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)


@pytest.fixture
def home(tmp_path):
    made = _perusal("init", "--dir", str(tmp_path / "home"))
    assert made.returncode == 0, made.stderr
    return tmp_path / "home"


def test_a_person_and_an_app_meet_on_the_real_server_which_leaves_in_good_order(home):
    settings = Settings.from_mapping({"PERUSAL_HOME": str(home)})
    with serving(home) as (process, ready):
        assert ready["url"].startswith("http://127.0.0.1:")
        with opened_vault(settings) as vault, httpx.Client(base_url=ready["url"], timeout=60) as http:
            world = World(vault, system_clock, http, settings, ready["issuer"])
            assert http.get("/healthz").json() == {"status": "ok"}
            app, person = world.app(), world.person()
            token = app.token_for(person)
            answers = [app.disclose(token, idempotency_key="k") for _ in range(3)]
            assert {answer.status_code for answer in answers} == {200}, answers[0].text
            assert len({answer.content for answer in answers}) == 1
            assert person.get("/en/uses").text.count("Received your data") == 1
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            with vault.data.read() as conn:
                (log,) = logs(conn)
                # What was answered is covered by a signature, even when the stop came at once.
                assert newest(conn, log).size > answers[0].json()["ledger"]["index"]

    lines = (home / "server.log").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    told = [one["event"] for one in events if one["event"] in {"unsealed", "started", "sealed", "stopped"}]
    assert told == ["unsealed", "started", "sealed", "stopped"]
    assert all(
        word not in "".join(lines) for word in ("13812341234", "张小丰", token, person.key, "127.0.0.1 -")
    )


def test_a_wrong_passphrase_stops_the_start_with_a_reason_and_no_traceback(home):
    (home / "passphrase").write_text("something else\n")

    started = _perusal("serve", "--dir", str(home), "--port", "0")

    assert started.returncode != 0
    assert "Traceback" not in started.stderr + started.stdout
    assert "wrong_passphrase" in started.stderr + started.stdout


def test_a_passphrase_that_others_can_read_stops_the_start_with_a_reason(home):
    (home / "passphrase").chmod(0o644)

    started = _perusal("serve", "--dir", str(home), "--port", "0")

    assert started.returncode == 3
    assert "secret_is_readable" in started.stderr + started.stdout
