"""Codes on their way, counted first: what the sign-in page and the pages that ask for a proof share.

What is counted and what is sent do not depend on whether an address is known; only the post room is told. What a
stranger asks for and what somebody signed in asks for are counted apart: knowing a number locks nobody out.
"""

from collections.abc import Iterable
from typing import Any

from litestar import Request
from sqlalchemy import Connection

from api.edge.attempts import (
    CODES_FROM_SOURCE,
    CODES_FROM_SOURCE_TO_ADDRESS,
    CODES_FROM_SOURCE_TO_ADDRESS_DAILY,
    CODES_OF_ALL,
    CODES_OF_ALL_SIGNED_IN,
    CODES_OF_PERSON,
    CODES_OF_PERSON_DAILY,
    CODES_TO_ADDRESS,
    CODES_TO_ADDRESS_DAILY,
    Limit,
    count,
    network_of,
    source_of,
)
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.render import page_texts
from api.senders.message import Channel, Message
from api.wiring import Services, services_of
from consent.accounts.one_time_codes import AskedFor, Issued, address_of, issue
from vault.finding.holder import KeyValue, key_value
from vault.ids import Person
from vault.people.drafts import Refused

_LONGEST = 320

type Counts = Iterable[tuple[Limit, bytes]]


def source_here(request: Request[Any, Any, Any]) -> bytes:
    """Under what this request's peer is counted."""
    peer = request.client.host if request.client else ""
    return source_of(services_of(request).csrf_key, network_of(peer))


def person_here(request: Request[Session, Any, Any]) -> bytes:
    """Under what the signed-in person is counted, wherever they are."""
    return source_of(services_of(request).csrf_key, f"person/{request.user.subject.hex()}")


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
    only: Person | None = None,
) -> Issued | int:
    """Make a code and hand it to the post room, or answer how many seconds to wait.

    With `only` somebody signed in asks, and it is sent to no address but theirs.
    """
    services, now_ms = services_of(request), services_of(request).clock()
    of_all = services.settings.code_limit
    if only is None:
        counts = _strangers(source_here(request), address_of(services.vault, value), of_all)
    else:
        counts = _own(person_here(request), of_all)
    with services.vault.data.write() as conn:
        if wait := _counted(conn, counts, now_ms):
            return wait
        issued = issue(conn, services.vault, value, asked, now_ms, only=only)
    message = _message(request, value, issued)
    services.post_room.hand_in(message, known=issued.known, own=only is not None)
    return issued


def _strangers(source: bytes, address: bytes, of_all: int) -> Counts:
    """The narrow limits first: one source alone uses up neither an address's codes nor everybody's."""
    return (
        (CODES_FROM_SOURCE, source),
        (CODES_FROM_SOURCE_TO_ADDRESS, source + address),
        (CODES_FROM_SOURCE_TO_ADDRESS_DAILY, source + address),
        (CODES_TO_ADDRESS, address),
        (CODES_TO_ADDRESS_DAILY, address),
        (Limit(name=CODES_OF_ALL, most=of_all), b""),
    )


def _own(person: bytes, of_all: int) -> Counts:
    return (
        (CODES_OF_PERSON, person),
        (CODES_OF_PERSON_DAILY, person),
        (Limit(name=CODES_OF_ALL_SIGNED_IN, most=of_all), b""),
    )


def _counted(conn: Connection, counts: Counts, now_ms: int) -> int:
    """Count one code against each limit, stopping at the first that is reached."""
    for limit, what in counts:
        if wait := count(conn, limit, what, now_ms):
            return wait
    return 0


def _message(request: Request[Any, Any, Any], value: KeyValue, issued: Issued) -> Message:
    texts, channel = page_texts(request), Channel(value.field)
    return Message(
        channel=channel,
        to=_written(value),
        subject=texts.text("sign_in_code.subject"),
        text=texts.text("sign_in_code.message", code=issued.code),
        code=issued.code,
    )


def send_notice(request: Request[Any, Any, Any], value: KeyValue, subject: str, text: str) -> None:
    """Send a message without a code to an address that was proven to be its person's."""
    message = Message(channel=Channel(value.field), to=_written(value), subject=subject, text=text, code="")
    services_of(request).post_room.hand_in(message, known=True)


def _written(value: KeyValue) -> str:
    """An address as senders take it: a number without a country's code is one of the mainland (vault.fields.phone)."""
    domestic = Channel(value.field) is Channel.SMS and not value.canonical.startswith("+")
    return f"+86{value.canonical}" if domestic else value.canonical


def codes_offered(services: Services) -> frozenset[Channel]:
    """The channels codes go by; without any the address is not there."""
    channels = services.post_room.channels
    if not channels:
        raise Problem(404, "not_found")
    return channels
