"""A root key sealed by a passphrase: two file forms that differ in how the passphrase is stretched (vault.md §6.8).

| version | offset | length | meaning                                                   |
|---------|--------|--------|-----------------------------------------------------------|
| both    | 0      | 8      | "perusal" and version                                     |
| 1       | 8      | 4      | log2 of scrypt's N (15 to 20), r = 8, p = 1, 0            |
| 2       | 8      | 8      | Argon2id: memory in KiB u32, iterations u8, lanes u8, 0 0 |
| both    | then   | 16     | salt; authenticated with everything before it             |
| both    | then   | 12+48  | nonce, AES-256-GCM of the root key and tag                |
"""

import secrets
import struct
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vault.providers.base import SealedError
from vault.sealing.sealed import KEY_BYTES

SCRYPT_MAGIC, ARGON2_MAGIC = b"perusal\x01", b"perusal\x02"
_SCRYPT_HEAD, _ARGON2_HEAD = 12, 16
_SCRYPT_R, _SCRYPT_P = 8, 1
_SALT, _NONCE, _SEALED = 16, 12, KEY_BYTES + 16
_ARGON2 = struct.Struct(">IBBH")


class WrongPassphrase(SealedError):
    """The root file is sound in shape but does not open with this passphrase (or was altered)."""

    code = "wrong_passphrase"


class MalformedRoot(SealedError):
    """The root file is missing, or is not one of ours."""

    code = "malformed_root"


class EmptyPassphrase(SealedError):
    """An empty passphrase protects nothing."""

    code = "empty_passphrase"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """`work` is log2 of scrypt's N, 15 to 20: 16 costs about 0.15 s and 64 MiB."""

    work: int = 16

    def __post_init__(self) -> None:
        if not 15 <= self.work <= 20:
            raise ValueError("work must lie between 15 and 20")

    def head(self) -> bytes:
        return SCRYPT_MAGIC + bytes((self.work, _SCRYPT_R, _SCRYPT_P, 0))

    def stretch(self, text: bytes, salt: bytes) -> bytes:
        return Scrypt(salt=salt, length=32, n=1 << self.work, r=_SCRYPT_R, p=_SCRYPT_P).derive(text)

    def __str__(self) -> str:
        return f"scrypt, N = 2^{self.work}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argon2Cost:
    """Argon2id (RFC 9106): memory in KiB, 19,456 to 1,048,576; the default costs about 0.15 s and 64 MiB."""

    memory_kib: int = 65_536
    iterations: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        if not 19_456 <= self.memory_kib <= 1_048_576:
            raise ValueError("memory_kib must lie between 19456 and 1048576")
        if not (1 <= self.iterations <= 10 and 1 <= self.lanes <= 16):
            raise ValueError("iterations must lie between 1 and 10, lanes between 1 and 16")

    def head(self) -> bytes:
        return ARGON2_MAGIC + _ARGON2.pack(self.memory_kib, self.iterations, self.lanes, 0)

    def stretch(self, text: bytes, salt: bytes) -> bytes:
        kdf = Argon2id(
            salt=salt,
            length=32,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )
        return kdf.derive(text)

    def __str__(self) -> str:
        return f"argon2id, {self.memory_kib} KiB, {self.iterations} iterations, {self.lanes} lanes"


type Cost = ScryptCost | Argon2Cost
DEFAULT_COST = Argon2Cost()


def seal_root(root: bytes, passphrase: str, cost: Cost = DEFAULT_COST) -> bytes:
    """The content of a root file for a 32-byte root key; raises EmptyPassphrase."""
    header = cost.head() + secrets.token_bytes(_SALT)
    nonce = secrets.token_bytes(_NONCE)
    return header + nonce + AESGCM(_stretch(passphrase, cost, header)).encrypt(nonce, root, header)


def unseal_root(raw: bytes, passphrase: str) -> bytes:
    """The root key in the content of a file; raises WrongPassphrase, EmptyPassphrase or MalformedRoot."""
    cost = cost_of(raw)
    header, rest = _divide(raw, cost)
    try:
        return AESGCM(_stretch(passphrase, cost, header)).decrypt(rest[:_NONCE], rest[_NONCE:], header)
    except InvalidTag:
        raise WrongPassphrase("the passphrase does not open the root file") from None


def cost_of(raw: bytes) -> Cost:
    """How a file's passphrase is stretched; raises MalformedRoot.

    Bounded: an altered file must not make the start eat all memory.
    """
    try:
        cost = _read_cost(raw)
    except (ValueError, struct.error):
        raise MalformedRoot("this is not a root file") from None
    if cost is None or len(_divide(raw, cost)[1]) != _NONCE + _SEALED or not raw.startswith(cost.head()):
        raise MalformedRoot("this is not a root file")
    return cost


def _read_cost(raw: bytes) -> Cost | None:
    if raw[:8] == SCRYPT_MAGIC and len(raw) > _SCRYPT_HEAD:
        return ScryptCost(work=raw[8])
    if raw[:8] == ARGON2_MAGIC:
        memory, iterations, lanes, _ = _ARGON2.unpack_from(raw, 8)
        return Argon2Cost(memory_kib=memory, iterations=iterations, lanes=lanes)
    return None


def _divide(raw: bytes, cost: Cost) -> tuple[bytes, bytes]:
    at = len(cost.head()) + _SALT
    return raw[:at], raw[at:]


def _stretch(passphrase: str, cost: Cost, header: bytes) -> bytes:
    if not passphrase:
        raise EmptyPassphrase("the passphrase is empty")
    # NFKC: the same keys pressed on two systems may arrive composed or decomposed.
    text = unicodedata.normalize("NFKC", passphrase).encode()
    return cost.stretch(text, header[-_SALT:])
