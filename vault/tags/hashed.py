"""Digests as files write them: hexadecimal in any case, base64, with `0x`, `{MD5}` or `sha1:` in front.

Decoded to bytes, because the spelling says nothing. The length tells the algorithm. Three lengths are tagged
(`registry.DIGESTS`); others, and halves of md5, are found by a population scan only.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from vault.fields.text import clean

_HEX = re.compile(r"[0-9a-fA-F]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_MARK = re.compile(r"\{([A-Za-z0-9-]{2,10})\}|([A-Za-z][A-Za-z0-9-]{2,9})[:$]|0[xX]|\\x")
_ALGORITHMS: Mapping[int, str] = {
    8: "md5-middle",
    16: "md5",
    20: "sha1",
    28: "sha224",
    32: "sha256",
    48: "sha384",
    64: "sha512",
}
_NAMES: Mapping[str, str] = {"sha": "sha1", "sm3": "sm3", **{name: name for name in _ALGORITHMS.values()}}
_BASE64_LENGTHS: Final = frozenset({16, 20, 32})


class Digest(NamedTuple):
    """A digest's bytes, and the algorithm that its length or its prefix names."""

    algorithm: str
    data: bytes


def read(text: str) -> Digest | None:
    """The digest a text is; None for anything else. A text of digits alone is a number, not a digest."""
    if len(text) > 200:
        return None
    body = clean(text).strip("'\" ")
    mark = _MARK.match(body)
    named = None
    if mark:
        body = body[mark.end() :]
        if mark[1] or mark[2]:
            named = _NAMES.get(
                (mark[1] or mark[2]).lower().replace("-", "").replace("md5middle", "md5-middle")
            )
            if named is None:
                return None
    data = _bytes(body, certain=mark is not None)
    if data is None:
        return None
    algorithm = _ALGORITHMS[len(data)]
    if named == "sm3" and algorithm == "sha256":
        return Digest("sm3", data)
    return Digest(algorithm, data) if named in {None, algorithm} else None


def _bytes(body: str, *, certain: bool) -> bytes | None:
    if _HEX.fullmatch(body) and len(body) % 2 == 0 and len(body) // 2 in _ALGORITHMS:
        return None if body.isdecimal() and not certain and len(body) < 32 else bytes.fromhex(body)
    if not _BASE64.fullmatch(body):
        return None
    bare = body.rstrip("=")
    try:
        data = base64.b64decode(
            bare + "=" * (-len(bare) % 4), altchars=b"-_" if re.search("[-_]", bare) else None
        )
    except binascii.Error:
        return None
    return data if len(data) in _BASE64_LENGTHS else None
