"""Codes on their way, counted first: what the sign-in page and the pages that ask for a proof share.

What is counted and what is sent do not depend on whether an address is known; only the post room is told.
"""

from typing import Any

from litestar import Request
from sqlalchemy import Connection

from api.attempts import (
    CODES_FROM_SOURCE,
    CODES_OF_ALL,
    CODES_TO_ADDRESS,
    CODES_TO_ADDRESS_DAILY,
    Limit,
    count,
    source_of,
)
from api.portal.render import page_texts
from api.problems import Problem
from api.senders.message import Channel, Message
from api.wiring import Services, services_of
from consent.one_time_codes import AskedFor, Issued, address_of, issue
from vault.drafts import Refused
from vault.holder import KeyValue, key_value
from vault.ids import Bucket, SubjectId

_LONGEST = 320


def source_here(request: Request[Any, Any, Any]) -> bytes:
    """Under what this request's peer is counted."""
    return source_of(services_of(request).csrf_key, request.client.host if request.client else "")


def address_in(services: Services, text: str) -> KeyValue | None:
    """What somebody typed as an address that codes can go to, or None: it is none, or of no channel we have."""
    channels = codes_offered(services)
    channel = Channel.EMAIL if "@" in text or "\uff20" in text else Channel.SMS
    if channel not in channels or len(text) > _LONGEST:
        return None
    value = key_value(services.vault, channel.value, text)
    return None if isinstance(value, Refused) else value


def issue_limited(
    request: Request[Any, Any, Any],
    value: KeyValue,
    asked: AskedFor,
    *,
    only: tuple[Bucket, SubjectId] | None = None,
) -> Issued | int:
    """Make a code and hand it to the post room, or answer how many seconds to wait; `only` for this person."""
    services, now_ms = services_of(request), services_of(request).clock()
    with services.vault.data.write() as conn:
        wait = _counted(conn, services, source_here(request), address_of(services.vault, value), now_ms)
        if wait:
            return wait
        issued = issue(conn, services.vault, value, asked, now_ms, only=only)
    services.post_room.hand_in(_message(request, value, issued), known=issued.known)
    return issued


def _counted(conn: Connection, services: Services, source: bytes, address: bytes, now_ms: int) -> int:
    """Count one code by whom, to whom and of all, stopping at the first limit: strangers do not use up ours."""
    of_all = Limit(name=CODES_OF_ALL, most=services.settings.code_limit)
    limits = (
        (CODES_FROM_SOURCE, source),
        (CODES_TO_ADDRESS, address),
        (CODES_TO_ADDRESS_DAILY, address),
        (of_all, b""),
    )
    for limit, what in limits:
        if wait := count(conn, limit, what, now_ms):
            return wait
    return 0


def _message(request: Request[Any, Any, Any], value: KeyValue, issued: Issued) -> Message:
    texts, channel = page_texts(request), Channel(value.field)
    # A number without a country's code is one of the mainland (vault.fields.phone).
    domestic = channel is Channel.SMS and not value.canonical.startswith("+")
    return Message(
        channel=channel,
        to=f"+86{value.canonical}" if domestic else value.canonical,
        subject=texts.text("sign_in_code.subject"),
        text=texts.text("sign_in_code.message", code=issued.code),
        code=issued.code,
    )


def codes_offered(services: Services) -> frozenset[Channel]:
    """The channels codes go by; without any the address is not there."""
    channels = services.post_room.channels
    if not channels:
        raise Problem(404, "not_found")
    return channels
