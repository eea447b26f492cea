"""The index of tags: complete whatever happens meanwhile, free of whoever was erased, and private."""

import polars as pl
import pytest
from sqlalchemy import func, select

from tests.vault.people import made_up as people
from tests.vault.people.made_up import change
from vault.erasure import erase
from vault.finding.tag_tables import tag
from vault.tag_index import files as index_files
from vault.tag_index.files import IndexUnusable
from vault.tag_index.in_columns import forms_of, tag_under, tags_of
from vault.tag_index.indexing import build, current, refresh, status
from vault.tag_index.sieve import Sieve
from vault.tag_index.tables import INDEXED, tag_touched
from vault.tags import kind
from vault.tags.making import tagger, tags_for


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


def in_files(vault, folder):
    with vault.data.read() as conn:
        listing = current(conn, vault, folder)
    return {(file.kind, number) for file in listing.files for number in index_files.read_part(folder, file)}


def in_table(vault):
    with vault.data.read() as conn:
        rows = conn.execute(select(tag.c.kind, tag.c.tag).where(tag.c.kind.in_(INDEXED))).all()
    return {(row.kind, row.tag % (1 << 64)) for row in rows}


def touched(vault):
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(tag_touched)).scalar_one()


def test_tags_made_in_columns_are_those_made_one_by_one(vault):
    keys = vault.keyring.tag_keys
    for code, texts in {
        "phone": ["13800138000", "+16502530000", ""],
        "email": ["a@example.com", "x" * 60 + "@例"],
    }.items():
        made = tags_of(keys, code, forms_of("\n".join([*texts, ""]).encode()))
        number = kind(code)
        assert made.to_list() == [
            tagger(keys).tag(number, text.encode()) % (1 << 64) if text else None for text in texts
        ]
    assert tags_for(keys, "phone", "13800138000")[0][0] == kind("phone")


def test_what_comes_and_goes_is_in_the_index_after_bringing_it_up_to_date(vault, folder, now, monkeypatch):
    monkeypatch.setattr("vault.tag_index.indexing.FEW_PEOPLE", 5)  # sixteen parts
    some = people.enrol(vault, range(20), now)
    assert touched(vault) == 0  # nobody notes what no index lacks
    build(vault, folder, now)
    first = in_files(vault, folder)
    people.enrol(vault, range(20, 23), now)
    change(vault, some[3].subject, "phone", "17700000001", now + 1)
    noted = touched(vault)
    refresh(vault, folder, now + 2)

    assert first < in_files(vault, folder) == in_table(vault)
    assert noted == 10
    assert touched(vault) == 0
    assert status(vault, folder).tags == len(in_table(vault)) == 70
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_whoever_is_erased_is_gone_from_the_files(vault, folder, now):
    some = people.enrol(vault, range(6), now)
    build(vault, folder, now)
    before = in_files(vault, folder)
    with vault.data.write() as conn:
        erase.begin(conn, vault, [some[2].subject], now)
    with vault.data.write() as conn:
        rows = erase.find_many(conn, [(some[2].bucket, some[2].subject)])
        erase.untag(conn, vault, rows, [])
    refresh(vault, folder, now + 1)

    after = in_files(vault, folder)
    assert (len(before), len(after), len(in_table(vault))) == (18, 15, 15)
    assert after == in_table(vault)
    assert touched(vault) == 0


def test_a_value_written_after_the_index_was_made_is_known_all_the_same(vault, folder, now):
    people.enrol(vault, range(4), now)
    build(vault, folder, now)
    with Sieve(vault, folder, now) as sieve:
        tags = pl.Series(
            [number for code, number in in_table(vault) if code == kind("phone")], dtype=pl.UInt64
        )
        asked = pl.concat([tags, pl.Series([None, 7], dtype=pl.UInt64)])
        assert sorted(sieve.known("phone", asked)) == sorted(tags)
        assert len(sieve.known("email", asked)) == 0


def test_an_index_that_is_damaged_or_not_ours_is_made_again(vault, folder, now):
    people.enrol(vault, range(4), now)
    build(vault, folder, now)
    victim = next(folder.glob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")

    assert not status(vault, folder).usable
    with pytest.raises(IndexUnusable), Sieve(vault, folder, now):
        pass
    build(vault, folder, now)
    (folder / index_files.LIST).unlink()
    refresh(vault, folder, now)
    assert in_files(vault, folder) == in_table(vault)


def test_the_key_stands_in_no_plan_and_no_log(vault, folder, now, caplog):
    people.enrol(vault, range(4), now)
    key = vault.keyring.tag_keys.index_key(kind("phone")).decode()
    frame = forms_of(b"13800138000\n")
    expression = tag_under(key)
    with Sieve(vault, folder, now) as sieve:
        sieve._join.data.execute("CALL enable_logging(level = 'trace')")
        sieve.known("phone", tags_of(vault.keyring.tag_keys, "phone", frame))
        logged = str(sieve._join.data.execute("SELECT type, message FROM duckdb_logs").fetchall())

    said = [
        str(expression),
        frame.lazy().select(tag=expression).explain(),
        logged,
        caplog.text,
    ]
    assert "SEMI JOIN asked" in logged
    assert not any(key in one or key.upper() in one or str(bytes.fromhex(key)) in one for one in said)
