"""The local provider: the root key in one file, sealed by a passphrase (vault.md §6.8).

Root file, 88 bytes; the first 28 are authenticated with the key:

| offset | length | meaning                            |
|--------|--------|------------------------------------|
| 0      | 8      | "perusal" and version 1            |
| 8      | 1      | log2 of scrypt's N, 15 to 20       |
| 9      | 2      | scrypt's r = 8 and p = 1           |
| 11     | 1      | 0                                  |
| 12     | 16     | scrypt's salt                      |
| 28     | 12     | nonce                              |
| 40     | 48     | AES-256-GCM of the root key and tag |

A wrapped key is version 1 ‖ nonce 12 ‖ AES-256-GCM(root key, key), 61 bytes. Python cannot wipe memory: who
can read the process can read the root key.
"""

import os
import secrets
import unicodedata
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vault.providers.base import SealedError
from vault.sealed import KEY_BYTES, Unopenable

ROOT_FILE_BYTES = 88
MIN_WORK, DEFAULT_WORK, MAX_WORK = 15, 16, 20
_MAGIC = b"perusal\x01"
_SCRYPT_R, _SCRYPT_P = 8, 1
_WRAP_VERSION = b"\x01"
_WRAPPED_BYTES = 1 + 12 + KEY_BYTES + 16


class WrongPassphrase(SealedError):
    """The root file is sound in shape but does not open with this passphrase (or was altered)."""

    code = "wrong_passphrase"


class MalformedRoot(SealedError):
    """The root file is missing, or is not one of ours."""

    code = "malformed_root"


class RootExists(SealedError):
    """There is a root file already; overwriting it would destroy every key below it."""

    code = "root_exists"


class EmptyPassphrase(SealedError):
    """An empty passphrase protects nothing."""

    code = "empty_passphrase"


class LocalProvider:
    """Wraps tenant keys under a root key held in this process's memory."""

    __slots__ = ("_cipher",)

    def __init__(self, root: bytes) -> None:
        self._cipher = AESGCM(root)

    @property
    def name(self) -> str:
        return "local"

    def wrap(self, key: bytes, context: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return _WRAP_VERSION + nonce + self._cipher.encrypt(nonce, key, context)

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        if len(blob) != _WRAPPED_BYTES or blob[:1] != _WRAP_VERSION:
            raise Unopenable("this key does not unwrap")
        try:
            return self._cipher.decrypt(blob[1:13], blob[13:], context)
        except InvalidTag:
            raise Unopenable("this key does not unwrap") from None


def create_root(path: Path, passphrase: str, *, work: int = DEFAULT_WORK) -> None:
    """Write a new root key to `path`, readable by its owner only; raises RootExists rather than overwrite.

    `work` is log2 of scrypt's N: 16 costs about 0.15 s and 64 MiB.
    """
    if not MIN_WORK <= work <= MAX_WORK:
        raise ValueError(f"work must lie between {MIN_WORK} and {MAX_WORK}")
    header = _MAGIC + bytes((work, _SCRYPT_R, _SCRYPT_P, 0)) + secrets.token_bytes(16)
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(_stretch(passphrase, header)).encrypt(nonce, secrets.token_bytes(KEY_BYTES), header)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RootExists("a root file exists already") from None
    with os.fdopen(handle, "wb") as file:
        file.write(header + nonce + sealed)
        file.flush()
        os.fsync(file.fileno())


def open_root(path: Path, passphrase: str) -> LocalProvider:
    """The provider sealed in `path`; raises WrongPassphrase, or MalformedRoot when it is no root file."""
    try:
        raw = Path(path).read_bytes()
    except OSError:
        raise MalformedRoot("the root file cannot be read") from None
    header, nonce, sealed = raw[:28], raw[28:40], raw[40:]
    if len(raw) != ROOT_FILE_BYTES or not _header_is_sound(header):
        raise MalformedRoot("this is not a root file")
    try:
        return LocalProvider(AESGCM(_stretch(passphrase, header)).decrypt(nonce, sealed, header))
    except InvalidTag:
        raise WrongPassphrase("the passphrase does not open the root file") from None


def _header_is_sound(header: bytes) -> bool:
    # Bounded work: an altered file must not make the start eat all memory.
    return (
        header[:8] == _MAGIC
        and MIN_WORK <= header[8] <= MAX_WORK
        and header[9:12] == bytes((_SCRYPT_R, _SCRYPT_P, 0))
    )


def _stretch(passphrase: str, header: bytes) -> bytes:
    if not passphrase:
        raise EmptyPassphrase("the passphrase is empty")
    # NFKC: the same keys pressed on two systems may arrive composed or decomposed.
    text = unicodedata.normalize("NFKC", passphrase).encode()
    return Scrypt(salt=header[12:28], length=32, n=1 << header[8], r=_SCRYPT_R, p=_SCRYPT_P).derive(text)
