"""Which encoding a dump is written in: strict trials over windows of bytes, the first that reads all wins.

Order: byte order mark (UTF-8, UTF-16), UTF-8, then GB18030 against Big5. Nearly every Big5 text is also valid
GB18030, as nonsense; so where both read, the one whose characters are the everyday ones of its own table wins
(GB 2312 level 1, Big5 level 1). UTF-16 without a mark is told by where its NULs stand: separators, digits and
line ends have one, always on the same side.

A file may change its encoding midway (joined files do), so every window of it is tried again, strictly, UTF-8 first:
what reads as UTF-8 and is not ASCII is UTF-8, while nearly anything reads as one of the others.
"""

import codecs
from collections.abc import Sequence

UTF8 = "utf-8"
GB18030 = "gb18030"
BIG5 = "big5hkscs"
UTF16 = "utf-16"
UTF16_LITTLE = "utf-16-le"
UTF16_BIG = "utf-16-be"
UTF32 = "utf-32"

WIDE = frozenset({UTF16, UTF16_LITTLE, UTF16_BIG, UTF32})
"""Encodings whose line feeds are more than a byte: recoded before they are cut."""

MARKED = {UTF16: 2, UTF32: 4}
"""Encodings that are read by their mark alone, and how many bytes that has."""

FALLBACKS = (UTF8, GB18030, BIG5)
"""What a line is tried in when the encoding of its file does not read it."""

_TOLERATED = 0.05
_LOOKED_AT = 2_000
_PLAUSIBLE = 0.6
_SAMPLED = 300
_BY_CHANCE = 0.2
_NULS = 0.15
_PAIRS = 1 << 13
_MARKS = (
    (codecs.BOM_UTF32_LE, UTF32),
    (codecs.BOM_UTF32_BE, UTF32),
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF16_LE, UTF16),
    (codecs.BOM_UTF16_BE, UTF16),
)


def by_mark(head: bytes) -> str | None:
    """The encoding a byte order mark announces."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    return None


def by_nuls(head: bytes) -> str | None:
    """UTF-16 without a mark, where it reads so strictly and NULs stand on one side only."""
    head = head[: min(len(head) // 2, _PAIRS) * 2]
    first, second = (head[side::2].count(0) for side in (0, 1))
    little = first <= second
    if max(first, second) < len(head) // 2 * _NULS or min(first, second) * 20 > max(first, second):
        return None
    found = UTF16_LITTLE if little else UTF16_BIG
    # A character of two units may stand where the sample ends.
    return found if any(_strict(head[: len(head) - end], found) for end in (0, 2)) else None


def detect(lines: Sequence[bytes]) -> str | None:
    """The encoding that reads these raw lines, or None when none reads at least 95 of 100."""
    rich = [line for line in lines if not line.isascii()]
    if not rich:
        return UTF8
    readable = {encoding: _decoded(rich, encoding) for encoding in FALLBACKS}
    if _enough(readable[UTF8], rich):
        return UTF8
    best = max((GB18030, BIG5), key=lambda e: (_enough(readable[e], rich), _everyday(readable[e], e)))
    return best if _enough(readable[best], rich) else None


def read_window(raw: bytes, usual: str) -> tuple[str | None, str]:
    """The text of a window and its encoding; without a text where only some of its lines read in that one.

    `usual` is the encoding of the file; it wins over its rival unless its reading is not plausible.
    """
    text = _strict(raw, UTF8)
    if text is not None:
        return text, usual if raw.isascii() else UTF8
    if _partly_utf8(raw):
        return None, UTF8
    text = _strict(raw, usual)
    if text is not None and _everyday([text[:_LOOKED_AT]], usual) >= _PLAUSIBLE:
        return text, usual
    found = detect(raw.split(b"\n")) or usual
    return _strict(raw, found), found


def _partly_utf8(raw: bytes) -> bool:
    """Whether many lines are UTF-8: in another encoding it is one line in fifty by chance, and fewer of long ones."""
    lines = raw.split(b"\n")
    rich = [line for line in lines[:: max(len(lines) // _SAMPLED, 1)] if not line.isascii()]
    return len(_decoded(rich, UTF8)) > len(rich) * _BY_CHANCE


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _decoded(lines: Sequence[bytes], encoding: str) -> list[str]:
    texts = []
    for line in lines:
        try:
            texts.append(line.decode(encoding))
        except UnicodeDecodeError:
            continue
    return texts


def _enough(texts: Sequence[str], lines: Sequence[bytes]) -> bool:
    return len(texts) >= len(lines) * (1 - _TOLERATED)


def _everyday(texts: Sequence[str], encoding: str) -> float:
    """The share of non-ASCII characters that belong to the commonest level of the encoding's own table."""
    wide = [c for c in "".join(texts)[:100_000] if not c.isascii()]
    if not wide:
        return 0.0
    return sum(_is_everyday(c, encoding) for c in wide) / len(wide)


def _is_everyday(character: str, encoding: str) -> bool:
    try:
        raw = character.encode("gb2312" if encoding == GB18030 else "big5")
    except UnicodeEncodeError:
        return False
    # Lead bytes of GB 2312 level 1 are B0-D7, of Big5 level 1 A4-C6.
    return 0xB0 <= raw[0] <= 0xD7 if encoding == GB18030 else 0xA4 <= raw[0] <= 0xC6
