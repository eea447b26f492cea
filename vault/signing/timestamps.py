"""Time stamps of RFC 3161: the question put to an authority, and whether its answer holds.

An authority signs that a SHA-256 digest existed at a time. What is kept is its whole answer (DER), as `openssl
ts -verify` reads it. An answer is believed when the chain of its signer ends in one of the authorities given,
was valid at that time, and its certificate is for time stamping. Whether it was revoked later is not looked at.
An answer that is not strict DER, such as one with its certificates out of order, is refused.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerifierBuilder,
    decode_timestamp_response,
)

from vault.errors import VaultError

QUESTION_TYPE: Final = "application/timestamp-query"
ANSWER_TYPE: Final = "application/timestamp-reply"
LONGEST_ANSWER: Final = 65_536


class NotStamped(VaultError):
    """An answer of an authority that says nothing about these bytes, or that nobody known signed."""

    code = "not_stamped"


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to an authority: the digest of a message, and a number that its answer has to repeat."""

    der: bytes
    nonce: int


def ask(message: bytes) -> Question:
    """A question about `message` (not empty); asks for the certificates to be sent along."""
    built = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    assert built.nonce is not None  # the builder always adds one
    return Question(built.as_bytes(), built.nonce)


def authorities(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a PEM file, at least one; raises NotStamped."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise NotStamped("not a file of PEM certificates") from None


def verify(answer: bytes, message: bytes, pem: bytes, *, nonce: int | None = None) -> int:
    """When an authority of the PEM file saw `message` (Unix ms); raises NotStamped.

    With `nonce` the answer must be the one to that question, not one that was given before.
    """
    builder = VerifierBuilder(roots=authorities(pem), nonce=nonce)
    if len(answer) > LONGEST_ANSWER:
        raise NotStamped("an answer too long")
    try:
        found = decode_timestamp_response(answer)
        builder.build().verify_message(found, message)
        at = found.tst_info.gen_time
    except Exception:  # noqa: BLE001 - the parsers below promise no closed set of errors on a stranger's bytes
        raise NotStamped("no authority you trust says so") from None
    return _milliseconds(at)


def _milliseconds(at: datetime) -> int:
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
