"""A simulated city: people who do not exist, with values that pass every check a real one would.

Decides: person number `i` of a city is a pure function of (seed, i), so any range of any city can be made
again, in any order, without remembering the rest. Faker fills the pools of names once; the loop itself only
picks and joins, which is what lets a benchmark ask for a million people. Mail lives under the reserved example
domains (RFC 2606), so that no message can reach a stranger; resident IDs carry the GB 11643 check digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import gcd

from faker import Faker

# First three digits of mobile ranges in ordinary use by the three large carriers.
PREFIXES: tuple[int, ...] = (
    130,
    131,
    132,
    133,
    134,
    135,
    136,
    137,
    138,
    139,
    150,
    151,
    152,
    153,
    155,
    156,
    157,
)
PREFIXES += (158, 159, 166, 177, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 198, 199)
# County codes (GB/T 2260) of a handful of large cities.
REGIONS: tuple[int, ...] = (110101, 110105, 110108, 120101, 130102, 210102, 220102, 230102, 310101, 310104)
REGIONS += (310115, 320102, 320505, 330102, 330106, 340102, 350102, 350203, 360102, 370102)
REGIONS += (370202, 410102, 420102, 420106, 430102, 440103, 440106, 440304, 440305, 450102)
REGIONS += (500103, 510104, 510107, 520102, 530102, 610102, 610113, 620102)
DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "post.example", "qq.example")
FIRST_BIRTHDAY = date(1950, 1, 1)
BIRTHDAYS = 20_800
POOL = 1_500
ENGLISH_OF_8 = 2

_STRANGERS_FROM = 60_000_000
_MASK = (1 << 64) - 1
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_DAYS = tuple(f"{FIRST_BIRTHDAY + timedelta(days=n):%Y%m%d}" for n in range(BIRTHDAYS))
_RESIDENTS = len(REGIONS) * BIRTHDAYS * 1000
_NUMBERS = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class Citizen:
    """One person: `number` is the place in the city, `lang` the language of the name ("zh-CN" or "en")."""

    number: int
    lang: str
    name: str
    phone: str
    email: str
    resident_id: str

    def values(self) -> dict[str, str]:
        """What enrolment needs: field code to value."""
        return {"name": self.name, "phone": self.phone, "email": self.email, "resident_id": self.resident_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pools:
    surnames: tuple[str, ...]
    given: tuple[str, ...]
    pinyin: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


def check_digit(seventeen: str) -> str:
    """Last character of an 18-character resident ID, by the mod 11-2 rule of GB 11643."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(seventeen, _WEIGHTS, strict=True)) % 11]


def citizens(seed: int, count: int, start: int = 0) -> Iterator[Citizen]:
    """People number `start` to `start + count - 1` of the city `seed`; no value of a key field occurs twice."""
    pools = _pools(seed)
    numbers, residents = _Shuffle(seed, _NUMBERS), _Shuffle(seed + 1, _RESIDENTS)
    for number in range(start, start + count):
        noise = _mix(seed * 0x9E3779B97F4A7C15 + number)
        name, local, lang = _named(pools, noise)
        yield Citizen(
            number=number,
            lang=lang,
            name=name,
            phone=f"{PREFIXES[(noise >> 50) % len(PREFIXES)]}{numbers.place(number):08d}",
            email=f"{local}{number}@{DOMAINS[(noise >> 58) % len(DOMAINS)]}",
            resident_id=_resident_id(residents.place(number)),
        )


def strangers(seed: int, count: int, start: int = 0) -> Iterator[Citizen]:
    """People of the same kind who live elsewhere: none of their key values belongs to a citizen."""
    return citizens(seed, count, _STRANGERS_FROM + start)


class _Shuffle:
    """A fixed permutation of 0..size-1: `i -> (a*i + c) mod size` with `a` prime to the size."""

    __slots__ = ("_factor", "_offset", "_size")

    def __init__(self, seed: int, size: int) -> None:
        factor = _mix(seed) % size | 1
        while gcd(factor, size) != 1:
            factor += 2
        self._factor, self._offset, self._size = factor, _mix(seed + 7) % size, size

    def place(self, number: int) -> int:
        return (self._factor * number + self._offset) % self._size


def _mix(number: int) -> int:
    """64 well-stirred bits of a number (the SplitMix64 finaliser)."""
    number &= _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def _named(pools: _Pools, noise: int) -> tuple[str, str, str]:
    """(name, local part of the mail address, language)."""
    if noise & 7 < ENGLISH_OF_8:
        first, last = pools.first[(noise >> 3) % POOL], pools.last[(noise >> 20) % POOL]
        return f"{first} {last}", ".".join(map(_letters, (first, last))), "en"
    name = pools.surnames[(noise >> 3) % POOL] + pools.given[(noise >> 20) % POOL]
    return name, pools.pinyin[(noise >> 36) % POOL], "zh-CN"


def _resident_id(place: int) -> str:
    rest, order = divmod(place, 1000)
    region, day = divmod(rest, BIRTHDAYS)
    body = f"{REGIONS[region]}{_DAYS[day]}{order:03d}"
    return body + check_digit(body)


@lru_cache(maxsize=8)
def _pools(seed: int) -> _Pools:
    chinese, english = Faker("zh_CN"), Faker("en_US")
    chinese.seed_instance(seed)
    english.seed_instance(seed)
    return _Pools(
        surnames=tuple(chinese.last_name() for _ in range(POOL)),
        given=tuple(_given(chinese) for _ in range(POOL)),
        pinyin=tuple(_letters(chinese.romanized_name()) for _ in range(POOL)),
        first=tuple(english.first_name() for _ in range(POOL)),
        last=tuple(english.last_name() for _ in range(POOL)),
    )


def _given(chinese: Faker) -> str:
    """A given name; every third one is a two-character compound of two others, as in a real register."""
    name = str(chinese.first_name())
    return name if len(name) > 1 or chinese.random_int(0, 2) else name + str(chinese.first_name())[:1]


@lru_cache(maxsize=4 * POOL)
def _letters(name: str) -> str:
    """What of a name may stand in a mail address."""
    return "".join(filter(str.isalpha, name.lower()))
