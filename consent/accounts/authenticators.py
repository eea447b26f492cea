"""What an authenticator answers, checked by the WebAuthn library (W3C WebAuthn level 2, §7.1 and §7.2).

Pure: texts, challenges and keys in, values out. User verification is required, the origin is exactly the issuer's,
nothing may come out of a frame of another site, and every failure looks alike. The counter is the caller's to judge.
"""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from consent.accounts.passkey_challenges import LIFETIME_MS

_LONGEST: Final = 16_384
_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_FORMATS: Final = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""We ask for none; browsers may leave an authenticator's signature by the new key itself in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relying:
    """Us, as authenticators know us: the origin people see, and the name of its host."""

    origin: str
    rp_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An authenticator's answer before it is checked: its challenge, and the library's own reading of it."""

    challenge: bytes
    read: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A credential whose making was checked. `public_key` is a COSE key."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    backed_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What an authenticator signed, as it came: evidence that verifies without us."""

    credential_id: bytes
    user_handle: bytes | None
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


def relying_of(issuer: str) -> Relying | None:
    """Us under this issuer; None where browsers have no passkeys: without https, and under a bare address."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        secure = parts.scheme == "https" or host == "localhost"
        return Relying(origin=issuer, rp_id=host) if secure else None
    return None


def registration_options(
    relying: Relying, challenge: bytes, *, handle: bytes, user: str, service: str, known: list[bytes]
) -> str:
    """The JSON a browser makes a passkey from; `known` are the person's credentials, which are not made again."""
    options = generate_registration_options(
        rp_id=relying.rp_id,
        rp_name=service,
        user_id=handle,
        user_name=user,
        user_display_name=user,
        challenge=challenge,
        timeout=LIFETIME_MS,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json(options)


def assertion_options(relying: Relying, challenge: bytes, *, known: list[bytes] | None = None) -> str:
    """The JSON a browser signs with a passkey by; without `known` any discoverable one may answer."""
    options = generate_authentication_options(
        rp_id=relying.rp_id,
        challenge=challenge,
        timeout=LIFETIME_MS,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known] if known else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def read_registration(text: str) -> Answer | None:
    """What a browser answered to `registration_options`, unchecked."""
    return _read(text, parse_registration_credential_json)


def read_assertion(text: str) -> Answer | None:
    """What a browser answered to `assertion_options`, unchecked."""
    return _read(text, parse_authentication_credential_json)


def checked_registration(relying: Relying, answer: Answer) -> NewCredential | None:
    """The credential of an answer whose challenge the caller has accepted, or None."""
    try:
        made = verify_registration_response(
            credential=answer.read,
            expected_challenge=answer.challenge,
            expected_rp_id=relying.rp_id,
            expected_origin=relying.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
    except Exception:  # noqa: BLE001 - a stranger's bytes: whatever a parser trips over is one refusal
        return None
    if made.fmt not in _FORMATS:
        return None
    return NewCredential(
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        backed_up=made.credential_backed_up,
    )


def checked_assertion(relying: Relying, answer: Answer, public_key: bytes) -> int | None:
    """The counter an authenticator showed, when it signed an accepted challenge with this key; else None."""
    try:
        checked = verify_authentication_response(
            credential=answer.read,
            expected_challenge=answer.challenge,
            expected_rp_id=relying.rp_id,
            expected_origin=relying.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - as above
        return None
    return checked.new_sign_count


def assertion_of(answer: Answer) -> Assertion:
    """The parts of an assertion."""
    response = answer.read.response
    return Assertion(
        credential_id=answer.read.raw_id,
        user_handle=response.user_handle,
        authenticator_data=response.authenticator_data,
        client_data=response.client_data_json,
        signature=response.signature,
    )


def _read(text: str, parse: Any) -> Answer | None:
    if not 0 < len(text) <= _LONGEST:
        return None
    try:
        read = parse(json.loads(text))
        client = parse_client_data_json(read.response.client_data_json)
    except Exception:  # noqa: BLE001 - as above
        return None
    if client.cross_origin:
        return None
    return Answer(challenge=client.challenge, read=read)
