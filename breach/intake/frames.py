"""What the parser's process and ours say to each other: frames of one kind byte, a length, and as many bytes.

| offset | length | meaning                         |
|--------|--------|---------------------------------|
| 0      | 1      | kind, one of the constants here |
| 1      | 4      | length n, big-endian            |
| 5      | n      | JSON, bytes or a place          |

Ours opens with TASK. The parser asks for bytes with WANTED (offset and length, 8 bytes each) and is answered
with BYTES; it tells the DIALECT, then BLOCK by BLOCK (or, in columns, SHEET), then the account as END; or
REFUSED with a code. Nothing that it says is believed further than its form: texts are texts, kinds are kinds,
and no frame is longer than MOST.
"""

import json
from typing import Any, Protocol

from breach.intake.columns import Columns
from breach.intake.parts import Block, Part

TASK, WANTED, BYTES, DIALECT, BLOCK, SHEET, END, REFUSED = b"T", b"W", b"Y", b"D", b"B", b"S", b"E", b"R"
MOST = 256 << 20


class Readable(Protocol):
    """What frames are read from."""

    def read(self, length: int, /) -> bytes: ...


class Writable(Protocol):
    """What frames are written to."""

    def write(self, data: bytes, /) -> object: ...

    def flush(self) -> object: ...


class BadFrame(Exception):
    """What came is no frame, or the other side is gone."""


def send(file: Writable, kind: bytes, payload: bytes) -> None:
    """Write one frame."""
    file.write(kind + len(payload).to_bytes(4) + payload)
    file.flush()


def receive(file: Readable) -> tuple[bytes, bytes]:
    """Read one frame: its kind and payload; raises BadFrame."""
    head = file.read(5)
    length = int.from_bytes(head[1:])
    if len(head) != 5 or length > MOST:
        raise BadFrame
    payload = file.read(length)
    if len(payload) != length:
        raise BadFrame
    return head[:1], payload


def from_json(payload: bytes) -> Any:
    """The value of a JSON payload; raises BadFrame."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        raise BadFrame from None


def as_json(value: Any) -> bytes:
    """A value as a JSON payload."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def block_as_json(block: Block) -> bytes:
    """The payload of a block."""
    parts = [[part.columns.as_list(), part.rows] for part in block.parts]
    return as_json({"rows": block.rows, "parts": parts, "mark": block.mark})


def block_from_json(payload: bytes) -> Block:
    """The block of a payload; raises BadFrame unless it is one through and through."""
    body = from_json(payload)
    try:
        parts = tuple(
            Part(columns=Columns.from_list(kinds, heading=False), rows=_texts(rows))
            for kinds, rows in body["parts"]
        )
        return Block(parts=parts, rows=int(body["rows"]), mark=dict(body["mark"]))
    except (TypeError, ValueError, KeyError):
        raise BadFrame from None


def _texts(rows: list[list[str]]) -> list[list[str]]:
    for row in rows:
        if type(row) is not list:
            raise BadFrame
        text = "".join(row)  # raises TypeError for a cell that is no text
        if not text.isascii():
            text.encode()  # raises ValueError for half a character, which JSON could write and nobody could look up
    return list(rows)
