"""The root key inside a hardware security module, through PKCS#11 (vault.md §6.8). Needs the extra "pkcs11".

The root is an AES-256 key that can never leave the token; several versions may be there, labelled `<key>.1`,
`<key>.2` and so on, and the highest one wraps. A wrapped key:

| offset | length | meaning                                                           |
|--------|--------|-------------------------------------------------------------------|
| 0      | 1      | version 1                                                         |
| 1      | 8      | CKA_ID of the key that wrapped, random                            |
| 9      | 12     | nonce, made by us: tokens differ in who makes it                  |
| 21     | 48     | AES-256-GCM of the key and tag, bound to the first 9 and context  |
"""

import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from vault.providers.base import Health, MissingExtra, ProviderDown, ProviderError, ProviderRefused, try_out
from vault.sealing.sealed import KEY_BYTES, Unopenable

try:
    import pkcs11
    from pkcs11 import exceptions as failures
except ImportError:
    raise MissingExtra('a root key in a security module needs the extra "pkcs11"') from None

type Key = Any
"""A key object: the library gives it its verbs at run time, from what the token says it may do."""

_VERSION = b"\x01"
_ID_BYTES = 8
_HEAD = 1 + _ID_BYTES
_BLOB = _HEAD + 12 + KEY_BYTES + 16
_KEYS: Final = {
    pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
    pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.AES,
}
_LOCKED_IN: Final = {
    pkcs11.Attribute.SENSITIVE: True,
    pkcs11.Attribute.EXTRACTABLE: False,
    pkcs11.Attribute.PRIVATE: True,
}
_AWAY = (
    failures.DeviceError,
    failures.DeviceMemory,
    failures.DeviceRemoved,
    failures.NoSuchToken,
    failures.SessionClosed,
    failures.SessionCount,
    failures.SessionHandleInvalid,
    failures.TokenNotPresent,
    failures.TokenNotRecognised,
    failures.UserAlreadyLoggedIn,
)
_BAD_PIN = (
    failures.PinIncorrect,
    failures.PinInvalid,
    failures.PinLenRange,
    failures.PinLocked,
    failures.PinExpired,
)
_UNDECIPHERABLE = (
    failures.EncryptedDataInvalid,
    failures.EncryptedDataLenRange,
    failures.FunctionFailed,
    failures.GeneralError,
)

# A login belongs to the whole process: two sessions of one token would log each other out.
_one_at_a_time = threading.Lock()


class Pkcs11Provider:
    """Wraps tenant keys inside the token labelled `token`, under the keys labelled `key`.

    `module` is the token's PKCS#11 library; `pin` is asked at every login. A session is opened for each call:
    calls are rare, and a token that was unplugged and is back needs no restart. After a refused PIN nothing is
    tried again, or the token would lock itself. Make it in the process that uses it.
    """

    name = "pkcs11"

    def __init__(self, *, module: Path, token: str, key: str, pin: Callable[[], str]) -> None:
        self._module, self._token, self._key, self._pin = module, token, key, pin
        self._pin_refused = False

    def wrap(self, key: bytes, context: bytes) -> bytes:
        with self._session() as session:
            newest = self._newest(session)
            head, nonce = _VERSION + bytes(newest.id), secrets.token_bytes(12)
            return head + nonce + _seal(newest, nonce, key, head + context)

    def unwrap(self, blob: bytes, context: bytes) -> bytes:
        head, nonce, sealed = _divide(blob)
        with self._session() as session:
            found = list(session.get_objects({**_KEYS, pkcs11.Attribute.ID: head[1:]}))
            if len(found) != 1 or self._number(found[0]) is None:
                raise Unopenable("this key does not unwrap")
            return _open(found[0], nonce, sealed, head + context)

    def version_of(self, blob: bytes) -> str:
        """The CKA_ID of the wrapping key, in hex."""
        return _divide(blob)[0][1:].hex()

    def prepare(self) -> None:
        with self._session(write=True) as session:
            if not self._all(session):
                self._generate(session, 1)

    def rotate(self) -> None:
        with self._session(write=True) as session:
            self._generate(session, max(self._all(session), default=0) + 1)

    def health(self) -> Health:
        return try_out(self)

    def describe(self) -> Mapping[str, str]:
        with self._session() as session:
            newest = self._newest(session)
            return {
                "provider": self.name,
                "root": newest.id.hex(),
                "module": str(self._module),
                "token": self._token,
                "key": str(newest.label),
            }

    @contextmanager
    def _session(self, *, write: bool = False) -> Iterator[pkcs11.Session]:
        if self._pin_refused:
            raise ProviderRefused("the security module refused the PIN before; correct it and start again")
        with _one_at_a_time, self._explained():
            token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
            with token.open(rw=write, user_pin=self._pin()) as session:
                yield session

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The library's exceptions as ours; none of theirs says more than its class."""
        try:
            yield
        except _BAD_PIN as error:
            self._pin_refused = True
            raise ProviderRefused(f"the security module refused the PIN ({type(error).__name__})") from None
        except _AWAY as error:
            raise ProviderDown(f"the security module is not there ({type(error).__name__})") from None
        except failures.PKCS11Error as error:
            raise ProviderRefused(f"the security module refused ({type(error).__name__})") from None

    def _newest(self, session: pkcs11.Session) -> Key:
        keys = self._all(session)
        if not keys:
            raise ProviderRefused("the security module holds no root key of this name")
        return keys[max(keys)]

    def _all(self, session: pkcs11.Session) -> dict[int, Key]:
        """The versions by number. Of two made at once under one number, the lower id counts everywhere."""
        found: Iterable[Key] = session.get_objects(_KEYS)
        numbered = [(number, key) for key in found if (number := self._number(key)) is not None]
        return dict(sorted(numbered, key=lambda pair: pair[1].id, reverse=True))

    def _number(self, key: Key) -> int | None:
        match = re.fullmatch(re.escape(self._key) + r"\.([1-9][0-9]{0,5})", key.label or "")
        return int(match[1]) if match and len(key.id or b"") == _ID_BYTES else None

    def _generate(self, session: pkcs11.Session, number: int) -> None:
        session.generate_key(
            pkcs11.KeyType.AES,
            256,
            id=secrets.token_bytes(_ID_BYTES),
            label=f"{self._key}.{number}",
            store=True,
            capabilities=pkcs11.MechanismFlag.ENCRYPT | pkcs11.MechanismFlag.DECRYPT,
            template=_LOCKED_IN,
        )


def _seal(key: Key, nonce: bytes, plaintext: bytes, bound: bytes) -> bytes:
    gcm = pkcs11.GCMParams(nonce, bound, 128)
    return bytes(key.encrypt(plaintext, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=gcm))


def _open(key: Key, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    gcm = pkcs11.GCMParams(nonce, bound, 128)
    try:
        return bytes(key.decrypt(sealed, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=gcm))
    except _UNDECIPHERABLE:
        # Tokens say "general error" for a wrong tag as for their own failure: a key that still works tells which.
        if not _works(key):
            raise ProviderError("the security module failed to decrypt") from None
        raise Unopenable("this key does not unwrap") from None


def _works(key: Key) -> bool:
    nonce, sample = secrets.token_bytes(12), secrets.token_bytes(KEY_BYTES)
    gcm = pkcs11.GCMParams(nonce, b"", 128)
    try:
        sealed = _seal(key, nonce, sample, b"")
        return bytes(key.decrypt(sealed, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=gcm)) == sample
    except failures.PKCS11Error:
        return False


def _divide(blob: bytes) -> tuple[bytes, bytes, bytes]:
    if len(blob) != _BLOB or blob[:1] != _VERSION:
        raise Unopenable("this key does not unwrap")
    return blob[:_HEAD], blob[_HEAD : _HEAD + 12], blob[_HEAD + 12 :]
