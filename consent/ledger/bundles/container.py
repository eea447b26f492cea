"""The zip file around a bundle: stored members only, every byte of the container fixed by names and contents.

Because the same members always give the same bytes, reading checks the container by writing it again: there is
no byte in which anything could hide. Ordinary unzip programs open it. Every member is written as

| part            | content                                                                    |
|-----------------|----------------------------------------------------------------------------|
| local header    | version 2.0, no flags, method 0, 1980-01-01 00:00, CRC-32, sizes, name     |
| data            | the member's bytes                                                         |
| directory entry | the same, made by Unix, mode 0644, offset; after all members               |
| end record      | one disk, member count, directory size and offset, no comment              |
"""

import struct
import zlib
from collections.abc import Mapping

from consent.ledger.errors import Malformed

MAX_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 65_000
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION = 20
_DATE = 0x0021
_UNIX = 3 << 8
_MODE = 0o100644 << 16


def write(members: Mapping[str, bytes]) -> bytes:
    """The container of `members` (plain ASCII names) in their order."""
    body: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, data in members.items():
        raw, common = name.encode("ascii"), _common(name, data)
        local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common) + raw
        place = (0, 0, 0, _MODE, offset)
        directory.append(_CENTRAL.pack(b"PK\x01\x02", _UNIX | _VERSION, _VERSION, *common, *place) + raw)
        body += [local, data]
        offset += len(local) + len(data)
    size = sum(map(len, directory))
    end = _END.pack(b"PK\x05\x06", 0, 0, len(members), len(members), size, offset, 0)
    return b"".join([*body, *directory, end])


def read(data: bytes) -> dict[str, bytes]:
    """The members of a container that `write` made; raises Malformed naming the first member or byte off."""
    if len(data) > MAX_BYTES:
        raise Malformed("container too large")
    members: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04" and len(members) < MAX_MEMBERS:
        name, content, at = _member(data, at)
        if name in members:
            raise Malformed(f"{name} stands there twice")
        members[name] = content
    again = write(members)
    if again != data:
        raise Malformed(f"container differs from its members at byte {_first_difference(again, data)}")
    return members


def _common(name: str, data: bytes) -> tuple[int, ...]:
    return 0, 0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(name), 0


def _member(data: bytes, at: int) -> tuple[str, bytes, int]:
    try:
        fields = _LOCAL.unpack_from(data, at)
    except struct.error:
        raise Malformed(f"container cut short at byte {at}") from None
    start = at + _LOCAL.size
    length, size = fields[9], fields[7]
    name, content = data[start : start + length], data[start + length : start + length + size]
    if len(name) != length or len(content) != size or not name.isascii():
        raise Malformed(f"container cut short at byte {at}")
    label = name.decode("ascii")
    if zlib.crc32(content) != fields[6]:
        raise Malformed(f"checksum of {label if label.isprintable() else 'a member'} does not fit")
    return label, content, start + length + size


def _first_difference(one: bytes, other: bytes) -> int:
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
