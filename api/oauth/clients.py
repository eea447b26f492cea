"""Who is calling `/par` or `/token`: client authentication, and the proof that may come with it.

Both the assertion's `jti` and the proof's are remembered in the transaction of whatever follows, so that of
two copies sent at the same moment one fails on every worker. What is refused takes that transaction back, so
`spent_when_refused` remembers them once more, alone (consent.md §2.5). Only what a key of the client signed
is worth a row: strangers fill nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from litestar import Request
from sqlalchemy import Connection

from api.oauth.assertion import ASSERTION_TYPE, Assertion, check_assertion
from api.oauth.dpop import Proof, ProofFault, check_proof, unb64
from api.oauth.errors import OAuthRefused
from api.oauth.nonces import new_nonce
from api.wiring import Services
from consent import recipients, replay
from consent.key_sets import PublicKey
from consent.recipients import Client
from vault.ids import Bucket, Buckets

_LONGEST_ID = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated client and what came with it; nothing of it is spent until `spend`."""

    client: Client
    keys: tuple[PublicKey, ...]
    assertion: Assertion
    proof: Proof | None

    def spend(self, conn: Connection, buckets: Buckets) -> None:
        """Accept assertion and proof once; raises OAuthRefused for a copy."""
        if not replay.remember(conn, buckets, "assertion", self.assertion.digest, self.assertion.expires):
            raise OAuthRefused(401, "invalid_client", "client.assertion_replayed")
        if self.proof and not replay.remember(conn, buckets, "dpop", self.proof.digest, self.proof.expires):
            raise OAuthRefused(400, "invalid_dpop_proof", "proof.replayed")

    @contextmanager
    def spent_when_refused(self, services: Services) -> Iterator[None]:
        """Within, every refusal leaves assertion and proof as used as an answer would."""
        try:
            yield
        except OAuthRefused:
            first, *more = self.shown(services.vault.installation.buckets)
            with services.vault.data.write() as conn:
                # Whoever shows a used assertion may be a stranger who overheard it: no row for each of their proofs.
                if replay.remember_many(conn, [first]):
                    replay.remember_many(conn, more)
            raise

    def shown(self, buckets: Buckets) -> list[tuple[Bucket, bytes, int]]:
        """What the replay table is to remember: the assertion, then the proof if one came."""
        rows = [replay.row_of(buckets, "assertion", self.assertion.digest, self.assertion.expires)]
        if self.proof is not None:
            rows.append(replay.row_of(buckets, "dpop", self.proof.digest, self.proof.expires))
        return rows


def caller(services: Services, request: Request[Any, Any, Any], form: Mapping[str, str], path: str) -> Caller:
    """Authenticate the client of a form sent to `path`; raises OAuthRefused."""
    now_ms = services.clock()
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
        raise OAuthRefused(401, "invalid_client", "client.no_assertion")
    client_id = form.get("client_id") or _claimed_client(form["client_assertion"])
    # No id of ours looks otherwise, and a data base cannot even be asked about a NUL.
    if not (client_id.isascii() and client_id.isprintable() and len(client_id) <= _LONGEST_ID):
        raise OAuthRefused(401, "invalid_client", "client.not_authenticated")
    with services.vault.data.glance() as conn:
        known = recipients.client(conn, client_id)
    if known is None:
        raise OAuthRefused(401, "invalid_client", "client.not_authenticated")
    said = form["client_assertion"]
    keys = services.client_keys.of(services.vault.data, services.settings.guard, known, said, now_ms)
    checked = check_assertion(said, keys, client_id=client_id, issuer=services.issuer, now_ms=now_ms)
    if not isinstance(checked, Assertion):
        raise OAuthRefused(401, "invalid_client", "client.not_authenticated")
    who = Caller(client=known, keys=keys, assertion=checked, proof=None)
    with who.spent_when_refused(services):
        if known.suspended:
            raise OAuthRefused(400, "unauthorized_client", "client.suspended")
        return replace(who, proof=_proof(services, request, path, now_ms))


def _proof(services: Services, request: Request[Any, Any, Any], path: str, now_ms: int) -> Proof | None:
    key = services.nonce_key()
    checked = check_proof(
        request.headers.getall("dpop", []),
        method="POST",
        url=services.url(path),
        now_ms=now_ms,
        nonce_key=key,
    )
    if checked is ProofFault.MISSING:
        return None
    if checked is ProofFault.NONCE and key is not None:
        raise OAuthRefused(
            400, "use_dpop_nonce", "proof.nonce", headers={"DPoP-Nonce": new_nonce(key, now_ms)}
        )
    if isinstance(checked, ProofFault):
        raise OAuthRefused(400, "invalid_dpop_proof", f"proof.{checked}")
    return checked


def _claimed_client(assertion: str) -> str:
    """Whom an assertion says it is from, before anything is verified: only to find the keys to verify with."""
    try:
        claims = msgspec.json.decode(unb64(assertion.split(".")[1]), type=dict[str, Any])
    except (IndexError, ValueError, RecursionError):
        return ""
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else ""
