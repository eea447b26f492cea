"""A time-stamping authority: `openssl ts` with certificates of its own, made anew in a folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

CONFIG = """\
[tsa]
default_tsa = stamping
[stamping]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """A root, a signer below it and their keys, in one folder."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> Authority:
        if shutil.which("openssl") is None:
            pytest.skip("install openssl to have a time-stamping authority")
        made = cls(folder)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        root = ("-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root of time")
        made._openssl(
            "req", "-x509", *key, *root, "-days", "3650", "-addext", "keyUsage=critical,keyCertSign"
        )
        made._openssl("req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Clock")
        (folder / "ext").write_text(
            "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
        )
        signed = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "3650")
        made._openssl("x509", "-req", "-in", "tsa.csr", *signed, "-extfile", "ext", "-out", "tsa.pem")
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))
        return made

    @property
    def roots(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def answer(self, question: bytes) -> bytes:
        (self.folder / "question").write_bytes(question)
        self._openssl(
            "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "question", "-out", "answer", ok={0, 1}
        )
        return (self.folder / "answer").read_bytes()

    def verifies(self, answer: bytes, message: bytes) -> bool:
        """What `openssl ts -verify` says."""
        (self.folder / "kept").write_bytes(answer)
        (self.folder / "data").write_bytes(message)
        said = self._openssl(
            "ts",
            "-verify",
            "-in",
            "kept",
            "-data",
            "data",
            "-CAfile",
            "root.pem",
            "-untrusted",
            "tsa.pem",
            ok={0, 1},
        )
        return said == 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The authority behind HTTP on this machine; gives its address."""
        authority = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.headers["Content-Type"] == "application/timestamp-query"
                data = authority.answer(question) if known else b""
                self.send_response(200 if known else 415)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(30)

    def _openssl(self, *arguments: str, ok: set[int] | None = None) -> int:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode in (ok or {0}), done.stderr
        return done.returncode
