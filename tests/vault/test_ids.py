"""Ids and secrets: they route, round-trip, and refuse everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MalformedId
from vault.ids import (
    Bucket,
    Buckets,
    bucket_for,
    bucket_of,
    decode_id,
    encode_id,
    mint_id,
    mint_secret,
    new_subject,
    secret_bucket,
)

buckets = st.integers(0, 4095).map(Bucket)


@given(buckets, st.integers(0, 2**48 - 1), st.binary(min_size=8, max_size=8))
def test_a_routed_id_gives_back_its_bucket_and_its_bytes(bucket, now, entropy):
    raw = mint_id(bucket, now, entropy)

    assert bucket_of(raw) == bucket
    assert decode_id("gr", encode_id("gr", raw)) == raw


@given(st.text(max_size=60))
def test_no_other_text_is_taken_for_an_id(text):
    with pytest.raises(MalformedId):
        decode_id("gr", text)


def test_an_id_of_another_kind_is_refused():
    text = encode_id("gr", mint_id(Bucket(3), 5, b"12345678"))

    with pytest.raises(MalformedId):
        decode_id("us", text)


@pytest.mark.parametrize("position", range(4, 55))
def test_a_mistyped_secret_is_noticed_without_a_look_up(position):
    text = mint_secret("cut", Bucket(7), bytes(range(32)))
    other = "A" if text[position] != "A" else "B"
    wrong = text[:position] + other + text[position + 1 :]

    assert secret_bucket("cut", text) == 7
    with pytest.raises(MalformedId):
        secret_bucket("cut", wrong)


def test_people_spread_evenly_over_buckets():
    counts = [0] * 16
    for _ in range(3200):
        counts[bucket_for(new_subject(), Buckets(0, 16))] += 1

    assert min(counts) > 120


def test_a_tenants_people_live_in_its_own_buckets_only():
    own = Buckets(32, 3)
    assert {bucket_for(new_subject(), own) for _ in range(200)} == set(own.every())
    assert 31 not in own
    assert 35 not in own
