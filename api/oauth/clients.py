"""Who is calling `/par` or `/token`: client authentication, and the proof that may come with it.

Both the assertion's `jti` and the proof's are remembered in the transaction of whatever follows, so that of
two copies sent at the same moment one fails on every worker. What is refused takes that transaction back, so
`spent_when_refused` remembers them once more, alone (consent.md §2.5). Only what a key of the client signed
is worth a row: strangers fill nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from litestar import Request
from sqlalchemy import Connection

from api.oauth.asking import Credentials
from api.oauth.assertion import ASSERTION_TYPE, Assertion, check_assertion
from api.oauth.dpop import Proof, ProofFault, check_proof
from api.oauth.errors import OAuthRefused
from api.oauth.nonces import new_nonce
from api.wiring import Services
from consent.recipients import register as recipients
from consent.recipients.key_sets import PublicKey
from consent.recipients.register import Client
from consent.signing import replay
from vault.base64url import unb64url
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

    def too_often(self, services: Services) -> OAuthRefused | None:
        """Count what leaves a row behind; the refusal of a client that does so too often (`callers`)."""
        wait_s = services.callers.count(self.client.client_id)
        headers = {"Retry-After": str(wait_s)}
        return (
            OAuthRefused(429, "temporarily_unavailable", "too_many_attempts", headers=headers)
            if wait_s
            else None
        )

    def paced(self, services: Services) -> None:
        """The same, raised."""
        if refused := self.too_often(services):
            raise refused

    def shown(self, buckets: Buckets) -> list[tuple[Bucket, bytes, int]]:
        """What the replay table is to remember: the assertion, then the proof if one came."""
        rows = [replay.row_of(buckets, "assertion", self.assertion.digest, self.assertion.expires)]
        if self.proof is not None:
            rows.append(replay.row_of(buckets, "dpop", self.proof.digest, self.proof.expires))
        return rows


def caller(services: Services, request: Request[Any, Any, Any], form: Mapping[str, str], path: str) -> Caller:
    """Authenticate the client of a form sent to `path`; raises OAuthRefused."""
    credentials = Credentials(form=form, proofs=proofs_of(request), path=path)
    known = _known(services, form)
    keys = _keys(services, known, form)
    return authenticated(services, credentials, known, keys, services.clock())


def proofs_of(request: Request[Any, Any, Any]) -> tuple[str, ...]:
    """Its `DPoP` headers, of which there should be one at most."""
    return tuple(request.headers.getall("dpop", []))


def renew_keys(services: Services, credentials: Credentials) -> None:
    """Fetch the client's keys where they are due; raises OAuthRefused for nobody's form."""
    _keys(services, _known(services, credentials.form), credentials.form)


def _known(services: Services, form: Mapping[str, str]) -> Client:
    client_id = claimed_client(form)
    with services.vault.data.glance() as conn:
        known = recipients.client(conn, client_id)
    if known is None:
        raise unknown()
    return known


def _keys(services: Services, known: Client, form: Mapping[str, str]) -> tuple[PublicKey, ...]:
    data, guard = services.vault.data, services.settings.guard
    return services.client_keys.of(data, guard, known, form["client_assertion"], services.clock())


def claimed_client(form: Mapping[str, str]) -> str:
    """Whom a form says it is from, before anything is verified; raises OAuthRefused where that can be nobody."""
    if form.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in form:
        raise OAuthRefused(401, "invalid_client", "client.no_assertion")
    client_id = form.get("client_id") or _claimed(form["client_assertion"])
    # No id of ours looks otherwise, and a data base cannot even be asked about a NUL.
    if not (client_id.isascii() and client_id.isprintable() and len(client_id) <= _LONGEST_ID):
        raise unknown()
    return client_id


def authenticated(
    services: Services, shown: Credentials, known: Client, keys: Sequence[PublicKey], now_ms: int
) -> Caller:
    """The caller behind what was shown, verified with these keys; raises OAuthRefused."""
    checked = check_assertion(
        shown.form["client_assertion"],
        keys,
        client_id=known.client_id,
        issuer=services.issuer,
        now_ms=now_ms,
    )
    if not isinstance(checked, Assertion):
        raise unknown()
    who = Caller(client=known, keys=tuple(keys), assertion=checked, proof=None)
    with who.spent_when_refused(services):
        if known.suspended:
            raise OAuthRefused(400, "unauthorized_client", "client.suspended")
        return replace(who, proof=_proof(services, shown, now_ms))


def unknown() -> OAuthRefused:
    """The one answer to every client that is not known by what it sent."""
    return OAuthRefused(401, "invalid_client", "client.not_authenticated")


def _proof(services: Services, shown: Credentials, now_ms: int) -> Proof | None:
    key = services.nonce_key()
    checked = check_proof(
        shown.proofs,
        method="POST",
        url=services.url(shown.path),
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


def _claimed(assertion: str) -> str:
    """Whom an assertion says it is from, before anything is verified: only to find the keys to verify with."""
    try:
        claims = msgspec.json.decode(unb64url(assertion.split(".")[1]), type=dict[str, Any])
    except (IndexError, ValueError, RecursionError):
        return ""
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else ""
