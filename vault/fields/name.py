"""Names of people. Canonical: case, blanks, middle dots and traditional or simplified writing folded away.

A name is a poor key (thousands share the commonest), so it is never looked up alone (vault.md §6.5).
"""

import re
import unicodedata

from vault.fields.folding import simplified
from vault.fields.text import InvalidValue, clean, fold_case

MAX_NAME = 100
_COMPOUND = """
欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙
钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里
呼延 东郭 南门 羊舌 微生 公户 公玉 公仪 梁丘 公仲 公上 公门 公山 公坚 左丘 公伯 西门 公祖 第五 公乘 贯丘 公皙 南荣 东里 东宫
仲长 子书 子桑 即墨 达奚 褚师 纳兰 叱干 哥舒 完颜 耶律 贺兰 叶赫 那拉 东野 淳于 单于 相里 费莫
"""
COMPOUND = frozenset(_COMPOUND.split())
"""Family names of two characters, in simplified writing."""

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_JOINERS = str.maketrans("", "", " \u00b7\u2022\u2027\u2219\u22c5\u30fb.\u0387\u16eb\u2e33")


class InvalidName(InvalidValue):
    """Nothing to read in it."""

    code = "name.invalid"


class NameLength(InvalidName):
    """Longer than 100 characters."""

    code = "name.length"


class NameLetters(InvalidName):
    """Without a single letter."""

    code = "name.letters"


REASONS = (InvalidName.code, NameLength.code, NameLetters.code)


def canonical(text: str) -> str:
    """The canonical form; raises InvalidName."""
    # Cleaning can make a text longer; what is kept is the cleaned one, so that must not be too long either.
    if len(text) > MAX_NAME * 4 or len(cleaned := clean(text)) > MAX_NAME * 4:
        raise NameLength("not a name")
    folded = fold_case(cleaned).translate(_JOINERS)
    folded = simplified(unicodedata.normalize("NFKC", folded))
    if not folded:
        raise InvalidName("not a name")
    if len(folded) > MAX_NAME:
        raise NameLength("not a name")
    if not any(c.isalpha() for c in folded):
        raise NameLetters("not a name")
    return folded


def surname(value: str) -> str | None:
    """The family name a canonical form begins with; None when that cannot be told.

    Only Chinese names tell: of a name in letters the canonical form no longer shows where a part ends.
    """
    if not _HAN.match(value) or len(value) < 2:
        return None
    return value[:2] if value[:2] in COMPOUND and len(value) > 2 else value[:1]


def mask(value: str) -> str:
    """Of a Chinese name the outer characters, of others the initial of each part."""
    if not _HAN.search(value):
        return " ".join(f"{part[:1]}***" for part in value.split(" "))
    if len(value) <= 2:
        return f"{value[:1]}*"
    return f"{value[0]}{'*' * (len(value) - 2)}{value[-1]}"
