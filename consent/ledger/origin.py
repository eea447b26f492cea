"""Which log an event belongs to: one per (calendar year in UTC, bucket), named `<host>/<year>/<bucket>`.

A log that was given up has a successor of the same year, its next edition. The number of a log in the data base
is its calendar year, plus 10,000 for each edition after the first; strangers read it as text:

| edition | number | text     | origin              |
|---------|--------|----------|---------------------|
| 1       | 2026   | `2026`   | `<host>/2026/7`     |
| 2       | 12026  | `2026.2` | `<host>/2026.2/7`   |
| 3       | 22026  | `2026.3` | `<host>/2026.3/7`   |
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from consent.ledger.errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBER_TEXT: Final = r"[1-9][0-9]{3}(?:\.(?:[2-9]|[1-9][0-9]{1,2}))?"
"""What `number_text` writes, as a regular expression: nothing else is read."""

PER_EDITION: Final = 10_000
MOST_EDITIONS: Final = 999
_ORIGIN = re.compile(rf"(?P<host>[^\s+]+)/(?P<year>{NUMBER_TEXT})/(?P<bucket>0|[1-9][0-9]{{0,3}})")


class LogId(NamedTuple):
    """The key of one log in the data base; sorts by bucket, then number, which is no order in time: see `when`."""

    bucket: int
    year: int
    """The log's number: its calendar year, plus PER_EDITION for each edition after the first."""

    @property
    def calendar_year(self) -> int:
        return self.year % PER_EDITION

    @property
    def edition(self) -> int:
        """1 for the first log of its bucket and year, one more for each that was given up before it."""
        return self.year // PER_EDITION + 1

    @property
    def when(self) -> tuple[int, int]:
        """What a bucket's logs are ordered by in time."""
        return self.calendar_year, self.edition


def number_of(year: int, edition: int) -> int:
    """The number of a log: of a calendar year, 1000 to 9999, and an edition from 1 on."""
    if not (1000 <= year < PER_EDITION and 1 <= edition <= MOST_EDITIONS):
        raise ValueError("no number of a log")
    return year + PER_EDITION * (edition - 1)


def number_text(number: int) -> str:
    """A log's number as strangers read it: `2026`, `2026.2`."""
    year, later = number % PER_EDITION, number // PER_EDITION
    return f"{year}.{later + 1}" if later else str(year)


def parse_number(text: str) -> int:
    """The number behind its one text; raises Malformed."""
    if not re.fullmatch(NUMBER_TEXT, text):
        raise Malformed("not the number of a log")
    year, _, edition = text.partition(".")
    return number_of(int(year), int(edition or 1))


def year_of(now_ms: int) -> int:
    """The calendar year, in UTC, of a moment in Unix milliseconds."""
    return (_EPOCH + timedelta(milliseconds=now_ms)).year


def path_of(log: LogId) -> str:
    """Where a log stands below its host: `2026/7`, `2026.2/7`."""
    return f"{number_text(log.year)}/{log.bucket}"


def origin_of(ledger_host: str, log: LogId) -> str:
    """The origin line of a log; also the name of its key."""
    return f"{ledger_host}/{path_of(log)}"


def parse_origin(origin: str) -> tuple[str, LogId]:
    """Host and log behind an origin; raises Malformed."""
    match = _ORIGIN.fullmatch(origin)
    if match is None or not origin.isascii():
        raise Malformed("not an origin")
    return match["host"], LogId(int(match["bucket"]), parse_number(match["year"]))


def origin_at(ledger_host: str, bucket: int, now_ms: int) -> str:
    """The origin of the log that takes this bucket's first entry of a year, at a moment in Unix milliseconds."""
    return origin_of(ledger_host, LogId(bucket, year_of(now_ms)))
