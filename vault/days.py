"""Which day it is, by the clock on the wall where an installation's people live.

Birthdays turn over at midnight there (Civil Code 200 to 204 count days so), not at midnight UTC.
"""

from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

BEIJING_NAME: Final = "Asia/Shanghai"
BEIJING: Final = timezone(timedelta(hours=8), BEIJING_NAME)
"""All of China, and since 1991 without summer time: known also where a machine has no time zones on file."""


def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name; raises LookupError or ValueError for one that is not known here."""
    return BEIJING if name == BEIJING_NAME else ZoneInfo(name)


def day_at(at_ms: int, zone: tzinfo) -> date:
    """The day an instant in Unix ms falls into."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def begins(day: date, zone: tzinfo) -> int:
    """The first instant of a day, in Unix ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
