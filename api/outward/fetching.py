"""Calling an address that somebody else has named, without letting them choose whom this server speaks to.

`https` only. The name is resolved once; if one of its addresses is not global unicast, nothing is called; the
connection goes to the very address that was looked at (a name that resolves otherwise a moment later changes
nothing), while the certificate is checked against the name. Redirects are answers, never followed; proxies of
the environment are not asked; an answer has a size and the whole exchange has a time. Hosts which the operator
names are not held to the rule on addresses, and one of those that is this very machine may be called by plain
http.

* `guarded_get(url, accept, *, guard) -> Answer`, `guarded_post(url, body, headers, *, guard) -> Answer`;
  both raise FetchFailed, whose `fault` says why and never what was found there.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from api.outward.addresses import is_loopback, may_be_called
from api.outward.resolving import Resolve, looked_up
from api.outward.wire import Wire, addresses_of, left, system_trust

MOST_BYTES = 64 * 1024
"""How long an answer may be."""

WITHIN_S = 5.0
"""How long everything may take together: looking the name up, connecting, the handshake, sending and reading."""

_MOST_ADDRESSES = 4
_URL = re.compile(r"https?://[A-Za-z0-9:/?\[\]@!$&'()*+,;=._~%-]{1,2000}")


class FetchFault(StrEnum):
    """Why nothing was fetched."""

    BAD_URL = "bad_url"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BROKEN = "broken"


class FetchFailed(Exception):
    """Nothing was fetched. What strangers are told must not tell these faults apart: it would map our network."""

    code = "fetch_failed"

    def __init__(self, fault: FetchFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever its status; `content_type` is lower case and without parameters."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who may be called: `hosts` are the operator's exceptions, `trust` the certificates (None: the system's)."""

    hosts: frozenset[str] = frozenset()
    trust: ssl.SSLContext | None = None
    resolve: Resolve = field(default=addresses_of, repr=False)
    within_s: float = WITHIN_S
    most_bytes: int = MOST_BYTES


def guarded_get(url: str, accept: str, *, guard: Guard) -> Answer:
    """Fetch `url`; `accept` is the media type wanted."""
    return _exchange("GET", url, None, {"Accept": accept}, guard)


def guarded_post(url: str, body: bytes, headers: Mapping[str, str], *, guard: Guard) -> Answer:
    """Send `body` to `url` once; it may have arrived even when no answer did."""
    return _exchange("POST", url, body, headers, guard)


def callable_url(url: str, guard: Guard) -> SplitResult:
    """The parts of an address that could be called, before any name is resolved; raises FetchFailed (BAD_URL)."""
    try:
        parts = urlsplit(url) if _URL.fullmatch(url) else None
        sound = parts is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, sound = None, False
    if parts is None or not sound or not parts.hostname or "%" in parts.netloc or "@" in parts.netloc:
        raise FetchFailed(FetchFault.BAD_URL)
    if parts.scheme != "https" and parts.hostname not in guard.hosts:
        raise FetchFailed(FetchFault.BAD_URL)
    return parts


def _exchange(method: str, url: str, body: bytes | None, headers: Mapping[str, str], guard: Guard) -> Answer:
    parts = callable_url(url, guard)
    ends = time.monotonic() + guard.within_s
    try:
        with closing(_connected(parts, guard, ends)) as sock:
            return _spoken(Wire(sock, ends), parts, (method, body, headers), guard.most_bytes)
    except TimeoutError:
        raise FetchFailed(FetchFault.TIMEOUT) from None
    except http.client.HTTPException:
        raise FetchFailed(FetchFault.BROKEN) from None
    except (OSError, UnicodeError):  # a name that cannot be encoded is one that nobody has
        raise FetchFailed(FetchFault.UNREACHABLE) from None


def _connected(parts: SplitResult, guard: Guard, ends: float) -> socket.socket:
    """A connection to an address that was looked at, the certificate checked against the name."""
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    found = looked_up(guard.resolve, host, port, left(ends))
    sock = _first(_allowed(found, host, guard, secure=secure), port, ends)
    if not secure:
        return sock
    try:
        sock.settimeout(left(ends))
        return (guard.trust or system_trust()).wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _allowed(found: list[str], host: str, guard: Guard, *, secure: bool) -> list[str]:
    named = host in guard.hosts
    # One bad address among good ones is refused whole: whoever answers for the name chooses which is tried first.
    for address in found:
        if not (named or may_be_called(address)) or not (secure or is_loopback(address)):
            raise FetchFailed(FetchFault.FORBIDDEN_ADDRESS)
    return found[:_MOST_ADDRESSES]


def _first(addresses: Iterable[str], port: int, ends: float) -> socket.socket:
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=left(ends))
        except OSError:
            continue
    if time.monotonic() >= ends:
        raise TimeoutError
    raise FetchFailed(FetchFault.UNREACHABLE)


def _spoken(
    wire: Wire, parts: SplitResult, said: tuple[str, bytes | None, Mapping[str, str]], most: int
) -> Answer:
    method, body, headers = said
    talk = http.client.HTTPConnection(parts.hostname or "")
    talk.sock = wire
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    own = {"Host": parts.netloc, "Connection": "close", "User-Agent": "perusal"}
    talk.request(method, target, body=body, headers={**headers, **own})
    response = talk.getresponse()
    if (response.length or 0) > most:
        raise FetchFailed(FetchFault.TOO_LARGE)
    content = response.read(most + 1)
    if len(content) > most:
        raise FetchFailed(FetchFault.TOO_LARGE)
    if response.length:  # less came than was announced
        raise FetchFailed(FetchFault.BROKEN)
    kind = response.headers.get_content_type() if "content-type" in response.headers else ""
    return Answer(status=response.status, content_type=kind, body=content)
