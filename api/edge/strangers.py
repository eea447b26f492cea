"""How much of the server strangers may use: so many requests a minute from one network, and then 429 for a while.

What anybody can call is counted as it is asked for; of what takes credentials only the failures are, so that a
recipient's program and a person who is signed in may ask as often as they like. Whoever has used theirs up is
refused everything, before a body is read or a signature is checked.

This is politeness, kept in memory by each process: what must hold is counted in the data base (`attempts`). This
machine itself is no stranger: behind a proxy that was not named, everybody would be one.
"""

from collections import OrderedDict
from ipaddress import ip_address
from typing import Any, Final

from litestar.types import Message, Scope

from api.clock import Clock
from api.edge.access import Access
from api.edge.attempts import network_of

_MOST_KNOWN: Final = 50_000
_MINUTE_MS: Final = 60_000
_OPEN: Final = frozenset({Access.PUBLIC, Access.BROWSER})
_FAILED: Final = frozenset({401, 413})


class Strangers:
    """What each network has used: `rate` requests a minute, all of them at once if need be; 0 lets everybody in.

    All of it belongs to the event loop's thread.
    """

    def __init__(self, rate: int, clock: Clock) -> None:
        self._each = _MINUTE_MS / rate if rate else 0.0
        self._clock = clock
        # The instant (Unix ms) at which a network has used nothing again; the one heard of last stands last.
        self._even: OrderedDict[str, float] = OrderedDict()

    def refuse(self, peer: str, wanted: Any) -> int:
        """Count a request for a route of the class `wanted`: 0 to go on, or the seconds to wait."""
        network = self._stranger(peer)
        if network is None:
            return 0
        now = self._clock()
        behind = self._even.get(network, 0.0) + self._each - now - _MINUTE_MS
        if behind > 0:
            return int(behind // 1000) + 1
        if wanted in _OPEN:
            self._count(network, now)
        return 0

    def note(self, peer: str, wanted: Any, status: int) -> None:
        """Count an answer that says that a stranger asked."""
        network = self._stranger(peer)
        if network is not None and status in _FAILED and wanted not in _OPEN:
            self._count(network, self._clock())

    def _stranger(self, peer: str) -> str | None:
        try:
            here = ip_address(peer.partition("%")[0]).is_loopback
        except ValueError:
            return None  # a socket of this machine, or no network at all
        return None if here or not self._each else network_of(peer)

    def _count(self, network: str, now: int) -> None:
        self._even[network] = max(self._even.get(network, 0.0), now) + self._each
        self._even.move_to_end(network)
        while len(self._even) > _MOST_KNOWN:
            self._even.popitem(last=False)


def peer_of(scope: Scope) -> str:
    """The address a request came from, empty where it has none."""
    client = scope.get("client")
    return client[0] if client else ""


async def note_failures(message: Message, scope: Scope) -> None:
    """A hook for `before_send`."""
    handler = scope.get("route_handler")
    if message["type"] == "http.response.start" and handler is not None:
        strangers: Strangers = scope["litestar_app"].state.services.strangers
        strangers.note(peer_of(scope), handler.opt.get("access"), message["status"])
