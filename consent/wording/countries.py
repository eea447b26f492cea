"""The countries and regions data can go to, by their codes of ISO 3166-1, with their names in both languages.

`countries.txt` holds one a line: `SG Singapore = 新加坡`. For the law on data, a region with borders of its own is
abroad like a country (PIPL 38).

`title(code, lang) -> str`; `known(code) -> bool`; `is_abroad(country, jurisdiction) -> bool`.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources


def known(code: str) -> bool:
    """Whether there is such a country or region."""
    return code in _names()


def title(code: str, lang: str) -> str:
    """Its name; raises KeyError for a code that is none."""
    english, chinese = _names()[code]
    return chinese if lang.startswith("zh") else english


def home(jurisdiction: str) -> str:
    """The country of a jurisdiction such as `CN` or `US-CA`."""
    return jurisdiction[:2]


def is_abroad(country: str, jurisdiction: str) -> bool:
    """Whether data that goes to this country leaves the one under whose law the consent is given (PIPL 38)."""
    return country != home(jurisdiction)


@cache
def _names() -> Mapping[str, tuple[str, str]]:
    lines = resources.files("consent.wording").joinpath("countries.txt").read_text("utf-8").splitlines()
    pairs = [(line[:2], line[3:].partition(" = ")) for line in lines]
    return {code: (english, chinese) for code, (english, _, chinese) in pairs}
