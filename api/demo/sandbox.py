"""A place to try a recipient's program: one recipient with its key, one consumer, made when `serve --demo` starts.

Both are ordinary: registered, signed and enrolled as an operator does it. What their owners would keep to themselves
is written, for the owner of the installation only, into the folder `sandbox` beside the root key:

| file             | for                                                                                      |
|------------------|------------------------------------------------------------------------------------------|
| `recipient.json` | the programs in docs/recipients.md: issuer, client id, private key, details of a request |
| `consumer.json`  | the person in the browser: sign-in key, phone, e-mail                                    |

`prepare(vault, settings, now_ms) -> Path` is that folder; what is there already stays, but for the request's window.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from joserfc.jwk import ECKey

from api.demo.terms_signature import terms_signature
from consent.asking import terms_signing
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.recipients import register as recipients
from consent.recipients.register import Registration
from consent.wording import notices, purposes, terms

if TYPE_CHECKING:
    from api.settings import Settings
    from vault.opening import Vault

FOLDER: Final = "sandbox"
REDIRECT: Final = "http://127.0.0.1:9/callback"
_DAY_MS: Final = 86_400_000
_PURPOSE: Final = "delivery"
_HANDLING: Final = notices.Handling(method="Kept encrypted, and printed once on the label.")
_PERSON: Final = {
    "name": "Sandbox Zhang",
    "phone": "+86 139 0000 0001",
    "email": "sandbox@consumer.example",
    "address": "浙江省杭州市西湖区文三路1号",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipient:
    """A registered recipient as its own program knows it."""

    client_id: str
    key: dict[str, Any]
    notice: dict[str, str]
    liability: dict[str, str]


def prepare(vault: Vault, settings: Settings, now_ms: int) -> Path:
    """Make the sandbox, or find it again and let its request begin now."""
    folder = settings.root_file.parent / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    recipient, consumer = folder / "recipient.json", folder / "consumer.json"
    if not recipient.exists():
        _write(recipient, _described(_register(vault, now_ms)))
    if not consumer.exists():
        _write(consumer, _enrol(vault, now_ms))
    document = json.loads(recipient.read_text(encoding="utf-8"))
    document["issuer"] = settings.issuer
    document["details"]["window"] = {"to": _instant(now_ms + _DAY_MS)}
    _write(recipient, document)
    return folder


def _register(vault: Vault, now_ms: int) -> _Recipient:
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    with vault.data.write() as conn:
        purposes.seed(conn)
        who = recipients.register(conn, _registration(key, now_ms), now_ms)
        text = "We write your name, phone and address on one parcel, and delete them after thirty days."
        notice = notices.publish(conn, who.recipient_id, _PURPOSE, 1, "en", text, now_ms, _HANDLING)
        owed = terms.publish(
            conn,
            who.recipient_id,
            1,
            "If what you gave us leaks from us, we owe you 300 CNY.",
            "300.00",
            "CNY",
            "3000.00",
            now_ms,
        )
        terms_signing.sign(conn, owed.id, terms_signature(key, owed.hash), now_ms)
    return _Recipient(
        client_id=who.client_id,
        key=dict(key.as_dict(private=True)),
        notice={"id": notice.id, "hash": notice.hash},
        liability={"terms": owed.id, "hash": owed.hash},
    )


def _registration(key: ECKey, now_ms: int) -> Registration:
    return Registration(
        legal_name="Sandbox Parcel Ltd",
        contact="privacy@sandbox.example",
        registration_no=f"SANDBOX-{now_ms}",
        redirect_uris=[REDIRECT],
        jwks={"keys": [key.as_dict(private=False)]},
    )


def _described(one: _Recipient) -> dict[str, Any]:
    return {
        "issuer": "",
        "client_id": one.client_id,
        "key": one.key,
        "redirect_uri": REDIRECT,
        "details": {
            "type": "pii_use",
            "purpose": _PURPOSE,
            "datatypes": ["address", "name", "phone"],
            "uses": {"max": 1, "ask": "each"},
            "window": {},
            "retention": "P30D",
            "notice": one.notice,
            "liability": one.liability,
        },
    }


def _enrol(vault: Vault, now_ms: int) -> dict[str, str]:
    (made,) = enrol_people(vault, [NewPerson(_PERSON)], now_ms)
    # Refused when only the file was lost: the key is gone with it, a code by phone still lets them in.
    known = {"sign_in_key": made.key} if isinstance(made, Enrolled) else {}
    return {**known, "phone": _PERSON["phone"], "email": _PERSON["email"]}


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _write(path: Path, document: dict[str, Any]) -> None:
    """For the owner only, and never half of it."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(document, file, ensure_ascii=False, indent=2)
    fresh.replace(path)
