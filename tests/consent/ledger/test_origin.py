"""The number of a log and its one text, and the order in which a bucket's logs followed one another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.errors import Malformed
from consent.ledger.origin import (
    MOST_EDITIONS,
    LogId,
    number_of,
    number_text,
    origin_of,
    parse_number,
    parse_origin,
    path_of,
)

YEARS = st.integers(1000, 9999)
EDITIONS = st.integers(1, MOST_EDITIONS)
LOGS = st.builds(LogId, st.integers(0, 4095), st.builds(number_of, YEARS, EDITIONS))


@given(YEARS, EDITIONS)
def test_a_number_and_its_text_say_the_same(year, edition):
    number = number_of(year, edition)
    log = LogId(0, number)

    assert parse_number(number_text(number)) == number
    assert (log.calendar_year, log.edition) == (year, edition)
    assert number_text(number) == (f"{year}.{edition}" if edition > 1 else f"{year}")


@given(LOGS)
def test_an_origin_gives_its_host_and_log_back(log):
    assert parse_origin(origin_of("log.example/one", log)) == ("log.example/one", log)
    assert origin_of("log.example/one", log) == f"log.example/one/{path_of(log)}"


@given(st.text("0123456789. ٣", max_size=9))
def test_no_number_has_two_texts(text):
    try:
        number = parse_number(text)
    except Malformed:
        return
    assert number_text(number) == text


@pytest.mark.parametrize(
    "text",
    ["", "999", "02026", "2026.", "2026.1", "2026.0", "2026.02", "2026.1000", "12026", "2026.2.2", "2026\n"],
)
def test_other_spellings_of_a_number_are_refused(text):
    with pytest.raises(Malformed):
        parse_number(text)
    with pytest.raises(Malformed):
        parse_origin(f"log.example/{text}/0")


@given(st.tuples(YEARS, EDITIONS), st.tuples(YEARS, EDITIONS))
def test_logs_follow_one_another_by_year_and_then_by_edition(one, other):
    first, second = (LogId(0, number_of(*each)) for each in (one, other))

    assert (first.when < second.when) == (one < other)


@pytest.mark.parametrize(("year", "edition"), [(999, 1), (10_000, 1), (2026, 0), (2026, MOST_EDITIONS + 1)])
def test_no_log_has_a_number_outside_of_its_range(year, edition):
    with pytest.raises(ValueError, match="no number"):
        number_of(year, edition)
