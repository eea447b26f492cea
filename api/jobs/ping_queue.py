"""Pings on their way to clients (CIBA Core §10.2): there is an answer, come and fetch it.

200 and 204 are good answers, and whatever else they say is not read. A redirect is none; like everything else
that is no good answer it is tried again, as long as there is something to fetch. A client that is never reached
may poll all the same.
"""

import json
from collections.abc import Sequence
from typing import Final

from api.events import Event
from api.jobs.courier import Post
from api.outward.fetching import FetchFailed
from consent.decoupled import pings
from consent.decoupled.pings import Due
from consent.delivery.deliveries import Outcome, Result, Room
from vault.opening import Vault

_GOOD: Final = frozenset({200, 204})


class PingQueue:
    """The pings of one installation, sent by `post`."""

    failed = Event.PING_FAILED
    given_up = pings.TOO_LATE

    def __init__(self, vault: Vault, post: Post) -> None:
        self._vault, self._post = vault, post

    def take(self, now_ms: int, room: Room) -> Sequence[Due]:
        return pings.take(self._vault, now_ms, room)

    def attempt(self, due: Due) -> Outcome:
        return attempt(self._post, due)

    def settle(self, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool:
        return pings.settle(self._vault.data, due, outcome, now_ms, share)

    def give_up(self, now_ms: int) -> int:
        return pings.give_up(self._vault.data, now_ms)


def attempt(post: Post, due: Due) -> Outcome:
    """Send one ping and say what came of it."""
    headers = {"Authorization": f"Bearer {due.ping.token}", "Content-Type": "application/json"}
    try:
        answer = post(due.uri, json.dumps({"auth_req_id": due.ping.auth_req_id}).encode(), headers)
    except FetchFailed as failed:
        return Outcome(result=Result.FAILED, code=failed.fault.value)
    if answer.status in _GOOD:
        return Outcome(result=Result.DELIVERED)
    return Outcome(result=Result.FAILED, code="unexpected_status")
