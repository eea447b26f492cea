"""What a client asks for, wherever it asks: the members of its form, or of the request object in it (RFC 9101).

A request may come as one object its client signed. Then only what is signed counts, the object is kept with the
request, and it is the recipient's signature under the liability terms named in it. All three ways of asking
read it by these functions: `/par`, `/bc-authorize` (CIBA §7.1.1) and `/device_authorization`.

* `signed_in(services, who, form) -> RequestObject | None`; `details_in(services, members, signed) -> Details`;
  `use_once(conn, services, signed)` in the transaction that stores the request. All raise OAuthRefused.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
from sqlalchemy import Connection

from api.disclosures import PATH as DISCLOSURES
from api.oauth.clients import Caller
from api.oauth.errors import OAuthRefused, refused
from api.oauth.request_object import RequestObject, check_request_object
from api.oauth.urls import same_url
from api.wiring import Services
from consent.asking.details import Details, parse_details
from consent.refusals import Refusal, RefusalCode
from consent.signing import replay


def signed_in(services: Services, who: Caller, form: Mapping[str, str]) -> RequestObject | None:
    """The request object of the form, if it has one, verified under the caller's keys."""
    if "request_uri" in form:
        raise OAuthRefused(400, "invalid_request", "request.nested")
    if "request" not in form:
        return None
    text, now_ms, client = form["request"], services.clock(), who.client
    keys = services.client_keys.of(services.vault.data, services.settings.guard, client, text, now_ms)
    checked = check_request_object(
        text, keys, client_id=client.client_id, issuer=services.issuer, now_ms=now_ms
    )
    if not isinstance(checked, RequestObject):
        raise OAuthRefused(400, "invalid_request_object", f"request_object.{checked}")
    return checked


def details_in(services: Services, members: Mapping[str, str], signed: RequestObject | None) -> Details:
    """The `authorization_details` of a request, which name the signature under them where there is one."""
    try:
        raw = msgspec.json.decode(members.get("authorization_details", ""))
    except (msgspec.MsgspecError, RecursionError):
        raise OAuthRefused(400, "invalid_authorization_details", "details.malformed_json") from None
    details = parse_details(raw)
    if isinstance(details, Refusal):
        raise refused(details)
    for at, location in enumerate(raw[0].get("locations", [])):
        # There is one place where uses are redeemed; what a client wants to have redeemed elsewhere is granted nowhere.
        if not same_url(location, services.url(DISCLOSURES)):
            raise refused(Refusal(code=RefusalCode.DETAILS_UNKNOWN_LOCATION, at=f"/0/locations/{at}"))
    return details if signed is None else replace(details, terms_signature=signed.signed.hash)


def use_once(conn: Connection, services: Services, signed: RequestObject | None) -> None:
    """Accept a request object once."""
    buckets = services.vault.installation.buckets
    if signed and not replay.remember(conn, buckets, "request", signed.digest, signed.expires):
        raise OAuthRefused(400, "invalid_request_object", "request_object.replayed")
