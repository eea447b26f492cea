"""Asking servers over connections that are kept from one question to the next; each answer has a time and a
size of its own.

The addresses come from the monitor's own policy, so any may be called. Redirects are answers, never followed: whoever
moved says so to people. Proxies of the environment are not asked.
"""

import http.client
import socket
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from api.outward.addresses import is_loopback
from api.outward.resolving import looked_up
from api.outward.wire import Wire, addresses_of, left, system_trust

_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `wait_s` are the seconds after which the server wants to be asked again, None where it does not say."""

    status: int
    wait_s: int | None
    body: bytes


class Lines:
    """The connections of one round, one for each server."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Wire] = {}

    def get(self, url: str, most: int, headers: Mapping[str, str], ends: float) -> Answer:
        """Ask for `url`: at most `most` bytes, all of them before `ends` (monotonic); raises OSError."""
        parts = _split(url)
        if parts is None:
            raise OSError("not an address of the web")
        kept = self._kept.pop((parts.scheme, parts.netloc), None)
        try:
            if kept is not None:
                try:
                    return self._asked(kept, parts, most, headers, ends)
                except ConnectionError:  # the other side had hung up in between
                    left(ends)
            return self._asked(_connected(parts, ends), parts, most, headers, ends)
        except (http.client.HTTPException, UnicodeError, zlib.error):
            raise OSError("not an answer of the web") from None

    def close(self) -> None:
        """Hang up everywhere."""
        while self._kept:
            self._kept.popitem()[1].sock.close()

    def _asked(
        self, wire: Wire, parts: SplitResult, most: int, headers: Mapping[str, str], ends: float
    ) -> Answer:
        wire.ends, stays = ends, False
        try:
            answer, stays = _spoken(wire, parts, most, headers)
        finally:
            if not stays:
                wire.sock.close()
        self._kept |= {(parts.scheme, parts.netloc): wire} if stays else {}
        return answer


def server_of(url: str) -> str:
    """Scheme, host and port of an address, which is whom a key is told."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts else url


def keeps_secrets(url: str) -> bool:
    """Whether nobody between here and this address can read along: https, or this very machine."""
    parts = _split(url)
    if parts is None:
        return False
    here = parts.hostname == "localhost" or is_loopback(parts.hostname or "")
    return parts.scheme == "https" or here


def _split(url: str) -> SplitResult | None:
    """The parts of an address of the web; None for anything else."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if sound and "@" not in parts.netloc else None


def _connected(parts: SplitResult, ends: float) -> Wire:
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    sock = _first(looked_up(addresses_of, host, port, left(ends)), port, ends)
    if secure:
        try:
            sock.settimeout(left(ends))
            sock = system_trust().wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
    return Wire(sock, ends)


def _first(addresses: Iterable[str], port: int, ends: float) -> socket.socket:
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=left(ends))
        except OSError:
            continue
    raise OSError("nobody listens there")


def _spoken(wire: Wire, parts: SplitResult, most: int, headers: Mapping[str, str]) -> tuple[Answer, bool]:
    """One question and its answer, and whether the connection stays."""
    talk = http.client.HTTPConnection(parts.hostname or "")
    talk.sock = wire
    own = {"Host": parts.netloc, "User-Agent": "perusal-monitor", "Accept-Encoding": "gzip"}
    talk.request("GET", parts.path or "/", headers={**headers, **own})
    response = talk.getresponse()
    body = response.read(most + 1)
    if len(body) > most or response.length:
        raise OSError("more than it can have, or less than it announced")
    if response.headers.get("content-encoding", "").lower() == "gzip":
        body = zlib.decompressobj(_GZIP).decompress(body, most + 1)
    if len(body) > most:
        raise OSError("more than it can have")
    wait = response.headers.get("retry-after", "")
    wait_s = int(wait) if wait.isascii() and wait.isdecimal() and len(wait) < 6 else None
    return Answer(response.status, wait_s, body), response.isclosed() and not response.will_close
