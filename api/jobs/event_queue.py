"""Events on their way to recipients (RFC 8935): what is sent, and what each answer means.

202 is an acknowledgement; 400 is a refusal whose `err` is kept when it is one of the registered ones;
everything else, an address that cannot be called included, is tried again later. Where an answer came too late
the event is sent twice: its `jti` is the same, which is what receivers tell by.
"""

import json
from collections.abc import Sequence
from typing import Final

from api.events import Event
from api.jobs.courier import Post
from api.outward.fetching import FetchFailed
from consent.delivery import outbox
from consent.delivery.deliveries import Outcome, Result, Room
from consent.delivery.events import EVENT_TYPE
from consent.delivery.outbox import Due
from vault.opening import Vault

_HEADERS: Final = {"Content-Type": f"application/{EVENT_TYPE}", "Accept": "application/json"}
_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_key",
        "invalid_issuer",
        "invalid_audience",
        "authentication_failed",
        "access_denied",
    }
)
"""The registered codes of RFC 8935 §2.4."""


class EventQueue:
    """The outbox of one installation, sent by `post`."""

    failed = Event.EVENT_FAILED
    given_up = outbox.NO_ADDRESS

    def __init__(self, vault: Vault, post: Post) -> None:
        self._vault, self._post = vault, post

    def take(self, now_ms: int, room: Room) -> Sequence[Due]:
        return outbox.take(self._vault, now_ms, room)

    def attempt(self, due: Due) -> Outcome:
        return attempt(self._post, due)

    def settle(self, due: Due, outcome: Outcome, now_ms: int, share: float) -> bool:
        return outbox.settle(self._vault.data, due, outcome, now_ms, share)

    def give_up(self, now_ms: int) -> int:
        return outbox.give_up(self._vault.data, now_ms)


def attempt(post: Post, due: Due) -> Outcome:
    """Push one event and say what came of it."""
    try:
        answer = post(due.event_uri, due.body.encode(), _HEADERS)
    except FetchFailed as failed:
        return Outcome(result=Result.FAILED, code=failed.fault.value)
    if answer.status == 202:
        return Outcome(result=Result.DELIVERED)
    if answer.status == 400:
        return Outcome(result=Result.REFUSED, code=_err(answer.body))
    return Outcome(result=Result.FAILED, code="unexpected_status")


def _err(body: bytes) -> str:
    """The recipient's reason, if it is one that the RFC knows: nothing else of an answer is kept."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return "refused"
    err = said.get("err") if isinstance(said, dict) else None
    return err if isinstance(err, str) and err in _ERRORS else "refused"
