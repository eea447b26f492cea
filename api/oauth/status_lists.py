"""Signed status lists, made once for however many ask: nobody can make the server work more by asking more often.

Whoever asks while lists are looked up joins the next look (`batcher`), which reads each list once, on one connection.
Compressing and signing cost more than reading, so a list is signed again only when a bit of it has changed or its
minute is over: it is dated to the beginning of the minute, by every worker alike.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.clock import Clock
from api.edge.conditional import entity_tag
from consent.signing.keys import Purpose, sign
from consent.tokens import status_list
from vault.opening import Vault

PATH: Final = "/status"
TTL_S: Final = 60
TYPE: Final = "statuslist+jwt"
_MOST_KEPT: Final = 64  # of 90 kilobytes at most


@dataclass(frozen=True, slots=True)
class SignedList:
    """A list as it is sent, and the tag it is known by."""

    tag: str
    text: str


class StatusLists:
    """The lists of one server; its only caller at a time is the batcher's thread."""

    def __init__(self, vault: Vault, clock: Clock, issuer: str) -> None:
        self._vault, self._clock, self._issuer = vault, clock, issuer
        self._kept: OrderedDict[int, SignedList] = OrderedDict()

    def __call__(self, numbers: Sequence[int]) -> list[SignedList | None]:
        """Each list as it is at this moment; None where there is none by this number."""
        now_ms = self._clock()
        found = {number: self._read(number, now_ms) for number in dict.fromkeys(numbers)}
        return [found[number] for number in numbers]

    def __len__(self) -> int:
        """How many are kept signed."""
        return len(self._kept)

    def _read(self, number: int, now_ms: int) -> SignedList | None:
        with self._vault.data.read() as conn:
            packed = status_list.status_list(conn, self._vault, number, now_ms)
        if packed is None:
            self._kept.pop(number, None)
            return None
        issued = now_ms // 1000 // TTL_S * TTL_S
        tag = entity_tag(str(number).encode(), str(issued).encode(), packed)
        kept = self._kept.get(number)
        if kept is None or kept.tag != tag:
            kept = self._kept[number] = SignedList(tag, self._signed(number, packed, issued))
        self._kept.move_to_end(number)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    def _signed(self, number: int, packed: bytes, issued: int) -> str:
        payload = {
            "iss": self._issuer,
            "sub": f"{self._issuer}{PATH}/{number}",
            "iat": issued,
            # Whoever fetches it at the end of its minute may keep it for another one.
            "exp": issued + 2 * TTL_S,
            "ttl": TTL_S,
            "status_list": {"bits": status_list.BITS, "lst": status_list.encoded(packed)},
        }
        return sign(self._vault, None, Purpose.STATUS, TYPE, payload)
