"""A socket for `http.client` on which whatever is asked ends at one moment, however slowly bytes drip in."""

import io
import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache


class Wire:
    """What http.client takes for a socket; `ends` is on the monotonic clock, and may be set anew for the next question."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self.sock, self.ends = sock, ends

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(left(self.ends))
        self.sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def close(self) -> None:
        """The socket is closed by whoever opened it."""


class _Reading(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer, of which we are given one kind
        self._wire.sock.settimeout(left(self._wire.ends))
        return self._wire.sock.recv_into(buffer)


def addresses_of(host: str, port: int) -> Iterable[str]:
    """The addresses a name stands for, each once, in the system's order; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def left(ends: float) -> float:
    """The seconds until `ends`; raises TimeoutError when there are none."""
    seconds = ends - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


@cache
def system_trust() -> ssl.SSLContext:
    """The certificates that this machine trusts."""
    return ssl.create_default_context()
