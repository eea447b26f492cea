"""Matching in columns gives exactly what matching row by row gives: the same counts, the same people, the same report."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from breach.intake import lines, opened, reading, sifting
from breach.intake.dialect import Hurdle
from breach.intake.sheets import Sheet, pack, unpack
from breach.intake.source import Held
from breach.intake.tally import Tally
from breach.matching import gathered
from breach.matching.cells import Cells
from breach.matching.engines import Engine, Way, way
from breach.matching.gathered import SheetMatcher, gather
from breach.pipeline import matching
from breach.pipeline.run import trace
from breach.stages import Standing
from breach.tables import dump_sketch, trace_candidate, trace_item, trace_stage
from breach.weighing import contacts
from tests.breach import corpus
from tests.breach.leaks import row
from tests.breach.test_pipeline import take
from vault.tag_index import sieve
from vault.tag_index.sieve import Sieve
from vault.tags.sketch import Sketch

READ = [file for file in corpus.files() if file.code is None]
SERVED = [file for file in READ if opened.look(Held(file.raw)).hurdle is None]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    """Files of a few kilobytes have many windows, sheets and rounds, as large ones have."""
    monkeypatch.setattr(lines, "_BLOCK", 512)
    monkeypatch.setattr(sifting, "TOGETHER", 3)
    monkeypatch.setattr(gathered, "MOST_TAGS", 40)
    monkeypatch.setattr(sieve, "MASKED_FROM", 1)


def pieces(raw):
    return iter([raw[at : at + 512] for at in range(0, len(raw), 512)])


def _matching(vault, cells):
    with vault.data.read() as conn:
        aliases = contacts.Contacts(conn, vault, cells, 1 << 60)
    return matching.Matching(
        vault.keyring, cells, Sketch(vault.keyring.tag_keys), aliases, None, linking=False
    )


def by_row(vault, raw):
    tally, cells = Tally(), Cells()
    matching = _matching(vault, cells)
    source = Held(raw)
    dialect = opened.look(source)
    with vault.data.read() as conn:
        found = [matching.match(conn, block) for block in reading.read(pieces(raw), dialect, tally)]
    return tally, cells, *summed(matching, found)


def in_columns(vault, raw, folder, now):
    tally, cells = Tally(), Cells()
    matching = _matching(vault, cells)
    source = Held(raw)
    read = list(sifting.blocks(pieces(raw), opened.look(source), tally))
    read = [unpack(pack(one)) if isinstance(one, Sheet) else one for one in read]
    with Sieve(vault, folder, now) as opened_index, vault.data.read() as conn:
        matching.sheets = SheetMatcher(source, opened_index, cells, matching.match_part)
        rounds = list(gather(iter(read), vault.keyring.tag_keys))
        found = [matching.match(conn, one) for one in rounds]
    return tally, cells, *summed(matching, found)


def summed(matching, found):
    items, weights = {}, {}
    for one in found:
        for item, how in one.items.items():
            items[item] = items.get(item, 0) | how
        for whom, weight in one.weights.items():
            weights[whom] = tuple(map(sum, zip(weights.get(whom, (0, 0)), weight, strict=True)))
        matching.sketch.add(one.values)
        matching.sketch.add_tags(one.tags)
    agreed = sorted((sorted(row.people), list(row.cells)) for one in found for row in one.rows)
    return items, weights, matching.sketch.pack(), agreed


def hostile(count):
    """Rows of every kind that there is, a third of them about people the vault knows."""
    dice = itertools.cycle(range(21))
    for n in range(count):
        name, phone, mail = (
            row(n // 3 % 12) if n % 3 == 0 else ["路人", f"1770000{n:04d}", f"nobody{n}@example.net"]
        )
        yield {
            0: f"{name},{phone},{mail}", 1: f"{name},+86 {phone[:3]}-{phone[3:7]}-{phone[7:]},{mail.upper()}",
            2: f"{name},{phone}", 3: f"{name},{phone},{mail},{mail}", 4: f'"{name}",{phone},"{mail}"' if n > count // 2 else f"{name},,",
            5: f"{name},{phone[:3]}****{phone[-4:]},{mail[0]}***@example.com", 6: f"{name},d41d8cd98f00b204e9800998ecf8427e,{mail}",
            7: "", 8: f"{phone},{phone},{mail}", 9: f"{name},NULL,{mail}", 10: f"{name},{row((n + 1) % 12)[1]},{mail}",
            11: f"张伟,{mail},{phone}", 12: "  ", 13: f"{name}, {phone}.0,broken@", 14: f"{name},+1 650 253 0000,{mail}",
            17: f"备注: 联系 {phone} {name},17799990000,{mail.replace('@', '%40')}", 18: f"mail {mail} / {row(3)[1]},{phone}/{row(4)[1]},-",
            19: f"{phone[:3]} {phone[3:7]} {phone[7:]}或{row(2)[2]}:{phone},{phone} {name},",
            20: f"{name},-,{mail.replace('@', '+shop@')}", 15: f"{name}\0,{phone},{mail}", 16: f"{name},1.3812345678E+10,{mail}" if n > count * 3 // 4 else f"{name},{phone}, ",
        }[next(dice)]  # fmt: skip


FILES = {
    "utf-8": lambda rows: "\n".join(rows).encode(),
    "heading": lambda rows: ("姓名,手机,邮箱\n" + "\n".join(rows)).encode("utf-8-sig"),
    "gb18030": lambda rows: ("\r\n".join(rows) + "\r\n").encode("gb18030"),
    "mixed": lambda rows: "\n".join(rows[:90]).encode() + b"\n" + "\n".join(rows[90:]).encode("gb18030"),
    "dashes": lambda rows: "\n".join(rows).replace(",", "----").encode(),
    "tabs": lambda rows: ("\n".join(rows).replace(",", "\t") + "\n\t\t\n").encode(),
    "one column": lambda rows: "\n".join(one.split(",")[-1] for one in rows).encode(),
}


def test_a_hostile_file_gives_the_same_both_ways(vault, enrolled, tmp_path, now):
    for name, written in FILES.items():
        raw = written(list(hostile(340)))

        slow, fast = by_row(vault, raw), in_columns(vault, raw, tmp_path / "index", now)

        assert slow[0].as_dict() == fast[0].as_dict(), name
        assert slow[1].as_dict() == fast[1].as_dict(), name
        assert slow[2:] == fast[2:], name
        assert len({item[1] for item in fast[2]}) == 12


def test_every_delimited_file_of_the_corpus_gives_the_same_both_ways(vault, enrolled, tmp_path, now):
    assert len(SERVED) > 15
    for file in SERVED:
        slow, fast = by_row(vault, file.raw), in_columns(vault, file.raw, tmp_path / "index", now)

        assert [one.as_dict() for one in slow[:2]] == [one.as_dict() for one in fast[:2]], file.name
        assert slow[2:] == fast[2:], file.name


@pytest.mark.parametrize("delimiter", [",", "\t", "----", "|"])
@given(data=st.data(), width=st.integers(1, 4))
def test_cells_are_those_of_splitting_line_by_line(delimiter, data, width):
    cell = st.sampled_from(["", "", " ", "a", "-", "张三", "\0", "1,3" if delimiter != "," else "'"])
    rows = data.draw(st.lists(st.lists(cell, min_size=1, max_size=6), min_size=1, max_size=12))
    lines = [delimiter.join(row) for row in rows]
    half = len(lines) // 2
    texts = ["".join(f"{line}\n" for line in some).encode() for some in (lines[:half], lines[half:]) if some]

    frame = sifting._cells_of(texts, delimiter, width)

    for line, (*cells, odd) in zip(lines, frame.rows(), strict=True):
        split = line.split(delimiter)
        assert odd == (len(split) != width)
        assert odd or cells == split


def test_a_heading_costs_its_window_nothing():
    raw = "\n姓名,手机\n".encode() + "".join(f"路人,138{n:08}\n" for n in range(60)).encode()

    read = list(sifting.blocks(pieces(raw), opened.look(Held(raw)), Tally()))

    assert [isinstance(one, Sheet) for one in read] == [True]
    assert read[0].plain == read[0].rows - 1 == 60


def test_rows_that_may_show_an_alias_stay_apart():
    rows = [
        ["a", phone, mail]
        for phone in ("17000000001", "13800138000")
        for mail in ("x@relay.example", "x@example.com")
    ]
    raw = "".join(",".join(row) + "\n" for row in rows * 9).encode()
    endings = {"email": ["@relay.example"], "phone": ["17000000001"]}

    (sheet,) = sifting.blocks(iter([raw]), opened.look(Held(raw)), Tally(), endings=endings)

    assert dict(sheet.texts) == {"phone": b"13800138000\n" * 9, "email": b"x@example.com\n" * 9}
    assert sum(len(part.rows) for parts in sheet.apart for part in parts) == 27


def stored(vault, trace_id):
    """Everything a trace leaves in the data base."""
    with vault.data.read() as conn:
        rows = [
            sorted(tuple(row) for row in conn.execute(select(*columns)).all())
            for columns in (
                [c for c in table.c if c.name not in {"trace", "updated_at", "finished_at", "tenant"}]
                for table in (trace_item, trace_candidate, dump_sketch)
            )
        ]
        rows.append(conn.execute(select(trace_stage.c.stage, trace_stage.c.done, trace_stage.c.detail)).all())
    return rows


def test_a_trace_killed_anywhere_and_taken_up_again_ends_as_if_nothing_had_happened(
    small_town, tmp_path, monkeypatch
):
    vault, now = small_town.vault, small_town.world.now
    # In the parser's own process windows are as large as ever.
    raw = "\n".join(f"{','.join(row(n % 60))},{'x' * 2_000}" for n in range(20_000)).encode()
    kept = take(vault, raw, tmp_path, now, size=1 << 20)
    settled, original = [], matching._match_block

    def stops_after_the_first(*args):
        if len(settled) == 1:
            raise KeyboardInterrupt
        settled.append(original(*args))
        return settled[-1]

    monkeypatch.setattr(matching, "_match_block", stops_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        trace(vault, kept, now_ms=now, engine=Engine.DUCKDB, index=tmp_path / "index")
    monkeypatch.setattr(matching, "_match_block", original)
    read = []
    resumed = trace(
        vault, kept, now_ms=now, engine=Engine.DUCKDB, index=tmp_path / "index",
        progress=lambda stage, done, _: read.append((stage, done)),
    )  # fmt: skip
    after = stored(vault, resumed.id)

    again = trace(vault, kept, now_ms=now, before_ms=kept.received_at + 1, engine=Engine.PYTHON)

    assert resumed.way == Way(Engine.DUCKDB)
    assert settled[0].detail["mark"]["at"] > 15 << 20
    for part in ("lines", "cells", "people"):
        assert resumed.body[part] == again.body[part]
    assert len(after[0]) * 2 == len(stored(vault, again.id)[0])
    assert resumed.body["cells"]["rows"] == 20_000


def test_what_keeps_a_dump_from_being_matched_in_columns_is_told(vault, enrolled, tmp_path, now):
    index = tmp_path / "index"
    text = "\n".join(f"{','.join(row(n))}" for n in range(12))
    for raw, hurdle in (
        (text.encode(), None),
        (("\ufeff" + text).encode("utf-16-le"), Hurdle.ENCODING),
        (text.replace("\n", "\r").encode(), Hurdle.LINE_ENDS),
        ("".join(f'{{"phone":"{row(n)[1]}"}}\n' for n in range(12)).encode(), Hurdle.SHAPE),
    ):
        kept = take(vault, raw, tmp_path, now)

        done = trace(vault, kept, now_ms=now, engine=Engine.DUCKDB, index=index)

        assert done.way == Way(Engine.PYTHON if hurdle else Engine.DUCKDB, hurdle)
        assert trace(vault, kept, now_ms=now, engine=Engine.DUCKDB, index=index).way is None


def test_what_is_known_before_the_file_is_read_is_told_as_well():
    begun = Standing(done=3, detail={"cells": {}})

    assert way(Engine.DUCKDB, begun, linking=False, indexed=True).hurdle is Hurdle.BEGUN
    assert way(Engine.DUCKDB, begun, linking=True, indexed=True).hurdle is Hurdle.LINKING
    assert way(Engine.SPARK, None, linking=False, indexed=False).hurdle is Hurdle.NO_INDEX
    assert way(Engine.PYTHON, begun, linking=True, indexed=False) == Way(Engine.PYTHON)
