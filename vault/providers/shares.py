"""One share of a split root key, as text for a person to keep on paper or in a safe.

`pss_` and 80 base32 characters (RFC 4648 §6, lower-case), in groups of five with hyphens when printed, of 50 bytes:

| offset | length | meaning                                                              |
|--------|--------|----------------------------------------------------------------------|
| 0      | 1      | version, 1                                                           |
| 1      | 8      | set id, random: shares of two sets never mix                         |
| 9      | 3      | k needed, n made, x this share's number (1 to n)                     |
| 12     | 32     | y, the values of the polynomials at x                                |
| 44     | 6      | first bytes of SHA-256("perusal/share" ‖ the 44 before): typing check |

Case, blanks and hyphens do not matter when one is typed; 0 and 1 are read as o and l.
"""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass, field

from vault.providers.base import SealedError
from vault.sealing.sealed import KEY_BYTES

PREFIX = "pss_"
SET_BYTES = 8
MIN_NEEDED, MAX_SHARES = 2, 16
_LAYOUT = struct.Struct(f">B{SET_BYTES}sBBB{KEY_BYTES}s")
_VERSION = 1
_CHECK = 6
_GROUP = 5
_CHARACTERS = (_LAYOUT.size + _CHECK) * 8 // 5


class MalformedShare(SealedError):
    """Not the text of a share: mistyped, cut, or of a newer version."""

    code = "malformed_share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share number `x` of `n` in one set, of which `k` are needed; `y` is secret and stays out of the repr."""

    set_id: bytes
    k: int
    n: int
    x: int
    y: bytes = field(repr=False)

    def commitment(self) -> bytes:
        """What the root file keeps of a share, 32 bytes: it tells a right one, and nothing about the root."""
        return hashlib.sha256(b"perusal/commitment" + self.set_id + bytes((self.x,)) + self.y).digest()


def encode_share(share: Share) -> str:
    """The share's text."""
    body = _LAYOUT.pack(_VERSION, share.set_id, share.k, share.n, share.x, share.y)
    text = base64.b32encode(body + _checksum(body)).decode().lower()
    return PREFIX + "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def decode_share(text: str) -> Share:
    """The share behind a text as typed; raises MalformedShare."""
    bare = "".join(text.split()).replace("-", "").lower()
    if not bare.startswith(PREFIX) or not bare.isascii() or len(bare) != len(PREFIX) + _CHARACTERS:
        raise MalformedShare("this is not a share")
    try:
        raw = base64.b32decode(bare[len(PREFIX) :], casefold=True, map01="L")
    except (binascii.Error, ValueError):
        raise MalformedShare("this is not a share") from None
    version, set_id, k, n, x, y = _LAYOUT.unpack(raw[:-_CHECK])
    # One bit of typing error is always seen: the checksum covers every byte before it.
    if raw[-_CHECK:] != _checksum(raw[:-_CHECK]) or version != _VERSION:
        raise MalformedShare("this is not a share, or was mistyped")
    if not (MIN_NEEDED <= k <= n <= MAX_SHARES and 1 <= x <= n):
        raise MalformedShare("this is not a share")
    return Share(set_id=set_id, k=k, n=n, x=x, y=y)


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(b"perusal/share" + body).digest()[:_CHECK]
