"""Answering introspections together: whoever is waiting is authenticated and answered in one go, on one thread.

One read finds all clients; one transaction accepts their assertions and proofs, and looks at all tokens. For each
request alone those cost more than its signature. Nobody is called from here: a client whose keys are due at its
`jwks_uri` hears `KEYS_DUE`, has them fetched on a thread that may wait, and asks again.
"""

from collections.abc import Mapping, Sequence

from api.oauth.asking import Asked, Before, Outcome, Told
from api.oauth.clients import Caller, authenticated, claimed_client, unknown
from api.oauth.errors import OAuthRefused
from api.wiring import Services
from consent.grants import management_tokens
from consent.recipients import fetched_keys as fetched
from consent.recipients import register as recipients
from consent.recipients.compact import heading
from consent.recipients.register import Client
from consent.tokens.introspection import Answer, Question, Replayed, Shown, introspect_many
from consent.tokens.lasting import TokenKind
from consent.tokens.minting import REFRESH_PREFIX, TOKEN_PREFIX
from vault.errors import MalformedId
from vault.ids import Bucket, Buckets, secret_bucket, secret_hash

_PREFIXES = {
    TOKEN_PREFIX: TokenKind.ACCESS,
    REFRESH_PREFIX: TokenKind.REFRESH,
    management_tokens.PREFIX: TokenKind.MANAGEMENT,
}
_COPIES = {
    Shown.ASSERTION: (401, "invalid_client", "client.assertion_replayed"),
    Shown.PROOF: (400, "invalid_dpop_proof", "proof.replayed"),
}


type _Known = Mapping[str, Client]


def answer_many(services: Services, asked: Sequence[Asked]) -> list[Outcome]:
    """One outcome per question, in order; refusals are values, so that no neighbour has to be answered again."""
    now_ms = services.clock()
    claimed = [_claimed(one) for one in asked]
    with services.vault.data.glance() as conn:
        known = recipients.known_clients(conn, [one for one in claimed if isinstance(one, str)])
    callers = [_caller(services, one, who, known, now_ms) for one, who in zip(asked, claimed, strict=True)]
    questions = {
        at: _question(services.vault.installation.buckets, who, asked[at].credentials.form)
        for at, who in enumerate(callers)
        if isinstance(who, Caller)
    }
    answers = dict(
        zip(questions, introspect_many(services.vault, list(questions.values()), now_ms), strict=True)
    )
    return [_told(who, answers[at]) if isinstance(who, Caller) else who for at, who in enumerate(callers)]


def _claimed(asked: Asked) -> str | OAuthRefused:
    try:
        return claimed_client(asked.credentials.form)
    except OAuthRefused as refusal:
        return refusal


def _caller(
    services: Services, asked: Asked, claimed: str | OAuthRefused, known: _Known, now_ms: int
) -> Caller | OAuthRefused | Before:
    if isinstance(claimed, OAuthRefused):
        return claimed
    client, shown = known.get(claimed), asked.credentials
    if client is None:
        return unknown()
    said = heading(shown.form["client_assertion"])
    if not asked.renewed and fetched.due(client, None if said is None else said[0], now_ms):
        return Before.KEYS_DUE
    try:
        caller = authenticated(services, shown, client, fetched.usable(client, now_ms), now_ms)
        with caller.spent_when_refused(services):
            _must_name_token(shown.form)
    except OAuthRefused as refusal:
        return refusal
    return caller


def _must_name_token(form: Mapping[str, str]) -> None:
    if not form.get("token"):
        raise OAuthRefused(400, "invalid_request", "introspect.token")


def _question(buckets: Buckets, who: Caller, form: Mapping[str, str]) -> Question:
    kind, bucket = _kind_and_place(form["token"], buckets)
    return Question(
        client_id=who.client.client_id,
        kind=kind,
        bucket=bucket,
        token_hash=secret_hash(form["token"]),
        shown=tuple(zip(Shown, who.shown(buckets), strict=False)),  # a proof need not have come
    )


def _kind_and_place(text: str, buckets: Buckets) -> tuple[TokenKind, Bucket]:
    """What the token would be, and where; what is no token is looked for all the same, and not found."""
    for prefix, kind in _PREFIXES.items():
        try:
            return kind, secret_bucket(prefix, text)
        except MalformedId:
            continue
    return TokenKind.ACCESS, Bucket(buckets.first)


def _told(who: Caller, answer: Answer | Replayed) -> Told | OAuthRefused:
    if isinstance(answer, Replayed):
        return OAuthRefused(*_COPIES[answer.what])
    return Told(client=who.client, answer=answer)
