"""Reading delimited text: the csv module's answer on clean input, and no line lost on damaged input."""

import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.intake import delimited
from breach.intake.columns import recognise
from breach.intake.delimited import MAX_RECORD_LINES, rows
from breach.intake.lines import MAX_LINE, blocks
from breach.intake.parts import LOOSE
from breach.intake.tally import Reason, Tally

CELL = st.text(st.sampled_from('ab张丰 ,;|\t"\n-0'), max_size=6)


def read(raw: bytes, delimiter, width, *, encoding="utf-8", newline=b"\n", chunk=7):
    tally = Tally()
    pieces = [raw[at : at + chunk] for at in range(0, len(raw), chunk)]
    batches = rows(blocks(pieces, encoding, tally, newline=newline), delimiter, width, tally)
    return [row for batch in batches for row in batch], tally


@settings(max_examples=300, deadline=None)
@given(
    st.data(),
    st.sampled_from(",;|\t"),
    st.integers(2, 5),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_clean_input_reads_as_the_csv_module_reads_it(data, delimiter, width, quoting):
    table = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8))
    table = [row for row in table if not "".join(row).isspace() and any(row)]
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(table)
    text = written.getvalue()
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))

    got, tally = read(text.encode(), delimiter, width)

    # A line of blanks and tabs only is no row to us; the csv module gives it as cells of blanks.
    assert [row for row in got if any(c.strip() for c in row)] == [
        r for r in expected if any(c.strip() for c in r)
    ]
    assert tally.reconciled
    assert tally.mended == 0


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=400),
    st.sampled_from([",", ";", "\t", "|", "----", None]),
    st.sampled_from(["utf-8", "gb18030", "utf-16"]),
)
def test_any_bytes_at_all_are_accounted_for_line_by_line(raw, delimiter, encoding):
    marked = b"\xff\xfe" + raw if encoding == "utf-16" else raw

    _, tally = read(marked, delimiter, 3, encoding=encoding)

    assert tally.reconciled


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_stray_quotes_never_swallow_a_neighbour(data):
    """Every undamaged row of a file with stray quotes comes out whole."""
    seed = data.draw(st.integers(0, 10_000))
    dice = random.Random(seed)
    lines, clean = [], []
    for number in range(60):
        cells = [f"n{number}", f"138{number:08d}", f"u{number}@example.com"]
        if dice.random() < 0.1:
            at = dice.randrange(3)
            cells[at] = '"' + cells[at] if dice.random() < 0.5 else cells[at] + '"'
        else:
            clean.append(cells)
        lines.append(",".join(cells))

    got, tally = read("\n".join(lines).encode(), ",", 3)

    assert [row for row in got if row in clean] == clean
    assert len(got) == 60
    assert tally.reconciled


def test_a_quoted_line_break_continues_its_row():
    got, tally = read(b'a,"x\r\ny",c\r\nd,e,f\r\n', ",", 3)

    assert got == [["a", "x\ny", "c"], ["d", "e", "f"]]
    assert (tally.lines, tally.parsed, tally.continuation) == (3, 2, 1)


def test_a_quote_that_never_closes_gives_up_after_fifty_lines():
    raw = '"open,b\n' + "a,b\n" * (MAX_RECORD_LINES * 3)

    got, tally = read(raw.encode(), ",", 2)

    assert len(got) == MAX_RECORD_LINES * 3 + 1
    assert got[0] == ["open", "b"]
    assert tally.mended == 1


def test_rows_of_another_width_are_kept_and_counted():
    got, tally = read(b"a,b,c\na,b\na,b,c,d\n\n  \n", ",", 3)

    assert [len(row) for row in got] == [3, 2, 4]
    assert tally.ragged == 2
    assert tally.quarantined == {Reason.BLANK: 2}


def test_a_line_longer_than_a_megabyte_is_set_aside_and_named():
    raw = b"a,b\n" + b"x" * (3 * MAX_LINE) + b"\nc,d\n" + b"y" * (MAX_LINE + 1) + b"\ne,f\n"

    got, tally = read(raw, ",", 2, chunk=65_536)

    assert got == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert tally.quarantined[Reason.TOO_LONG] == 2
    assert tally.located == [(2, Reason.TOO_LONG), (4, Reason.TOO_LONG)]
    assert tally.reconciled


def test_an_over_long_last_line_without_end_is_counted():
    got, tally = read(b"a,b\n" + b"x" * (3 * MAX_LINE), ",", 2, chunk=65_536)

    assert got == [["a", "b"]]
    assert (tally.lines, tally.quarantined[Reason.TOO_LONG]) == (2, 1)


def test_lines_of_another_encoding_are_read_in_their_own():
    raw = "张三,1\n".encode() + "李四,2\n".encode("gb18030") + b"\xff\xff\xff,3\n"

    got, tally = read(raw, ",", 2)

    assert got == [["张三", "1"], ["李四", "2"]]
    assert tally.reencoded == {"gb18030": 1}
    assert tally.quarantined == {Reason.UNDECODABLE: 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "gb18030"])
def test_every_encoding_reads_the_same_rows(encoding):
    raw = "张三,13812345678\n李四,13912345678\n".encode(encoding)
    name = encoding.removesuffix("-sig")

    got, tally = read(raw, ",", 2, encoding=name, chunk=3)

    assert got == [["张三", "13812345678"], ["李四", "13912345678"]]
    assert tally.reconciled


def test_old_line_ends_are_line_ends_when_the_file_has_no_others():
    got, _ = read(b"a,b\rc,d\r", ",", 2, newline=b"\r")

    assert got == [["a", "b"], ["c", "d"]]


def test_each_window_is_read_in_the_encoding_it_is_written_in(monkeypatch):
    """Joined files change their encoding midway; what reads strictly in the wrong one is not believed."""
    monkeypatch.setattr("breach.intake.lines._BLOCK", 4_000)
    simplified = "".join(f"张伟{n},北京市海淀区中关村大街\n" for n in range(200))
    traditional = "".join(f"陳大文{n},台北市信義區忠孝東路\n" for n in range(200))
    raw = simplified.encode() + simplified.encode("gb18030") + traditional.encode("big5")

    got, tally = read(raw, ",", 2, encoding="gb18030", chunk=1_000)

    texts = [",".join(row) for row in got]
    assert sum(text in simplified for text in texts) >= 398 - 2 * 110
    assert sum(text in traditional for text in texts) >= 90
    assert set(tally.windows) == {"utf-8", "gb18030", "big5hkscs"}
    assert tally.reconciled


def test_an_identifier_outside_its_columns_is_looked_at_by_itself():
    columns = recognise([[f"138{n:08d}", "note"] for n in range(50)], 2)
    lines = [f"138{n:08d},note {n}" for n in range(50)]
    lines[9] = "13800000009,y@example.com"

    [block, *_] = delimited.blocks([lines], ",", columns, Tally())

    assert [part.rows for part in block.parts if part.columns is LOOSE] == [
        [["13800000009", "y@example.com"]]
    ]


def test_what_the_texts_of_a_row_mention_is_a_row_beside_it():
    columns = recognise([[f"138{n:08d}", "note"] for n in range(50)], 2)
    lines = [f"138{n:08d},note {n}" for n in range(50)]
    lines[7] = "13800000007,备注: 联系 13912345678 张三，或 li@example.com"
    lines[8] = "13800000008,next=/me&mail=wu%40example.com&tel=%2B8613712345678"
    lines[9] = "13800000009,卡号 6222 0212 3456 7894,x"
    tally = Tally(lines=50)

    [block, *_] = delimited.blocks([lines], ",", columns, tally)

    assert [part.rows for part in block.parts if part.columns is LOOSE] == [
        [["13912345678", "li@example.com"], ["wu@example.com", "+8613712345678"], ["6222 0212 3456 7894"]]
    ]
    assert sum(len(part.rows) for part in block.parts) == block.rows == tally.rows == 53
    assert (tally.mentions, tally.parsed) == (3, 50)
