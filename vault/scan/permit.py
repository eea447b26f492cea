"""The permission for a population scan: proof that two people agreed to exactly this one (vault.md §6.5).

A scan opens everybody's value of one field, so it takes what a permit takes, and an approval more: the statement
names the request that two members of staff approved, and only the module of the consent floor that has read both
approvals back after their commit may call `issue`. Forging one takes the vault's scan key.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from vault.permit import ServiceKeys

_LABEL = b"pv1/scan"
_WANTED = b"pv1/scan/wanted"  # `_LABEL` goes on with a length, which is never as large as "/wan"
_SALTS = b"pv1/scan/salts"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanStatement:
    """One approved scan: what is looked for, who asked, who approved, until when it may begin (Unix ms).

    `request` is the id of the approved request; `schemes` are texts as `vault.scan.schemes` reads them; `wanted` is
    `wanted_hash` of the digests looked for, `salts` is `salts_hash` of the salts they are tried under.
    """

    request: bytes
    field: str
    schemes: tuple[str, ...]
    wanted: bytes
    salts: bytes
    asked_by: bytes
    approved_by: tuple[bytes, bytes]
    until_ms: int


class ScanPermission:
    """A statement and its MAC (32 bytes). Made by `issue` only; the scan checks the MAC again."""

    __slots__ = ("mac", "statement")

    statement: ScanStatement
    mac: bytes

    def __init__(self) -> None:
        raise TypeError("a permission is issued, never constructed")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a permission does not change")

    def __repr__(self) -> str:
        return f"ScanPermission({self.statement.field!r})"


def wanted_hash(keys: ServiceKeys, wanted: Sequence[bytes]) -> bytes:
    """What a permission binds of the digests that are looked for, 32 bytes: their set, in any order.

    Under the scan key: requests are kept, and a plain hash of one digest of a phone number could be guessed.
    """
    return _set_hash(keys, _WANTED, wanted)


def salts_hash(keys: ServiceKeys, salts: Sequence[bytes]) -> bytes:
    """What a permission binds of the salts, 32 bytes: their set, in any order; also of none there is one."""
    return _set_hash(keys, _SALTS, salts)


def _set_hash(keys: ServiceKeys, label: bytes, parts: Sequence[bytes]) -> bytes:
    return hmac.digest(keys.service_key("scan"), label + _framed(sorted(set(parts))), "sha256")


def issue(keys: ServiceKeys, statement: ScanStatement) -> ScanPermission:
    """The permission for a scan that two others than who asks have approved; raises ValueError if not two."""
    if len({statement.asked_by, *statement.approved_by}) != 3:
        raise ValueError("whoever asks and the two who approve are three people")
    permission = object.__new__(ScanPermission)
    object.__setattr__(permission, "statement", statement)
    object.__setattr__(permission, "mac", _mac(keys, statement))
    return permission


def check(keys: ServiceKeys, permission: ScanPermission) -> bool:
    """Whether this vault issued the permission for exactly this statement; constant time in the MAC."""
    return hmac.compare_digest(_mac(keys, permission.statement), permission.mac)


def encode(statement: ScanStatement) -> bytes:
    """The statement as the MAC covers it: every part with its length in front, so that no two read alike.

    | part                                                           | form                |
    |----------------------------------------------------------------|---------------------|
    | request, field, wanted, salts, asked by, approved by (two)     | length u32, bytes   |
    | until_ms, number of schemes                                    | u64                 |
    | each scheme                                                    | length u32, bytes   |
    """
    parts = (
        statement.request,
        statement.field.encode(),
        statement.wanted,
        statement.salts,
        statement.asked_by,
        *statement.approved_by,
    )
    schemes = [scheme.encode() for scheme in statement.schemes]
    numbers = statement.until_ms.to_bytes(8) + len(schemes).to_bytes(8)
    return _framed(parts) + numbers + _framed(schemes)


def _framed(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4) + part for part in parts)


def _mac(keys: ServiceKeys, statement: ScanStatement) -> bytes:
    return hmac.digest(keys.service_key("scan"), _LABEL + encode(statement), "sha256")
