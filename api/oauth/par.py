"""Pushed authorization requests (RFC 9126), the only way to ask for anything.

The details are checked completely here, before any person sees them. Refused: `request_uri` inside a pushed
request, request objects, any response type but `code`, any challenge method but S256, and more or less than
one `pii_use` object. A DPoP proof in the header binds the code to its key just as `dpop_jkt` does (RFC 9449 §10).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.params import RawBody

from api.access import Access, access
from api.forms import parse_form
from api.oauth.clients import caller
from api.oauth.dpop import Proof
from api.oauth.errors import OAuthRefused, answer_oauth
from api.wiring import services_of
from consent import ask
from consent.ask import PushParams
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
    _check_shape(form)
    params = _params(form, who.proof)
    details = _details(form.get("authorization_details", ""))
    with services.vault.data.write() as conn:
        who.spend(conn, services.vault.installation.buckets)
        pushed = ask.push(
            conn, services.vault.installation.buckets, who.client, details, params, services.clock()
        )
    if isinstance(pushed, Refusal):
        raise OAuthRefused(400, pushed.error, pushed.code, pushed.at)
    return Response(
        {"request_uri": pushed.request_uri, "expires_in": pushed.expires_in},
        status_code=201,
        media_type="application/json",
    )


def _check_shape(form: Mapping[str, str]) -> None:
    if "request_uri" in form:
        raise OAuthRefused(400, "invalid_request", "request.nested")
    if "request" in form:
        raise OAuthRefused(400, "request_not_supported", "request.object")
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
