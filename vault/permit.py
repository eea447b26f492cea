"""The access permit: the only thing the reader accepts, and proof that the use is already in the ledger.

A permit is a statement of one use with a MAC over all of it. `issue` must only be called with a statement
built from a ledger leaf that was read back after its commit; exactly one module of the consent floor does
that. Forging a permit takes the vault's permit key.
"""

import hmac
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple, NoReturn, Protocol

from vault.ids import Bucket, SubjectId, TenantId

_LABEL = b"pv1/permit"


class AccessKind(StrEnum):
    """What sort of use was committed; each way to clear values serves only the kinds it names."""

    USE = "use"  # one redemption by a recipient: the values at one instant
    EMERGENCY = "emergency"  # what two members of staff approved: the values at one instant
    STAFF = "staff"  # what one member of staff read within their bounds: the values at one instant
    COPY = "copy"  # a person's copy of their own data: every version


class AccessStatement(NamedTuple):
    """One committed use: of what kind, whose fields go to whom, what for, as of when, where the ledger says so.

    `at_ms` is Unix milliseconds: values valid at that instant are the ones that may be read. `log_origin`,
    `entry_index` and `leaf_hash` (32 bytes) are the ledger position of the use.
    """

    kind: AccessKind
    subject: SubjectId
    bucket: Bucket
    tenant: TenantId
    fields: tuple[str, ...]
    recipient: str
    purpose: str
    at_ms: int
    log_origin: str
    entry_index: int
    leaf_hash: bytes


class ServiceKeys(Protocol):
    """Whatever can give the vault's service keys by name."""

    def service_key(self, name: str) -> bytes: ...


class AccessPermit:
    """A statement and its MAC (32 bytes). Made by `issue` only; the reader checks the MAC again."""

    __slots__ = ("mac", "statement")

    statement: AccessStatement
    mac: bytes

    def __init__(self) -> None:
        raise TypeError("a permit is issued, never constructed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a permit does not change")

    def __repr__(self) -> str:
        return f"AccessPermit({self.statement.log_origin!r}, {self.statement.entry_index})"


def issue(keys: ServiceKeys, statement: AccessStatement) -> AccessPermit:
    """The permit for a statement that the ledger has committed."""
    return _permit(statement, _mac(keys, statement))


def check(keys: ServiceKeys, permit: AccessPermit, kinds: Collection[AccessKind]) -> bool:
    """Whether this vault issued the permit for exactly this statement, of one of `kinds`; constant time in the MAC."""
    genuine = hmac.compare_digest(_mac(keys, permit.statement), permit.mac)
    return genuine and permit.statement.kind in kinds


def encode(statement: AccessStatement) -> bytes:
    """The statement as the MAC covers it: every part with its length in front, so that no two read alike.

    | part                                                              | form                    |
    |-------------------------------------------------------------------|-------------------------|
    | kind, subject, tenant, recipient, purpose, log origin, leaf hash  | length u32, bytes       |
    | bucket, at_ms, entry index, number of fields                      | u64                     |
    | each field code                                                   | length u32, bytes       |
    """
    texts = (
        statement.kind.encode(),
        statement.subject,
        statement.tenant,
        statement.recipient.encode(),
        statement.purpose.encode(),
        statement.log_origin.encode(),
        statement.leaf_hash,
    )
    numbers = (statement.bucket, statement.at_ms, statement.entry_index, len(statement.fields))
    parts = [len(text).to_bytes(4) + text for text in texts]
    parts += [number.to_bytes(8) for number in numbers]
    parts += [len(name).to_bytes(4) + name for name in map(str.encode, statement.fields)]
    return b"".join(parts)


def _mac(keys: ServiceKeys, statement: AccessStatement) -> bytes:
    return hmac.digest(keys.service_key("permit"), _LABEL + encode(statement), "sha256")


def _permit(statement: AccessStatement, mac: bytes) -> AccessPermit:
    permit = object.__new__(AccessPermit)
    object.__setattr__(permit, "statement", statement)
    object.__setattr__(permit, "mac", mac)
    return permit
