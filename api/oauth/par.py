"""Pushed authorization requests (RFC 9126), the only way to ask for anything.

The details are checked completely here, before any person sees them. Refused: `request_uri` inside a pushed
request, any response type but `code`, any challenge method but S256, and more or less than one `pii_use` object. A
DPoP proof in the header binds the code to its key just as `dpop_jkt` does (RFC 9449 §10).

A request may come as a request object its client signed (RFC 9101). Then only what is signed counts, the object is kept
with the request, and it is the recipient's signature under the liability terms named in it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import RawBody

from api.access import Access, access
from api.forms import parse_form
from api.oauth.clients import Caller, caller
from api.oauth.dpop import Proof
from api.oauth.errors import OAuthRefused, answer_oauth, refused
from api.oauth.request_object import RequestObject, check_request_object
from api.wiring import Services, services_of
from consent import ask, replay, signed_requests
from consent.ask import Pushed, PushParams
from consent.details import Details, parse_details
from consent.refusals import Refusal


@post(
    "/par",
    opt=access(Access.CLIENT),
    status_code=201,
    exception_handlers={Exception: answer_oauth},
    sync_to_thread=True,
)
def push(request: Request[Any, Any, Any], body: RawBody) -> Response[dict[str, Any]]:
    """Take a request and hand out the `request_uri` under which its person is shown it, once, within 90 s."""
    services = services_of(request)
    form = parse_form(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, "/par")
    with who.spent_when_refused(services):
        who.paced(services)
        pushed = _taken(services, who, form)
    if pushed is None:
        raise OAuthRefused(400, "invalid_request_object", "request_object.replayed")
    if isinstance(pushed, Refusal):
        raise refused(pushed)
    return Response(
        {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in},
        status_code=201,
        media_type="application/json",
    )


def _taken(services: Services, who: Caller, form: Mapping[str, str]) -> Pushed | Refusal | None:
    """Check a request and store it; None for a copy of a request object."""
    signed = _signed(services, who, form)
    members = form if signed is None else signed.members
    _check_shape(members)
    params = _params(members, who.proof)
    details = _details(members.get("authorization_details", ""))
    if signed is not None:
        details = replace(details, terms_signature=signed.signed.hash)
    return _push(services, who, details, params, signed)


def _signed(services: Services, who: Caller, form: Mapping[str, str]) -> RequestObject | None:
    """The request object of the form, if it has one."""
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


def _push(
    services: Services, who: Caller, details: Details, params: PushParams, signed: RequestObject | None
) -> Pushed | Refusal | None:
    """Accept what came with the request once, and store it with what it was signed with; None for a copy."""
    buckets, now_ms = services.vault.installation.buckets, services.clock()
    with services.vault.data.write() as conn:
        who.spend(conn, buckets)
        if signed and not replay.remember(conn, buckets, "request", signed.digest, signed.expires):
            return None
        pushed = ask.push(conn, buckets, who.client, details, params, now_ms)
        if signed and isinstance(pushed, Pushed):
            stored = ask.pending(conn, pushed.request_uri, who.client.client_id, now_ms)
            assert stored is not None  # it was written a moment ago
            signed_requests.keep(conn, stored, signed.signed)
    return pushed


def _check_shape(form: Mapping[str, str]) -> None:
    if form.get("response_type") != "code":
        raise OAuthRefused(400, "unsupported_response_type", "request.response_type")
    if form.get("response_mode", "query") != "query":
        raise OAuthRefused(400, "invalid_request", "request.response_mode")
    if form.get("code_challenge_method") != "S256":
        raise OAuthRefused(400, "invalid_request", "request.code_challenge_method")


def _params(form: Mapping[str, str], proof: Proof | None) -> PushParams:
    jkt = form.get("dpop_jkt")
    if proof is not None and jkt not in {None, proof.jkt}:
        raise OAuthRefused(400, "invalid_dpop_proof", "proof.key")
    return PushParams(
        redirect_uri=form.get("redirect_uri", ""),
        state=form.get("state", ""),
        code_challenge=form.get("code_challenge", ""),
        dpop_jkt=proof.jkt if proof else jkt,
    )


def _details(text: str) -> Details:
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise OAuthRefused(400, "invalid_authorization_details", "details.malformed_json") from None
    details = parse_details(raw)
    if isinstance(details, Refusal):
        raise OAuthRefused(400, details.error, details.code, details.at)
    return details
