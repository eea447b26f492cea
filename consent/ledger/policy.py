"""Whom a verifier believes: log keys in the C2SP tlog-policy text, receipt keys as a JSON Web Key set.

`policy.txt` holds one `log <vkey>` line per log and `quorum none`; witness and group lines are refused until
this verifier can weigh cosignatures, because a policy half understood is worse than none. `keys.json` holds
Ed25519 public keys whose `kid` is their RFC 7638 thumbprint, so that no member of it can be changed unnoticed.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consent.ledger import strictjson
from consent.ledger.errors import Malformed
from consent.ledger.jws import unb64url
from consent.ledger.note import VerifierKey

_QUORUM = "quorum none"


@dataclass(frozen=True, slots=True)
class Policy:
    """Log keys and receipt keys (Ed25519, 32 bytes each) a verifier accepts."""

    logs: tuple[VerifierKey, ...]
    receipt_keys: tuple[bytes, ...]

    @property
    def text(self) -> str:
        """The policy file: logs by name, nothing optional."""
        lines = [f"log {key}" for key in sorted(self.logs, key=str)]
        return "\n".join([*lines, _QUORUM, ""])

    @property
    def keys_json(self) -> str:
        """The key set, by key id."""
        keys = sorted((jwk(key) for key in self.receipt_keys), key=lambda item: item["kid"])
        return json.dumps({"keys": keys}, indent=1, sort_keys=True) + "\n"


def parse(text: str, keys_json: str) -> Policy:
    """A policy from its two files, with the comments, blank lines and log URLs the format allows."""
    logs: list[VerifierKey] = []
    quorums = 0
    for line in text.split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log" and len(words) in {2, 3}:
            logs.append(VerifierKey.parse(words[1]))
        elif words == _QUORUM.split():
            quorums += 1
        else:
            raise Malformed("a policy line this verifier does not weigh")
    if quorums != 1 or len({key.public for key in logs}) != len(logs):
        raise Malformed("a policy has one quorum line and each log key once")
    return Policy(tuple(logs), parse_keys(keys_json))


def parse_keys(keys_json: str) -> tuple[bytes, ...]:
    """The Ed25519 public keys of a key set; raises Malformed for anything else in it."""
    found = strictjson.load(keys_json)
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise Malformed("not a key set")
    return tuple(map(_public, found["keys"]))


def jwk(public: bytes) -> dict[str, str]:
    """An Ed25519 public key as a JSON Web Key, named by its thumbprint."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return {"alg": "Ed25519", "crv": "Ed25519", "kid": thumbprint(public), "kty": "OKP", "use": "sig", "x": x}


def thumbprint(public: bytes) -> str:
    """The RFC 7638 SHA-256 thumbprint of an Ed25519 key."""
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def strangers(trusted: Policy, found: Policy) -> Iterator[str]:
    """What `found` names that `trusted` does not: the origins of unknown logs, the ids of unknown keys."""
    known = set(trusted.logs)
    yield from (key.name for key in found.logs if key not in known)
    yield from (thumbprint(key) for key in found.receipt_keys if key not in trusted.receipt_keys)


def _public(item: Any) -> bytes:
    x = item.get("x") if isinstance(item, dict) else None
    public = unb64url(x) if isinstance(x, str) else b""
    if len(public) != 32 or {**jwk(public), **item} != jwk(public):
        raise Malformed("not an Ed25519 key named by its thumbprint")
    return public
