"""Chromium without a screen, driven over a pipe by its own protocol: no driver program, no library.

Messages are JSON texts, each ended by a zero byte (`--remote-debugging-pipe`). One page, one virtual authenticator.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 30.0
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --no-proxy-server "
    "--disable-background-networking --disable-extensions --remote-debugging-pipe"
)


class Page:
    """One page of the browser."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._buffer, self._number, self._session = b"", 0, ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.violations: list[str] = []
        self.call("Log.enable")
        self.call("Page.enable")
        self.call("Runtime.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call one method and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("method") == "Log.entryAdded":
                self.violations.append(answer["params"]["entry"]["text"])
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def authenticator(self) -> str:
        """Plug in an authenticator that confirms everything; its id."""
        self.call("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        return self.call("WebAuthn.addVirtualAuthenticator", options=options)["authenticatorId"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        given = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true, across navigations."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            given = self.call("Runtime.evaluate", expression=condition, returnByValue=True)
            if given["result"].get("value") is True:
                return
            time.sleep(0.05)
        raise AssertionError(f"{condition}: {self.run('location.href + document.body.innerText')}")

    def press(self, selector: str, **values: str) -> None:
        """Fill in fields by name and press a button, as a hand would."""
        for name, text in values.items():
            self.run(f"document.querySelector('[name={name}]').value = {json.dumps(text)}")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._receive, 1 << 16)
            assert part, "the browser is gone"
            self._buffer += part
        raw, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(raw)


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    """A browser with a profile of its own; ended with the block."""
    assert PROGRAM is not None
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # The protocol's pipes are descriptors 3 and 4; they go over higher ones, as either may be in the other's place.
    place = (
        f"import fcntl, os, sys; a, b = (fcntl.fcntl(f, fcntl.F_DUPFD, 10) for f in ({theirs_in}, {theirs_out})); "
        "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[1], sys.argv[1:])"
    )
    flags = [*_FLAGS.split(), f"--user-data-dir={folder}", "about:blank"]
    browser = subprocess.Popen(
        [sys.executable, "-c", place, PROGRAM, *flags],
        pass_fds=(theirs_in, theirs_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(ours_out, ours_in)
    finally:
        browser.terminate()
        browser.wait(PATIENCE)
        os.close(ours_out)
        os.close(ours_in)
