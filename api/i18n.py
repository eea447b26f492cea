"""Two languages, one catalogue each: TOML files read by the standard library, no build step.

A key that is missing raises, and a test compares keys and placeholders of both files, so a page can never be
half translated. Values are plain text; escaping is the template's work.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from vault.days import BEIJING


class Lang(StrEnum):
    """A language of the service, spelled as in URLs and in the `lang` attribute."""

    EN = "en"
    ZH_CN = "zh-CN"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every text of one language by dotted key."""

    lang: Lang
    texts: Mapping[str, str]
    zone: tzinfo = BEIJING

    def text(self, key: str, /, **values: object) -> str:
        """The text behind `key` with its `{placeholders}` filled; raises KeyError when either is unknown."""
        return self.texts[key].format_map(values) if values else self.texts[key]

    def counted(self, key: str, count: int, **further: object) -> str:
        """The text for so many: `key` with `_one` behind it when there is one and the language says it otherwise."""
        one = f"{key}_one"
        return self.text(one if count == 1 and self.has(one) else key, count=count, **further)

    def listed(self, parts: Iterable[str]) -> str:
        """Several words in one line, with this language's comma between them."""
        return self.texts["app.comma"].join(parts)

    def has(self, key: str) -> bool:
        return key in self.texts

    def date(self, ms: int) -> str:
        """A day, by the installation's clock."""
        at = datetime.fromtimestamp(ms / 1000, self.zone)
        if self.lang is Lang.ZH_CN:
            return f"{at.year}年{at.month}月{at.day}日"
        return f"{at.day} {at:%B} {at.year}"

    def time(self, ms: int) -> str:
        """A minute of its day, by the installation's clock and saying by which."""
        return self._timed(f"{datetime.fromtimestamp(ms / 1000, self.zone):%H:%M}", ms)

    def moment(self, ms: int, shape: str = "%H:%M") -> str:
        """A day and minute, by the installation's clock and saying by which; `shape` as `strftime` has it."""
        at = datetime.fromtimestamp(ms / 1000, self.zone)
        return self._timed(f"{self.date(ms)} {at:{shape}}", ms)

    def _timed(self, said: str, ms: int) -> str:
        at = datetime.fromtimestamp(ms / 1000, self.zone)
        zone = self.text("app.beijing") if self.zone == BEIJING else at.strftime("UTC%:z")
        return self.text("app.timed", time=said, zone=zone.replace("+00:00", ""))


@cache
def catalogue(lang: Lang, zone: tzinfo = BEIJING) -> Catalogue:
    """The catalogue of a language that tells times by this zone's clock, read once per process."""
    source = resources.files("api").joinpath("locale", f"{lang.value}.toml").read_text("utf-8")
    return Catalogue(lang, dict(_flatten("", tomllib.loads(source))), zone)


def _flatten(prefix: str, node: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in node.items():
        key = f"{prefix}{name}"
        pairs += _flatten(f"{key}.", value) if isinstance(value, Mapping) else [(key, str(value))]
    return pairs


def negotiate(accept_language: str) -> Lang:
    """The better of our two languages for an `Accept-Language` header; English when it asks for neither."""
    best, best_weight = Lang.EN, 0.0
    for part in accept_language[:500].split(","):
        tag, _, parameters = part.strip().partition(";")
        lang = _known(tag.lower())
        weight = _weight(parameters)
        if lang is not None and weight > best_weight:
            best, best_weight = lang, weight
    return best


def lang_of_path(path: str) -> Lang | None:
    """The language a portal path is in, or None when it carries none."""
    head = path.split("/", 2)[1] if path.startswith("/") else ""
    return Lang(head) if head in set(Lang) else None


def _known(tag: str) -> Lang | None:
    primary = tag.partition("-")[0]
    return {"en": Lang.EN, "zh": Lang.ZH_CN}.get(primary)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
