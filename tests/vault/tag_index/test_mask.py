"""The mask before the join: whoever is in the index gets through, and nearly all strangers do not."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.tag_index import mask
from vault.tag_index.mask import Mask

TAGS = st.sets(st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**63, 2**64 - 1]), max_size=40)


def masked(tags, parts):
    by_part = {}
    for tag in sorted(tags):
        by_part.setdefault(tag * parts >> 64, []).append(tag)
    return Mask(len(tags), (pl.Series(some, dtype=pl.UInt64) for some in by_part.values()))


@given(TAGS, TAGS, st.sampled_from([1, 16, 256]))
def test_no_tag_of_the_index_is_held_back(tags, others, parts):
    asked = pl.Series([*tags, *others], dtype=pl.UInt64)

    assert tags <= set(masked(tags, parts).possible(asked))


@pytest.mark.parametrize(("most", "let_through"), [(1 << 31, 1 / 16), (1 << 16, 1)])
def test_strangers_are_held_back_as_far_as_there_is_room(monkeypatch, most, let_through):
    monkeypatch.setattr(mask, "MOST", most)
    step = 2**64 // 50_000
    index = masked(range(7, 2**64, step), 16)  # one tag and one stranger in each step, half a step apart
    strangers = pl.Series([*range(step // 2, 2**64, step)], dtype=pl.UInt64)

    assert len(index.possible(strangers)) <= len(strangers) * let_through
    assert masked([], 1).possible(strangers).is_empty()
