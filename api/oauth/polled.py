"""What requests that are polled for have in common on the wire: the token endpoint's answers."""

from api.oauth.code import answer_of, narrowed
from api.oauth.errors import OAuthRefused, refused
from api.oauth.token_request import TokenAnswer, TokenRequest
from consent.asking.ask import Via
from consent.decoupled.polling import Poll, Waiting, poll
from consent.denials import Denied
from consent.refusals import Refusal


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
