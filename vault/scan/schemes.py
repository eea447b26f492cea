"""How other people may have hashed a value before they handed it on: named schemes, with salts or without.

| scheme             | digest                                                      |
|--------------------|-------------------------------------------------------------|
| `sha512`           | of the spelling itself; also md5, sha1, sha224, sha256, sha384, sm3 |
| `md5-middle`       | the middle 8 bytes of md5 (16 hexadecimal digits)           |
| `md5(sha1)`        | md5 over the lower-case hexadecimal digits of sha1; any two |
| `md5(salt+value)`  | of a salt and the spelling; `value+salt` the other way      |
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SM3, Hash

from vault.errors import VaultError

_HASHLIB: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_SCHEME = re.compile(r"([a-z0-9-]+)(?:\(([a-z0-9-]+|salt\+value|value\+salt)\))?")

type Function = Callable[[bytes], bytes]


class UnknownScheme(VaultError):
    """No scheme of this name, or salts for a scheme without, or none for one with."""

    code = "scan.scheme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A way to hash, read by `scheme`; `salted` says on which side the salt stands, if there is one."""

    name: str
    outer: Function
    inner: Function | None
    salted: str | None

    def digests(self, raw: bytes, salts: Sequence[bytes]) -> Iterator[tuple[int | None, bytes]]:
        """(number of the salt, digest) of one spelling under every salt; one digest where there is none."""
        if self.salted is None:
            yield None, self.outer(raw if self.inner is None else self.inner(raw).hex().encode())
            return
        for at, salt in enumerate(salts):
            yield at, self.outer(salt + raw if self.salted == "salt+value" else raw + salt)


def scheme(name: str) -> Scheme:
    """The scheme of this name; raises UnknownScheme."""
    found = _SCHEME.fullmatch(name)
    if found is None or found[1] not in _FUNCTIONS:
        raise UnknownScheme("no such scheme")
    inside = found[2]
    salted = inside if inside in {"salt+value", "value+salt"} else None
    if inside is not None and salted is None and inside not in _FUNCTIONS:
        raise UnknownScheme("no such scheme")
    inner = _FUNCTIONS[inside] if inside is not None and salted is None else None
    return Scheme(name=name, outer=_FUNCTIONS[found[1]], inner=inner, salted=salted)


def _function(name: str) -> Function:
    def digest(raw: bytes) -> bytes:
        return hashlib.new(name, raw, usedforsecurity=False).digest()

    return digest


def _sm3(raw: bytes) -> bytes:
    made = Hash(SM3())
    made.update(raw)
    return made.finalize()


def _md5_middle(raw: bytes) -> bytes:
    return hashlib.md5(raw, usedforsecurity=False).digest()[4:12]


_FUNCTIONS: Final[dict[str, Function]] = {
    **{name: _function(name) for name in _HASHLIB},
    "sm3": _sm3,
    "md5-middle": _md5_middle,
}
