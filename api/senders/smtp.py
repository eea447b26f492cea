"""Codes by e-mail, through the operator's own mail server.

TLS with a checked certificate is required; without it only a server on this machine is spoken to. Names of
addresses, codes and the server's replies (which repeat addresses) are never part of an error.
"""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path

from api.sealing.secret_file import ExposedSecret, first_line
from api.senders.message import Message, NotSent

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over. `tls` is "starttls", "implicit" or "none"; `ca_file` replaces the system's roots."""

    host: str
    port: int
    sender: str
    tls: str = "starttls"
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


class Mail:
    """Hands messages to one mail server, a connection for each."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def send(self, message: Message) -> None:
        """Hand one message over; raises NotSent."""
        try:
            with self._connected() as smtp:
                smtp.send_message(self._written(message))
        except (smtplib.SMTPException, OSError, ValueError, ExposedSecret) as error:
            # The class alone: messages of the library quote the server, and the server quotes the address.
            refused = isinstance(error, smtplib.SMTPRecipientsRefused)
            raise NotSent(type(error).__name__, only_here=refused) from None

    def _connected(self) -> AbstractContextManager[smtplib.SMTP]:
        server = self._server
        if server.tls == "implicit":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=_PATIENCE_S, context=self._trust()
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=_PATIENCE_S)
        return _prepared(smtp, self._greet)

    def _greet(self, smtp: smtplib.SMTP) -> None:
        server = self._server
        if server.tls == "starttls":
            # Raises when the server does not offer it: nothing is ever sent in clear because somebody left it out.
            smtp.starttls(context=self._trust())
        if server.user and server.password_file is not None:
            smtp.login(server.user, first_line(server.password_file))

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._server.ca_file) if self._server.ca_file else None)

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._server.sender, message.to, message.subject
        mail["Date"] = localtime()
        mail["Message-ID"] = make_msgid(domain=self._server.sender.rpartition("@")[2].rstrip(">"))
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail


def _prepared(smtp: smtplib.SMTP, greet: Callable[[smtplib.SMTP], None]) -> smtplib.SMTP:
    """The connection after its greeting, or closed when that fails."""
    try:
        greet(smtp)
    except BaseException:
        smtp.close()
        raise
    return smtp
