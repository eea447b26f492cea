"""A mail server on loopback that keeps what it is handed, with or without STARTTLS, and a certificate for it."""

import base64
import datetime as dt
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "perusal", "a password for mail"


@dataclass
class MailBox:
    """What a running server has taken, and how it was spoken to."""

    port: int = 0
    certificate: Path | None = None
    offers_tls: bool = True
    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    context: ssl.SSLContext | None = None


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.box: MailBox = self.server.box
        self.secure = False
        self._say("220 mail.test ESMTP")
        while True:
            line = self.rfile.readline().decode().rstrip("\r\n")
            if not line or not self._answer(line):
                return

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _answer(self, line: str) -> bool:
        verb = line.partition(" ")[0].upper()
        if verb == "EHLO":
            offers = ["AUTH PLAIN"] if self.secure or not self.box.offers_tls else ["STARTTLS"]
            self._say("250-mail.test", f"250 {offers[0]}")
        elif verb == "STARTTLS":
            self._say("220 go on")
            self.rfile.close()
            self.wfile.close()
            self.connection = self.box.context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.secure = True
        elif verb == "AUTH":
            given = base64.b64decode(line.split()[2]).decode().split("\0")
            self.box.logins.append(given[1])
            self._say("235 ok" if given[1:] == [USER, PASSWORD] else "535 no")
        elif verb == "RCPT":
            self.box.envelopes.append(line.partition("<")[2].partition(">")[0])
            self._say(f"550 {line} is nobody here" if self.box.refuses else "250 ok")
        elif verb == "DATA":
            self._say("354 go on")
            lines = []
            while (row := self.rfile.readline()) != b".\r\n":
                if not row:
                    return False  # whoever was sending is gone
                lines.append(row)
            self.box.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.box.encrypted.append(self.secure)
            self._say("250 taken")
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_) -> None:
        """A client that walked away in the middle is part of the tests."""


@contextmanager
def mail_server(folder: Path, *, offers_tls: bool = True, refuses: bool = False) -> Iterator[MailBox]:
    """A server on a free port of 127.0.0.1."""
    box = MailBox(offers_tls=offers_tls, refuses=refuses)
    box.certificate, box.context = _certified(folder)
    server = _Server(("127.0.0.1", 0), _Conversation)
    server.box, box.port = box, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "mail.crt", folder / "mail.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
