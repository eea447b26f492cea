"""Entry bytes: one spelling, no room for anything else."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.entries.entry import (
    LOG_KINDS,
    MAX_BYTES,
    PERSON_KINDS,
    Entry,
    Kind,
    encode,
    outline,
    outlines,
    parse,
)
from consent.ledger.errors import Malformed
from consent.ledger.tree import leaf_hash
from tests.vectors import ledger_formats

ENTRY = Entry(
    kind=Kind.ACCESS,
    ts=1_795_300_000_000,
    tag=bytes(range(16)),
    n=2,
    previous=bytes(range(32)),
    commitment=bytes(range(32, 64)),
    id=bytes(range(16, 32)),
)
DATA = encode(ENTRY)


def test_frozen_examples_of_every_format_are_written_byte_for_byte_again():
    assert ledger_formats.text() == ledger_formats.FILE.read_text(encoding="utf-8")


def test_frozen_entries_are_read_and_chained():
    frozen = json.loads(ledger_formats.FILE.read_text(encoding="utf-8"))
    bodies = [text.encode() for text in frozen["entries"]]

    assert [leaf_hash(body).hex() for body in bodies] == frozen["leaves"]
    for before, after in pairwise(bodies):
        assert parse(after).previous == leaf_hash(before)


def test_an_entry_is_what_a_sorting_json_writer_gives():
    assert json.dumps(json.loads(DATA), sort_keys=True, separators=(",", ":")).encode() == DATA


@pytest.mark.parametrize("kind", sorted(PERSON_KINDS))
def test_every_kind_about_a_person_is_read_back(kind: Kind):
    entry = ENTRY._replace(kind=kind)

    assert parse(encode(entry)) == entry


@pytest.mark.parametrize("kind", sorted(LOG_KINDS))
def test_kinds_about_the_log_itself_have_another_layout(kind: Kind):
    with pytest.raises(Malformed):
        encode(ENTRY._replace(kind=kind))


@pytest.mark.parametrize(
    "change",
    [
        {"n": 0},
        {"n": 1},
        {"previous": bytes(32)},
        {"previous": bytes(31)},
        {"tag": bytes(15)},
        {"id": bytes(17)},
        {"commitment": b""},
        {"ts": -1},
        {"ts": 2**53},
    ],
)
def test_a_writer_refuses_values_out_of_range(change: dict[str, object]):
    with pytest.raises(Malformed):
        encode(ENTRY._replace(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"c":', b'"d":'),
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":1.0'),
        (b'"v":1', b'"v":true'),
        (b'"v":1}', b'"v":1,"w":1}'),
        (b'"n":2', b'"n":"2"'),
        (b'"n":2', b'"n":2.0'),
        (b'"n":2', b'"n":02'),
        (b'"n":2,', b'"n":2, '),
        (b'"n":2', b'"n":2,"n":2'),
        (b'"ts":1795300000000', b'"ts":1.7953e12'),
        (b'"t":"access"', b'"t":"\\u0061ccess"'),
        (b'"t":"access"', b'"t":"shard"'),
        (b'"t":"access"', b'"t":null'),
        (b'"id":"1', b'"id":"A'),
        (b"{", b" {"),
        (b"}", b"}\n"),
        (b"}", b""),
        (b"{", b"[" * 900),
    ],
)
def test_bytes_in_any_other_spelling_are_refused(old: bytes, new: bytes):
    changed = DATA.replace(old, new, 1)

    assert changed != DATA
    with pytest.raises(Malformed):
        parse(changed)


def test_an_entry_longer_than_a_kibibyte_is_refused_unread():
    with pytest.raises(Malformed):
        parse(DATA + b" " * MAX_BYTES)


NUMBERS = st.one_of(st.integers(0, 3), st.integers(2**53 - 3, 2**53 - 1))
ENTRIES = st.builds(
    lambda n, previous, **members: Entry(n=n, previous=bytes(32) if n == 1 else previous, **members),
    kind=st.sampled_from(sorted(PERSON_KINDS)),
    ts=NUMBERS,
    tag=st.binary(min_size=16, max_size=16),
    n=NUMBERS.filter(bool),
    previous=st.binary(min_size=32, max_size=32).filter(any),
    commitment=st.binary(min_size=32, max_size=32),
    id=st.binary(min_size=16, max_size=16),
)


@given(data=st.data())
def test_the_outline_of_an_entry_is_what_parsing_finds(data: st.DataObject):
    good = encode(data.draw(ENTRIES))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = data.draw(st.booleans())
    text = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :] if changed else good

    found = outline(text)

    try:
        entry = parse(text)
    except Malformed:
        assert found is None
        return
    assert found == (
        entry.id.hex().encode(),
        entry.n,
        entry.previous.hex().encode(),
        entry.tag.hex().encode(),
        entry.ts,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        DATA + b"\n" + DATA,
        DATA + b"\n",
        b"",
        DATA.replace(b'"c":"2', b'"c":"g'),
        DATA.replace(b'"s":"0', b'"s":"\xff'),
        DATA.replace(b'"n":2', b'"n":9007199254740992'),
        DATA.replace(b'"ts":1795300000000', b'"ts":9007199254740992'),
        DATA.replace(b"access", b"shard"),
    ],
)
def test_one_entry_without_an_outline_leaves_all_beside_it_without(wrong: bytes):
    assert wrong != DATA
    assert outline(wrong) is None

    assert outlines([wrong]) is None
    assert outlines([DATA, wrong, DATA]) is None


@given(data=st.data())
def test_the_outlines_of_entries_are_the_outline_of_each_that_may_follow_another_or_none_at_all(
    data: st.DataObject,
):
    texts = [encode(entry) for entry in data.draw(st.lists(ENTRIES, max_size=4))]
    if texts and data.draw(st.booleans()):
        which = data.draw(st.integers(0, len(texts) - 1))
        good = texts[which]
        at, length = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 1))
        new = data.draw(
            st.one_of(st.binary(max_size=1), st.sampled_from([b"\n", b"\n" + good, good + b"\n", b"A"]))
        )
        texts[which] = good[:at] + new + good[at + length :]

    found = outlines(texts)

    each = [outline(text) for text in texts]
    if found is None:
        assert None in each
        return
    for one, stands in zip(each, zip(*found, strict=True), strict=True):
        assert one == stands or (one is None and not _may_follow(*stands[:3]))


def _may_follow(entry_id: bytes, n: int, previous: bytes) -> bool:
    """Whether this is how an entry could name itself and the one before it."""
    digits = re.fullmatch(rb"[0-9a-f]{96}", entry_id + previous)
    return digits is not None and (n == 1) == (previous == b"0" * 64)
