"""What requests that are polled for have in common on the wire: their details, and the token endpoint's answers."""

from collections.abc import Mapping

import msgspec

from api.oauth.code import answer_of, narrowed
from api.oauth.errors import OAuthRefused, refused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.ask import Via
from consent.denials import Denied
from consent.details import Details, parse_details
from consent.polling import Poll, Waiting, poll
from consent.refusals import Refusal


def details_in(form: Mapping[str, str]) -> Details:
    """The `authorization_details` of a request, checked as PAR checks them; raises OAuthRefused.

    A request object is refused, not passed over: what it says would not be what the person is asked.
    """
    if "request" in form:
        raise OAuthRefused(400, "request_not_supported", "request.object")
    if "request_uri" in form:
        raise OAuthRefused(400, "invalid_request", "request.nested")
    try:
        raw = msgspec.json.decode(form.get("authorization_details", ""))
    except (msgspec.MsgspecError, RecursionError):
        raise OAuthRefused(400, "invalid_authorization_details", "details.malformed_json") from None
    details = parse_details(raw)
    if isinstance(details, Refusal):
        raise refused(details)
    return details


def poll_with(request: TokenRequest, via: Via, member: str) -> TokenAnswer | OAuthRefused:
    """One poll with the secret in the form's `member`."""
    wanted = Poll(
        via=via,
        client_id=request.caller.client.client_id,
        secret=request.form.get(member, ""),
        jkt=request.jkt,
        details=narrowed(request.form),
    )
    answer = poll(request.conn, request.services.vault, wanted, request.now_ms)
    if isinstance(answer, Waiting):
        return OAuthRefused(400, answer.value, f"token.{answer.value}")
    if isinstance(answer, Denied):
        return OAuthRefused(400, "invalid_grant", f"token.{member}")
    return refused(answer) if isinstance(answer, Refusal) else answer_of(answer)
