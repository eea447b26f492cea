"""Pushed authorization requests (RFC 9126), the only way to ask for anything.

The details are checked completely here, before any person sees them. Refused: `request_uri` inside a pushed
request, any response type but `code`, any challenge method but S256, and more or less than one `pii_use` object. A
DPoP proof in the header binds the code to its key just as `dpop_jkt` does (RFC 9449 §10).

A request may come as a request object its client signed (`signed_form`).
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, post
from litestar.params import RawBody

from api.edge.access import Access, access
from api.edge.forms import parse_parameters
from api.oauth.clients import Caller, caller
from api.oauth.dpop import Proof
from api.oauth.errors import OAuthRefused, answer_oauth, refused
from api.oauth.request_object import RequestObject
from api.oauth.signed_form import details_in, signed_in, use_once
from api.wiring import Services, services_of
from consent.asking import ask, signed_requests
from consent.asking.ask import Pushed, PushParams
from consent.asking.details import Details
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
    form = parse_parameters(body, request.headers.get("content-type", ""))
    who = caller(services, request, form, "/par")
    with who.spent_when_refused(services):
        who.paced(services)
        pushed = _taken(services, who, form)
    if isinstance(pushed, Refusal):
        raise refused(pushed)
    return Response(
        {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in},
        status_code=201,
        media_type="application/json",
    )


def _taken(services: Services, who: Caller, form: Mapping[str, str]) -> Pushed | Refusal:
    """Check a request and store it."""
    signed = signed_in(services, who, form)
    members = form if signed is None else signed.members
    _check_shape(members)
    params = _params(members, who.proof)
    return _push(services, who, details_in(services, members, signed), params, signed)


def _push(
    services: Services, who: Caller, details: Details, params: PushParams, signed: RequestObject | None
) -> Pushed | Refusal:
    """Accept what came with the request once, and store it with what it was signed with."""
    buckets, now_ms = services.vault.installation.buckets, services.clock()
    with services.vault.data.write() as conn:
        who.spend(conn, buckets)
        use_once(conn, services, signed)
        pushed = ask.push(conn, buckets, who.client, details, params, now_ms)
        if signed and isinstance(pushed, Pushed):
            stored = ask.pending(conn, pushed.request_uri, who.client.client_id, now_ms)
            assert stored is not None  # it was written a moment ago
            signed_requests.keep(conn, who.client, (stored.bucket, stored.id), signed.signed)
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
