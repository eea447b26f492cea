"""Spending one use: the hot route, a raw ASGI handler that shares everything but the framework's overhead.

Order: method → body within its limit → token's form → proof (`api.oauth.dpop`) → body's members → the key to encrypt
to, if one is named (`encrypted_answers`) → batch. What
the data base decides is mapped here: unknown, expired, spent, withdrawn and wrong key are one answer, so that
a stranger with a token learns nothing; a replayed proof, a field outside the grant and a reused
Idempotency-Key have answers of their own (consent.md §2.7). The use is committed before the first byte leaves.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from litestar import asgi
from litestar.types import Receive, Scope, Send

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.encrypted_answers import encrypted, key_named
from api.oauth.dpop import ALGORITHMS, Proof, ProofFault, check_proof
from api.oauth.nonces import new_nonce
from api.wiring import Services, services_of_scope
from consent.denials import DenialCode, Denied
from consent.ids import disclosure_text
from consent.recipients.encryption_keys import EncryptionKey
from consent.redemption.disclose import Disclosure
from consent.redemption.redeem import IdempotencyKey, RedeemRequest
from vault.errors import MalformedId
from vault.ids import Bucket, secret_bucket, secret_hash

PATH = "/v1/disclosures"
METADATA = f"/.well-known/oauth-protected-resource{PATH}"
"""Where the resource describes itself (RFC 9728 §3.1); its 401s say so (§5.1)."""
_UNAUTHENTICATED = 401
_TOKEN_PREFIX = "cut"  # noqa: S105 - a prefix, not a password
_CHALLENGE = f'DPoP algs="{" ".join(ALGORITHMS)}"'
_LONGEST_KEY = 128
_MOST_FIELDS = 64


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: list[str] | None = None
    encrypt_to: str | msgspec.UnsetType = msgspec.UNSET


class _Use(msgspec.Struct, frozen=True):
    n: int
    of: int


class _Ledger(msgspec.Struct, frozen=True):
    log: str
    index: int
    leaf: str


class _Answer(msgspec.Struct, frozen=True):
    disclosure_id: str
    use: _Use
    data: dict[str, str] | str
    receipt: str
    ledger: _Ledger


class _Headers(NamedTuple):
    authorization: str
    proofs: list[str]
    idempotency_key: str | None
    length: int


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


@asgi(PATH, opt=access(Access.TOKEN), copy_scope=False)
async def redeem(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one redemption, or raise the problem that says why not."""
    if scope["method"] != "POST":  # type: ignore[typeddict-item]
        raise Problem(405, "method_not_allowed", headers={"Allow": "POST"})
    services = services_of_scope(scope)
    try:
        body = await _redeemed(services, scope, receive)
    except Problem as refused:
        if refused.status == _UNAUTHENTICATED and "WWW-Authenticate" in refused.headers:
            refused.headers["WWW-Authenticate"] += f', resource_metadata="{services.url(METADATA)}"'
        raise
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _redeemed(services: Services, scope: Scope, receive: Receive) -> bytes:
    headers = _headers(scope["headers"])
    raw = await _read(receive, headers.length, services.settings.body_limit)
    request, encrypt_to = _request(services, headers, raw)
    key = await key_named(services, request, encrypt_to) if encrypt_to else None
    outcome = await services.disclosures.submit(request)
    if isinstance(outcome, Denied):
        raise _denied(outcome.code)
    if encrypt_to and key is None:  # a token that was minted after its client was looked for: never in clear
        raise _denied(DenialCode.UNREADABLE)
    return _answer(outcome, key)


def _request(services: Services, headers: _Headers, raw: bytes) -> tuple[RedeemRequest, str | None]:
    """What is asked for, and the key to answer it under, if one is named."""
    token, bucket = _token(headers.authorization)
    now_ms = services.clock()
    key = services.nonce_key(spending=True)
    proof = check_proof(
        headers.proofs, method="POST", url=services.url(PATH), now_ms=now_ms, token=token, nonce_key=key
    )
    if proof is ProofFault.NONCE and key is not None:
        refusal = _refused(401, "use_dpop_nonce")
        refusal.headers["DPoP-Nonce"] = new_nonce(key, now_ms)
        raise refusal
    if not isinstance(proof, Proof):
        raise _refused(401, "invalid_dpop_proof")
    if bucket is None:
        raise _refused(401, "invalid_token")
    body = _members(raw)
    request = RedeemRequest(
        token_hash=secret_hash(token),
        bucket=bucket,
        jkt=proof.jkt,
        proof=proof.digest,
        proof_expires=proof.expires,
        fields=None if body.fields is None else tuple(body.fields),
        idempotency=_idempotency(services, headers.idempotency_key, body),
    )
    return request, body.encrypt_to or None


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> _Headers:
    shown: dict[bytes, list[str]] = {b"authorization": [], b"dpop": [], b"idempotency-key": []}
    length = 0
    for name, value in pairs:
        if name in shown:
            shown[name].append(value.decode("latin-1"))
        elif name == b"content-length":
            # Python refuses to read thousands of digits; nineteen are beyond every limit already.
            length = int(value[:19]) if value.isdigit() else 0
    authorization, proofs, keys = shown.values()
    return _Headers(_only(authorization) or "", proofs, _only(keys), length)


def _only(sent: list[str]) -> str | None:
    """What was sent once, None for nothing; of two of them neither counts, because others may go by another one than we do."""
    return sent[0] if len(sent) == 1 else "" if sent else None


async def _read(receive: Receive, announced: int, limit: int) -> bytes:
    if announced > limit:
        raise Problem(413, "body_too_large")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "bad_request")
        parts.append(message["body"])
        size += len(parts[-1])
        if size > limit:
            raise Problem(413, "body_too_large")
        if not message.get("more_body"):
            return b"".join(parts)


def _token(authorization: str) -> tuple[str, Bucket | None]:
    """The token presented and its bucket, None when the text is no token of ours."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "dpop" or not token:
        raise Problem(401, "not_authenticated", headers={"WWW-Authenticate": _CHALLENGE})
    try:
        return token, secret_bucket(_TOKEN_PREFIX, token)
    except MalformedId:
        return token, None


def _members(raw: bytes) -> _Body:
    if not raw:
        return _Body()
    try:
        body = _decode(raw)
    except msgspec.ValidationError:
        raise Problem(400, "unknown_member") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json") from None
    if body.fields is not None and not 0 < len(set(body.fields)) == len(body.fields) <= _MOST_FIELDS:
        raise Problem(400, "invalid_input")
    if isinstance(body.encrypt_to, str) and not body.encrypt_to:
        raise Problem(400, "unknown_encryption_key")
    return body


def _idempotency(services: Services, key: str | None, body: _Body) -> IdempotencyKey | None:
    if key is None:
        return None
    text = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 0 < len(text) <= _LONGEST_KEY or not all("!" <= character <= "~" for character in text):
        raise Problem(400, "malformed_idempotency_key")
    secret = services.vault.keyring.service_key("id")
    digest = hmac.digest(secret, b"idempotency\0" + text.encode(), hashlib.sha256)
    return IdempotencyKey(key_hash=digest, request_hash=hashlib.sha256(_encode(body)).digest())


def _answer(done: Disclosure, key: EncryptionKey | None) -> bytes:
    at = done.disclosed.position
    return _encode(
        _Answer(
            disclosure_id=disclosure_text(done.disclosed.disclosure_id),
            use=_Use(done.disclosed.slot, done.disclosed.quota),
            data=done.values if key is None else encrypted(done.values, key),
            receipt=done.receipt,
            ledger=_Ledger(at.origin, at.idx, at.leaf.hex()),
        )
    )


def _denied(code: DenialCode) -> Problem:
    match code:
        case DenialCode.REPLAYED_PROOF:
            return _refused(401, "invalid_dpop_proof")
        case DenialCode.FIELD_NOT_GRANTED:
            return _refused(403, "insufficient_scope")
        case DenialCode.IDEMPOTENCY_MISMATCH:
            return Problem(422, "idempotency_mismatch")
        case DenialCode.UNREADABLE:
            return Problem(500, "unreadable")
        case _:
            return _refused(401, "invalid_token")


def _refused(status: int, error: str) -> Problem:
    """A refusal that also speaks RFC 6750 and RFC 9449 §7.1."""
    return Problem(
        status, error, headers={"WWW-Authenticate": f'DPoP error="{error}", algs="{" ".join(ALGORITHMS)}"'}
    )
