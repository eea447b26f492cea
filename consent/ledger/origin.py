"""Which log an event belongs to: one per (calendar year in UTC, bucket), named `<host>/<year>/<bucket>`."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from consent.ledger.errors import Malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORIGIN = re.compile(r"(?P<host>[^\s+]+)/(?P<year>[1-9]\d{3})/(?P<bucket>0|[1-9]\d{0,3})")


class LogId(NamedTuple):
    """The key of one log in the data base; sorts by bucket, then year, the order in which heads are locked."""

    bucket: int
    year: int


def year_of(now_ms: int) -> int:
    """The calendar year, in UTC, of a moment in Unix milliseconds."""
    return (_EPOCH + timedelta(milliseconds=now_ms)).year


def origin_of(ledger_host: str, log: LogId) -> str:
    """The origin line of a log; also the name of its key."""
    return f"{ledger_host}/{log.year}/{log.bucket}"


def parse_origin(origin: str) -> tuple[str, LogId]:
    """Host and log behind an origin; raises Malformed."""
    match = _ORIGIN.fullmatch(origin)
    if match is None or not origin.isascii():
        raise Malformed("not an origin")
    return match["host"], LogId(int(match["bucket"]), int(match["year"]))


def origin_at(ledger_host: str, bucket: int, now_ms: int) -> str:
    """The origin of the log that takes this bucket's entries at a moment in Unix milliseconds."""
    return origin_of(ledger_host, LogId(bucket, year_of(now_ms)))
