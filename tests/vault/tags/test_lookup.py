"""Blind tags: found by who has the keys, unreadable to who has not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from tests.vault.people.made_up import enrol, erase, phone, resident_id, values
from vault.fields import InvalidValue
from vault.finding.tag_tables import tag
from vault.ids import SubjectId
from vault.storage.pause import without_collector
from vault.tags import Probe, Shape, confirm, kind, match, tag64, tags_for

KEY = bytes(range(32))


@given(st.text(max_size=50))
def test_a_tag_is_a_signed_64_bit_number(text):
    assert -(2**63) <= tag64(KEY, text) < 2**63


def test_a_kind_is_the_number_of_its_field_and_its_shape():
    assert [kind(code) for code in ("phone", "email", "resident_id", "name")] == [65, 129, 193, 257]
    assert kind("phone", Shape.P3S4) == 67
    with pytest.raises(InvalidValue):
        kind("shoe_size")


def test_one_text_has_unrelated_tags_as_two_kinds(vault):
    one, two = (dict(tags_for(vault.keyring, code, phone(1))) for code in ("phone", "bank_card"))
    assert one[kind("phone")] != two[kind("bank_card")]


def test_a_name_alone_has_no_tag(vault):
    assert tags_for(vault.keyring, "name", "lina") == []


def test_people_are_found_by_any_of_their_key_values(vault, now):
    made = enrol(vault, range(5), now)
    probes = [
        Probe("phone", phone(3)),
        Probe("email", "user1@example.com"),
        Probe("resident_id", resident_id(4)),
    ]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, probes)
        assert confirm(conn, vault.keyring, hits, probes) == [True, True, True]
    assert [(hit.probe, hit.subject, hit.field, hit.version) for hit in hits] == [
        (0, made[3].subject, "phone", 1),
        (1, made[1].subject, "email", 1),
        (2, made[4].subject, "resident_id", 1),
    ]
    assert [hit.bucket for hit in hits] == [made[3].bucket, made[1].bucket, made[4].bucket]


def test_strangers_values_names_and_unknown_fields_find_nobody(vault, now):
    enrol(vault, range(3), now)
    probes = [Probe("phone", phone(77)), Probe("name", "persona"), Probe("shoe_size", "42")]
    with vault.data.read() as conn:
        assert match(conn, vault.keyring, probes) == []
        assert match(conn, vault.keyring, []) == []
        assert confirm(conn, vault.keyring, [], []) == []


def test_repeated_probes_each_get_their_hit(vault, now):
    enrol(vault, range(1), now)
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, [Probe("phone", phone(0))] * 3)
    assert [hit.probe for hit in hits] == [0, 1, 2]


def test_a_hit_whose_value_is_not_the_probe_is_not_confirmed(vault, now):
    """What a 64-bit collision would look like: the right place, another value."""
    enrol(vault, range(2), now)
    probes = [Probe("phone", phone(0))]
    with vault.data.read() as conn:
        (hit,) = match(conn, vault.keyring, probes)
        assert confirm(conn, vault.keyring, [hit], [Probe("phone", phone(1))]) == [False]
        assert confirm(conn, vault.keyring, [hit, hit], probes) == [True, True]


def test_a_hit_that_points_nowhere_or_at_the_erased_is_not_confirmed(vault, now):
    (gone, kept) = enrol(vault, range(2), now)
    probes = [Probe("phone", phone(0)), Probe("phone", phone(1))]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, probes)
    erase(vault, gone, now)
    stray = hits[1]._replace(subject=SubjectId(bytes(16)))
    with vault.data.read() as conn:
        assert confirm(conn, vault.keyring, [*hits, stray], probes) == [False, True, False]
    assert hits[1].subject == kept.subject


def test_probes_beyond_one_statement_keep_their_numbers(vault, now, monkeypatch):
    monkeypatch.setattr("vault.tags.lookup.MATCH_CHUNK", 4)
    made = enrol(vault, range(10), now)
    probes = [Probe("phone", phone(i)) for i in range(9, -1, -1)]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, probes)
        assert all(confirm(conn, vault.keyring, hits, probes))
    assert [(hit.probe, hit.subject) for hit in hits] == [(i, made[9 - i].subject) for i in range(10)]


def test_five_thousand_probes_take_tens_of_milliseconds(vault, now):
    enrol(vault, range(300), now)
    probes = [Probe("phone", phone(i)) for i in range(5_000)]
    with vault.data.read() as conn:
        match(conn, vault.keyring, probes[:10])
        with without_collector():  # what it would look through is everything the whole run has loaded
            started = time.thread_time()
            hits = match(conn, vault.keyring, probes)
            elapsed = time.thread_time() - started
    assert len(hits) == 300
    assert elapsed < 0.3  # processor time; about 0.03 s


def test_stored_tags_say_nothing_without_the_keys(vault, now):
    enrol(vault, range(5), now)
    with vault.data.read() as conn:
        stored = {row.tag for row in conn.execute(select(tag.c.tag))}
    guesses = {tag64(key, text) for key in (b"", bytes(32)) for i in range(5) for text in values(i).values()}
    assert len(stored) > 5 * 30
    assert not stored & guesses
