"""A recipient app's own program: a confidential OAuth client that speaks the published standards and nothing else.

Pushed requests (RFC 9126) with `pii_use` details (RFC 9396), PKCE S256 (RFC 7636), `private_key_jwt` (RFC
7523), tokens bound to a DPoP key (RFC 9449), and one disclosure per use with an Idempotency-Key. It knows the
server only by its metadata document, so that it would drive any other server of the same kind. One instance
belongs to one thread.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ATTEMPTS = 3


class RefusedByServer(Exception):
    """The server said no: `status` is the HTTP status, `code` the stable reason in its answer."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What the metadata document of the server names."""

    issuer: str
    par: str
    authorize: str
    token: str
    disclosures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A request the server has accepted and keeps for a short while, with the secrets only we hold."""

    authorize_url: str
    verifier: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseToken:
    """One use of one grant, bound to our DPoP key."""

    text: str
    grant_id: str
    details: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one disclosure delivered: values by field code, the signed receipt, and the exact body for comparison."""

    disclosure_id: str
    values: Mapping[str, str]
    receipt: str
    body: bytes


def discover(http: httpx.Client, base_url: str) -> Endpoints:
    """Read both metadata documents of the server (RFC 8414, RFC 9728); raises RefusedByServer."""
    server = _json(http.get(f"{base_url}/.well-known/oauth-authorization-server"))
    resource = _json(http.get(f"{base_url}/.well-known/oauth-protected-resource/v1/disclosures"))
    return Endpoints(
        issuer=server["issuer"],
        par=server["pushed_authorization_request_endpoint"],
        authorize=server["authorization_endpoint"],
        token=server["token_endpoint"],
        disclosures=resource["resource"],
    )


class RecipientClient:
    """One recipient's client: `key` signs its assertions, a second key of its own signs its proofs."""

    def __init__(
        self, http: httpx.Client, endpoints: Endpoints, *, client_id: str, key: ECKey, redirect_uri: str
    ) -> None:
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self._http = http
        self._endpoints = endpoints
        self._key = key
        self._proof_key = ECKey.generate_key("P-256")
        self._proof_jwk = dict(self._proof_key.as_dict(private=False))
        self.steps = 0

    def push(self, details: Mapping[str, Any]) -> Pushed:
        """Ask for one grant; returns where to send the person. Raises RefusedByServer."""
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        form = {
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "state": state,
            "code_challenge": _b64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "authorization_details": json.dumps([details]),
        }
        answer = _json(self._post_form(self._endpoints.par, form))
        query = urlencode({"client_id": self.client_id, "request_uri": answer["request_uri"]})
        return Pushed(authorize_url=f"{self._endpoints.authorize}?{query}", verifier=verifier, state=state)

    def code_from(self, callback: str, pushed: Pushed) -> str:
        """The code in the address the person came back to; raises RefusedByServer when the person refused.

        `state` and `iss` are compared with what was sent (RFC 9207), because another server's answer must not pass.
        """
        answer = {name: values[0] for name, values in parse_qs(urlsplit(callback).query).items()}
        if answer.get("state") != pushed.state or answer.get("iss") != self._endpoints.issuer:
            raise RefusedByServer(0, "mixed_up_answer")
        if "code" not in answer:
            raise RefusedByServer(0, answer.get("error", "no_code"))
        return answer["code"]

    def exchange(self, code: str, pushed: Pushed) -> UseToken:
        """Turn a code into a token for one use; raises RefusedByServer."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": pushed.verifier,
        }
        answer = _json(self._post_form(self._endpoints.token, form, proof=True))
        details = tuple(answer.get("authorization_details", ()))
        return UseToken(text=answer["access_token"], grant_id=answer["grant_id"], details=details)

    def disclose(self, token: UseToken, idempotency_key: str) -> Received:
        """Spend one use, or repeat the answer of an earlier try with the same key; raises RefusedByServer.

        A broken connection is tried again with the same key and a new proof: the server then answers from its record.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._disclose_once(token, idempotency_key)
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError  # unreachable: the last attempt returns or raises

    def _disclose_once(self, token: UseToken, idempotency_key: str) -> Received:
        self.steps += 1
        response = self._http.post(
            self._endpoints.disclosures,
            json={},
            headers={
                "Authorization": f"DPoP {token.text}",
                "DPoP": self._proof("POST", self._endpoints.disclosures, token.text),
                "Idempotency-Key": f'"{idempotency_key}"',
            },
        )
        answer = _json(response)
        return Received(
            disclosure_id=answer["disclosure_id"],
            values=answer["data"],
            receipt=answer["receipt"],
            body=response.content,
        )

    def _post_form(self, url: str, form: Mapping[str, str], *, proof: bool = False) -> httpx.Response:
        self.steps += 1
        identity = {
            "client_id": self.client_id,
            "client_assertion_type": JWT_BEARER,
            "client_assertion": self._assertion(),
        }
        headers = {"DPoP": self._proof("POST", url)} if proof else {}
        return self._http.post(url, data={**form, **identity}, headers=headers)

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self._endpoints.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, claims, self._key)

    def _proof(self, method: str, url: str, token: str | None = None) -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
        }
        if token is not None:
            claims["ath"] = _b64(hashlib.sha256(token.encode()).digest())
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._proof_jwk}
        return jwt.encode(header, claims, self._proof_key)


def _json(response: httpx.Response) -> Any:
    answer = response.json() if response.content else {}
    if response.is_success:
        return answer
    raise RefusedByServer(response.status_code, str(answer.get("code") or answer.get("error") or "unnamed"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
