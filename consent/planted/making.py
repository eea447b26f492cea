"""Making planted persons: plausible, consistent over their fields, and nobody: pure but for the dice that are given.

Phone numbers are the operator's own. The local part of the address is 14 random characters of 32, 70 bits, at a
domain that must be the operator's. The resident number has a right check digit and a birthday, in a county code
that was never given out (the last two digits 97 to 99), so that no living person has it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from vault.fields.resident_id import check_character

_SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN: Final = (
    "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英华玉萍红建文利春梅国庆志海燕波宁云晨宇欣怡思雨子涵浩然"
)
_FIRST: Final = (
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Irene",
    "Jack",
    "Laura",
    "Mark",
)
_LAST: Final = (
    "Baker",
    "Clarke",
    "Dixon",
    "Ellis",
    "Foster",
    "Grant",
    "Hughes",
    "Irwin",
    "Lawson",
    "Morgan",
    "Parker",
)
_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_LOCAL: Final = 14
_PROVINCES: Final = (
    "1101",
    "1201",
    "3101",
    "3201",
    "3301",
    "3501",
    "3701",
    "4101",
    "4201",
    "4301",
    "4401",
    "5101",
    "6101",
)
_COUNTIES: Final = ("97", "98", "99")
_FIRST_BIRTHDAY: Final = date(1955, 1, 1)
_BIRTHDAYS: Final = 18_000
_ORDERS: Final = 999
_LATIN_OF_8: Final = 1

LN_ADDRESSES: Final = _LOCAL * math.log(len(_LETTERS))
"""Ln of how many local parts there can be."""

LN_RESIDENTS: Final = math.log(len(_PROVINCES) * len(_COUNTIES) * _BIRTHDAYS * _ORDERS)
"""Ln of how many resident numbers there can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A person to enrol: `values` by field code, and the language of the pages they read."""

    values: dict[str, str]
    lang: str


def make(dice: Random, phone: str, domains: Sequence[str]) -> Made:
    """One person with this phone number, with a mailbox under one of these domains."""
    latin = dice.randrange(8) < _LATIN_OF_8
    born = _FIRST_BIRTHDAY + timedelta(days=dice.randrange(_BIRTHDAYS))
    values = {
        "name": _latin(dice) if latin else _chinese(dice),
        "phone": phone,
        "email": f"{''.join(dice.choices(_LETTERS, k=_LOCAL))}@{dice.choice(domains)}",
        "resident_id": _resident(dice, born),
        "birth_date": born.isoformat(),
    }
    return Made(values=values, lang="en" if latin else "zh-CN")


def _latin(dice: Random) -> str:
    return f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"


def _chinese(dice: Random) -> str:
    return dice.choice(_SURNAMES) + "".join(dice.sample(_GIVEN, dice.choice((1, 2, 2))))


def _resident(dice: Random, born: date) -> str:
    county = dice.choice(_PROVINCES) + dice.choice(_COUNTIES)
    body = f"{county}{born:%Y%m%d}{dice.randrange(_ORDERS) + 1:03d}"
    return body + check_character(body)
