"""Names of the consent floor's rows, their text forms, and the fixed digest notation of documents.

Reference rows (recipients, clients, notices, terms) are named by text, because people and configuration
files carry those names. Rows that belong to a person are named by 16 routed bytes; their text form is made
only at the edge, by the functions below.
"""

import hashlib
import json
from functools import lru_cache
from typing import Any, NewType

from vault.base64url import b64url
from vault.ids import Bucket, decode_id, encode_id, new_id

RecipientId = NewType("RecipientId", str)
ClientId = NewType("ClientId", str)
NoticeId = NewType("NoticeId", str)
TermsId = NewType("TermsId", str)
RequestId = NewType("RequestId", bytes)
ShowingId = NewType("ShowingId", bytes)
GrantId = NewType("GrantId", bytes)
UseId = NewType("UseId", bytes)
DisclosureId = NewType("DisclosureId", bytes)
DualId = NewType("DualId", bytes)

_NOWHERE = Bucket(0)
"""Reference rows belong to no person and therefore to no bucket."""


def new_reference(prefix: str, now_ms: int) -> str:
    """The text name of a new reference row: `org_`, `app_`, `ntc_` or `lt_` and 26 characters."""
    return encode_id(prefix, new_id(_NOWHERE, now_ms))


def showing_text(showing: ShowingId) -> str:
    """One time a notice was shown, in text."""
    return encode_id("sh", showing)


def parse_showing(text: str) -> ShowingId:
    """Raises vault MalformedId."""
    return ShowingId(decode_id("sh", text))


def request_text(request: RequestId) -> str:
    """A request that waits for its person, in text."""
    return encode_id("rq", request)


def parse_request(text: str) -> RequestId:
    """Raises vault MalformedId."""
    return RequestId(decode_id("rq", text))


def grant_text(grant: GrantId) -> str:
    """A grant's name in text."""
    return encode_id("gr", grant)


def parse_grant(text: str) -> GrantId:
    """Raises vault MalformedId."""
    return GrantId(decode_id("gr", text))


def use_text(use: UseId) -> str:
    """A use's name in text."""
    return encode_id("us", use)


def parse_use(text: str) -> UseId:
    """Raises vault MalformedId."""
    return UseId(decode_id("us", text))


def disclosure_text(disclosure: DisclosureId) -> str:
    """A disclosure's name in text."""
    return encode_id("ds", disclosure)


def parse_disclosure(text: str) -> DisclosureId:
    """Raises vault MalformedId."""
    return DisclosureId(decode_id("ds", text))


def event_text(event: bytes) -> str:
    """An event's name in text; also the `jti` of its token."""
    return encode_id("ev", event)


def parse_event(text: str) -> bytes:
    """Raises vault MalformedId."""
    return decode_id("ev", text)


def dual_text(request: DualId) -> str:
    """The name in text of a request that takes two approvals."""
    return encode_id("dual", request)


def parse_dual(text: str) -> DualId:
    """Raises vault MalformedId."""
    return DualId(decode_id("dual", text))


def canonical_json(document: Any) -> str:
    """RFC 8785 for what we store: text, integers, lists and objects (no floats), members sorted, no spaces."""
    text = _compact_json(document, sort_keys=True)
    # `sort_keys` goes by code points, the RFC (§3.2.3) by UTF-16 units: they differ beyond ASCII only.
    return text if text.isascii() else _compact_json(_in_utf16_order(document), sort_keys=False)


def _compact_json(document: Any, *, sort_keys: bool) -> str:
    return json.dumps(
        document, ensure_ascii=False, sort_keys=sort_keys, separators=(",", ":"), allow_nan=False
    )


def _in_utf16_order(document: Any) -> Any:
    if isinstance(document, dict):
        names = sorted(document, key=lambda name: name.encode("utf-16-be"))
        return {name: _in_utf16_order(document[name]) for name in names}
    if isinstance(document, list | tuple):
        return [_in_utf16_order(one) for one in document]
    return document


@lru_cache(maxsize=1024)
def fields_json(fields: tuple[str, ...]) -> str:
    """The stored form of a sorted tuple of field codes; there are few of them and they come by the thousand."""
    return canonical_json(fields)


@lru_cache(maxsize=1024)
def fields_of(stored: str) -> tuple[str, ...]:
    """Back from the stored form."""
    return tuple(json.loads(stored))


def document_hash(document: Any) -> str:
    """The digest that names one exact document: `sha-256:` and unpadded base64url of its canonical JSON."""
    digest = hashlib.sha256(canonical_json(document).encode()).digest()
    return f"sha-256:{b64url(digest)}"
