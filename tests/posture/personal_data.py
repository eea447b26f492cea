"""Finds planted personal values in raw bytes, in every form a careless program might have written them.

Each value is looked for as text in UTF-8, GB18030 and UTF-16 (both orders), with JSON and percent escapes,
and each of those as hexadecimal (both cases) and as base64 at all three alignments (both alphabets). Encodings
under six bytes are left out, because random ciphertext contains any four bytes by chance.

One pass over the data whatever the number of needles: the first bytes of every position are looked up in a
set, and only a hit there is compared in full.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

HEAD = 6
_CHUNK = 1 << 24
_EMPTY = bytes(4096)
"""Not worth reading: data base files and their logs are mostly empty pages."""


@dataclass(frozen=True, slots=True)
class Find:
    """Where a planted value stood: it is named by its label and form, never repeated."""

    place: str
    offset: int
    label: str
    form: str


def forms_of(text: str) -> Iterator[tuple[str, bytes]]:
    """(name of the form, bytes to look for)."""
    for encoding in ("utf-8", "gb18030", "utf-16-le", "utf-16-be"):
        raw = text.encode(encoding)
        if len(raw) < HEAD:
            continue
        yield encoding, raw
        yield f"{encoding} hex", raw.hex().encode()
        yield f"{encoding} HEX", raw.hex().upper().encode()
        for skipped in range(3):
            inside = _stable_base64(raw, skipped)
            yield f"{encoding} base64", inside
            yield f"{encoding} base64url", inside.translate(bytes.maketrans(b"+/", b"-_"))
    yield "json", json.dumps(text)[1:-1].encode()
    yield "percent", quote(text).encode()


def _stable_base64(raw: bytes, skipped: int) -> bytes:
    """The characters of a base64 text that depend on `raw` alone when it starts `skipped` bytes into a group."""
    encoded = base64.b64encode(bytes(skipped) + raw)
    first = -(-skipped * 8 // 6)
    return encoded[first : (skipped + len(raw)) * 8 // 6]


class Scanner:
    """Looks for a set of labelled values; `needles` counts the distinct byte strings it knows."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, str, str]]] = {}
        seen: set[bytes] = set()
        for label, text in planted.items():
            for form, needle in forms_of(text):
                if len(needle) >= HEAD and needle not in seen:
                    seen.add(needle)
                    self._by_head.setdefault(needle[:HEAD], []).append((needle, label, form))
        self.needles = len(seen)
        self._longest = max(map(len, seen), default=HEAD)

    def scan(self, place: str, data: bytes, base: int = 0) -> Iterator[Find]:
        """Every planted value inside `data`; `base` is added to the offsets."""
        heads = self._by_head
        for start in range(0, len(data), len(_EMPTY)):
            if data[start : start + len(_EMPTY)] == _EMPTY:
                continue
            # A little earlier than the block: UTF-16 of plain letters begins with a zero byte.
            for at in range(max(0, start - 1), min(start + len(_EMPTY), len(data) - HEAD + 1)):
                if (head := data[at : at + HEAD]) in heads:
                    for needle, label, form in heads[head]:
                        if data.startswith(needle, at):
                            yield Find(place, base + at, label, form)

    def scan_file(self, path: Path) -> Iterator[Find]:
        """Every planted value inside a file, also one that lies across two chunks (reported once or twice)."""
        with path.open("rb") as file:
            base, tail = 0, b""
            while chunk := file.read(_CHUNK):
                data = tail + chunk
                yield from self.scan(str(path), data, base)
                tail = data[-self._longest :]
                base += len(data) - len(tail)

    def scan_tree(self, roots: Iterable[Path]) -> tuple[list[Find], int, int]:
        """(finds, files read, bytes read) over every regular file below the roots, names included."""
        finds: list[Find] = []
        files = size = 0
        for path in sorted({file for root in roots for file in _files(root)}):
            finds += self.scan(f"name of {path}", str(path).encode())
            # A living data base server replaces its caches meanwhile: what is gone holds nothing any more.
            with suppress(FileNotFoundError):
                size += path.stat().st_size
                finds += self.scan_file(path)
                files += 1
        return finds, files, size


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path
