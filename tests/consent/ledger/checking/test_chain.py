"""Reading entries column by column finds what reading them one by one finds."""

import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.checking.chain import Chain, Flaw
from consent.ledger.checking.page import Page
from consent.ledger.entries import log_entry
from consent.ledger.entries.entry import MAX_INTEGER, NO_PREVIOUS, Entry, Kind, encode, outline, parse
from consent.ledger.entries.log_entry import Closing, Index, Why
from consent.ledger.tree import leaf_hash
from tests.consent.ledger.kit import HOST, NOW, YEAR

type EntryRow = tuple[int, bytes, bytes, bytes]
"""(index, id, leaf, body) as stored."""

type Rows = list[EntryRow]
type Damage = Callable[[Rows, int], None]

COUNT = 60
LOG_ENTRIES = (17, 18, 40)


def _sound(count: int = COUNT) -> Rows:
    """A log of seven people with an index entry here and there."""
    dice = random.Random(count)
    rows: Rows = []
    tails: dict[int, tuple[int, bytes]] = {}
    for idx in range(count):
        entry_id = dice.randbytes(16)
        if idx in LOG_ENTRIES:
            body = log_entry.encode(Index(id=entry_id, ts=NOW + idx // 9, upto=idx, rows=7, root=bytes(32)))
        else:
            who = dice.randrange(7)
            n, previous = tails.get(who, (0, NO_PREVIOUS))
            body = encode(
                Entry(
                    kind=Kind.ACCESS,
                    ts=NOW + idx // 9,
                    tag=who.to_bytes(16),
                    n=n + 1,
                    previous=previous,
                    commitment=dice.randbytes(32),
                    id=entry_id,
                )
            )
            tails[who] = (n + 1, leaf_hash(body))
        rows.append((idx, entry_id, leaf_hash(body), body))
    return rows


def _with_body(body: Callable[[bytes], bytes]) -> Damage:
    """Another body, hashed anew like an insider would."""

    def damage(rows: Rows, at: int) -> None:
        idx, entry_id, _, old = rows[at]
        new = body(old)
        rows[at] = (idx, entry_id, leaf_hash(new), new)

    return damage


def _with_entry(**changes: object) -> Damage:
    """Another entry where a person's stands, and as it is where none does."""

    def changed(old: bytes) -> bytes:
        if outline(old) is None:
            return old
        return encode(parse(old)._replace(**changes))  # type: ignore[arg-type]

    return _with_body(changed)


def _with_row(change: Callable[[EntryRow], EntryRow]) -> Damage:
    def damage(rows: Rows, at: int) -> None:
        rows[at] = change(rows[at])

    return damage


def _exchange(rows: Rows, at: int) -> None:
    """This entry and the next, each with its own leaf and id."""
    other = at - 1 if at + 1 == len(rows) else at + 1
    (a, *first), (b, *second) = rows[at], rows[other]
    rows[at], rows[other] = (a, *second), (b, *first)  # type: ignore[assignment]


def _exchange_ends_of_ids(rows: Rows, at: int) -> None:
    """The last byte of this id becomes the first of the next."""
    other = at - 1 if at + 1 == len(rows) else at + 1
    first, second = sorted((at, other))
    (a, one, *rest), (b, two, *more) = rows[first], rows[second]
    rows[first], rows[second] = (a, one[:-1], *rest), (b, one[-1:] + two, *more)  # type: ignore[assignment]


def _close(rows: Rows, at: int) -> None:
    idx, entry_id, *_ = rows[at]
    closing = Closing(id=entry_id, ts=NOW + at // 9, after=f"{HOST}/{YEAR + 1}/0", why=Why.YEAR)
    body = log_entry.encode(closing)
    rows[at] = (idx, entry_id, leaf_hash(body), body)


def _join(rows: Rows, at: int) -> None:
    """This body and the next stand in one row, and nothing in the other."""
    other = at - 1 if at + 1 == len(rows) else at + 1
    _with_body(lambda body: body + b"\n" + rows[other][3])(rows, at)
    _with_body(lambda _: b"")(rows, other)


DAMAGES: dict[str, Damage] = {
    "missing": lambda rows, at: rows.pop(at) and None,
    "index": _with_row(lambda row: (row[0] + 1, *row[1:])),
    "leaf": _with_row(lambda row: (*row[:2], bytes(32), row[3])),
    "short leaf": _with_row(lambda row: (*row[:2], row[2][:-1], row[3])),
    "id": _with_row(lambda row: (row[0], bytes(16), *row[2:])),
    "ends of ids": _exchange_ends_of_ids,
    "no body": _with_body(lambda _: b""),
    "line break before": _with_body(lambda body: b"\n" + body),
    "line break after": _with_body(lambda body: body + b"\n"),
    "two bodies": _with_body(lambda body: body + b"\n" + body),
    "two bodies in one": _join,
    "capitals": _with_body(bytes.upper),
    "no digits of hexadecimal numbers": _with_body(
        lambda body: body.replace(b'"c":"', b'"c":"g')[: len(body)]
    ),
    "a commitment of other letters": _with_body(lambda body: body[:6] + b"g" + body[7:]),
    "a beginning that is none": _with_entry(n=1, previous=NO_PREVIOUS),
    "a number too high": _with_entry(n=9, previous=bytes([1]) * 32),
    "a number left out": _with_body(
        lambda body: re.sub(rb'"n":(\d+)', lambda found: b'"n":%d' % (int(found[1]) + 1), body)
    ),
    "the highest number": _with_entry(n=MAX_INTEGER, previous=bytes([1]) * 32),
    "beyond the highest number": _with_body(lambda body: body.replace(b'"ts":1', b'"ts":9007199254740992,')),
    "far too late": _with_body(lambda body: body.replace(b'"ts":179', b'"ts":9999179')),
    "another previous entry": _with_entry(previous=bytes([1]) * 32, n=2),
    "another person": _with_entry(tag=bytes([9]) * 16),
    "too early": _with_entry(ts=NOW - 1),
    "late": _with_entry(ts=NOW + 10**6),
    "exchanged": _exchange,
    "closed": _close,
}


def _read(rows: Rows, borders: Sequence[int], *, columns: bool) -> tuple[list[Flaw], Chain]:
    chain, flaws = Chain(), list[Flaw]()
    for start, end in pairwise(sorted({0, len(rows), *(at for at in borders if at < len(rows))})):
        page = Page.of([(*row[1:], row[0]) for row in rows[start:end]])
        flaws += chain.follow(page) if columns else chain.one_by_one(page)
    return flaws, chain


def test_a_sound_log_is_read_without_a_flaw_and_what_it_says_of_itself_is_kept():
    flaws, chain = _read(_sound(), [20, 21], columns=True)

    assert flaws == []
    assert (chain.size, len(chain.tails)) == (COUNT, 7)
    assert [at for at, _ in chain.said] == list(LOG_ENTRIES)


@pytest.mark.parametrize("name", DAMAGES)
def test_each_kind_of_damage_is_a_flaw_found_alike_wherever_it_is_in_a_page(name: str):
    for at in (0, 5, 16, 19, 20, 39, COUNT - 1):
        rows = _sound()
        DAMAGES[name](rows, at)

        flaws, chain = _read(rows, [20, 40], columns=True)

        assert (flaws, chain) == _read(rows, [20, 40], columns=False)
        # Of neighbours that were exchanged only a signed root tells, and of a log's last entry only its head.
        assert flaws or rows == _sound() or name == "exchanged" or at == COUNT - 1


@given(
    damages=st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, COUNT - 1)), max_size=5),
    borders=st.lists(st.integers(1, COUNT - 1), max_size=6),
)
def test_damages_together_are_found_alike_in_the_same_order(
    damages: list[tuple[str, int]], borders: list[int]
):
    rows = _sound()
    for name, at in damages:
        DAMAGES[name](rows, min(at, len(rows) - 1))

    assert _read(rows, borders, columns=True) == _read(rows, borders, columns=False)
