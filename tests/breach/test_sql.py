"""SQL dumps: every row of every dialect, however the stream is cut, and no line lost on damage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.intake import sql
from breach.intake.parts import LOOSE
from breach.intake.sql_text import Flavour
from breach.intake.tally import Reason, Tally

CELL = st.none() | st.text(st.sampled_from("ab张,;()'\"\\\n\t-0"), max_size=6)
TABLE = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6)


def read(text: str, flavour=Flavour.ESCAPES, step=10_000):
    tally = Tally(lines=text.count("\n"))
    pieces = [text[at : at + step] for at in range(0, len(text), step)]
    blocks = list(sql.blocks(pieces, flavour, tally))
    return [row for block in blocks for part in block.parts for row in part.rows], tally


def escaped(cell):
    if cell is None:
        return "NULL"
    for sign, written in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\t", "\\t")):
        cell = cell.replace(sign, written)
    return f"'{cell}'"


def doubled(cell):
    return "NULL" if cell is None else "N'" + cell.replace("'", "''") + "'"


def copied(cell):
    if cell is None:
        return r"\N"
    for sign, written in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t")):
        cell = cell.replace(sign, written)
    return cell


def insert(table, quote, between=","):
    return "INSERT INTO `t` VALUES " + between.join(f"({','.join(map(quote, row))})" for row in table) + ";\n"


def as_cells(table):
    return [[cell or "" for cell in row] for row in table]


@settings(max_examples=80, deadline=None)
@given(TABLE, st.integers(1, 40), st.sampled_from([",", ", ", ",\n  "]))
def test_what_mysql_writes_is_read_back_however_it_is_cut(table, step, between):
    text = "-- MySQL dump\n" + insert(table, escaped, between) + "UNLOCK TABLES;\n"

    got, tally = read(text, step=step)

    assert got == as_cells(table)
    assert tally.reconciled
    assert not tally.damaged


@settings(max_examples=80, deadline=None)
@given(TABLE, st.integers(1, 40))
def test_what_others_write_is_read_back_with_backslashes_as_they_are(table, step):
    got, tally = read(insert(table, doubled), Flavour.LITERAL, step)

    assert got == as_cells(table)
    assert tally.reconciled


@settings(max_examples=80, deadline=None)
@given(TABLE, st.integers(1, 40))
def test_copy_blocks_are_read_back(table, step):
    lines = "".join("\t".join(map(copied, row)) + "\n" for row in table)

    got, tally = read(f"SET x;\nCOPY public.t (a, b, c) FROM stdin;\n{lines}\\.\n\nSELECT 1;\n", step=step)

    assert got == as_cells(table)
    assert tally.reconciled
    assert tally.continuation == 0


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "INSERT INTO t VALUES ",
                "(",
                ")",
                ",",
                ";",
                "\n",
                "'",
                '"',
                "\\",
                "a",
                "1",
                "--",
                "COPY t FROM stdin;\n",
                "(1,'a')",
                "\\.\n",
                " ",
                "N'x'",
                "/*",
                "*/",
                "张",
                "replace('a','b')",
            ]
        ),
        max_size=40,
    ),
    st.sampled_from(Flavour),
    st.integers(1, 30),
)
def test_any_text_at_all_is_accounted_for_line_by_line(pieces, flavour, step):
    text = "".join(pieces) + "\n"

    got, tally = read(text, flavour, step)

    assert tally.reconciled
    assert tally.rows == len(got)


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ("0x3133383132333435363738", "13812345678"),
        ("X'613A62'", "a:b"),
        ("0x5d41402abc4b2a76b9719d911017c592", "0x5d41402abc4b2a76b9719d911017c592"),
        ("_binary 'a\\'b'", "a'b"),
        ('"double \\" quoted"', 'double " quoted'),
        ("CAST(N'2019-01-02' AS DateTime)", "2019-01-02"),
        ("'2019'::date", "2019"),
        ("E'a\\nb'", "a\nb"),
        ("TO_DATE('2019', concat('YY','YY'))", "2019YYYY"),
        ("'a' || chr(10) || 'b'", "ab"),
        ("-1.50", "-1.50"),
        ("110101199003070011", "110101199003070011"),
        ("current_timestamp", "current_timestamp"),
        ("NULL", ""),
        ("", ""),
    ],
)
def test_every_usual_way_of_writing_a_value_is_understood(written, cell):
    got, tally = read(f"insert into [dbo].[t] ([a],[b],[c]) values ('x', {written}, 'y')\nGO\n")

    assert got == [["x", cell, "y"]]
    assert not tally.damaged


@pytest.mark.parametrize(
    "head",
    [
        "INSERT INTO t VALUES ",
        "insert ignore into `d b`.`t` (`a`, `b c`) values\n",
        "REPLACE INTO t VALUE ",
        'INSERT OR REPLACE INTO "t" VALUES',
        "INSERT [dbo].[t] ([a], [b]) VALUES ",
        "INSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE VALUES /* rows */ ",
        "/*!40000 ALTER TABLE t */; INSERT INTO t VALUES -- rows\n",
    ],
)
def test_every_usual_head_of_a_statement_is_known(head):
    got, tally = read(head + "(1,'a'),(2,'b') ON DUPLICATE KEY UPDATE a=1;\n")

    assert got == [["1", "a"], ["2", "b"]]
    assert tally.reconciled


def test_statements_without_rows_are_set_aside_as_that():
    got, tally = read("CREATE TABLE t (\n  a int\n);\nINSERT INTO t VALUES (1);\nUPDATE t SET a = 2;\n")

    assert got == [["1"]]
    assert tally.quarantined == {Reason.NO_ROWS: 4}
    assert tally.located == [(1, Reason.NO_ROWS), (5, Reason.NO_ROWS)]


def test_a_broken_tuple_costs_only_itself_and_what_it_shows_is_saved():
    text = "INSERT INTO t VALUES (1,'a'),(2,'O'Brien 13812345678 b'),(3,'c'),(4,'d');\n"

    got, tally = read(text)

    assert sorted(got) == [["1", "a"], ["13812345678"], ["3", "c"], ["4", "d"]]
    assert (tally.damaged, tally.mended) == ({Reason.BROKEN: 1}, 1)
    assert tally.reconciled


@pytest.mark.parametrize(
    "text", ["34','x@example.com'),(2,'y'),(3,'z');\n", "(1,'x@example.com'),\n(2,'y'),\n(3,'z');\n"]
)
def test_a_file_that_begins_in_the_middle_of_a_statement_is_read_from_there(text):
    got, tally = read(text)

    assert [row for row in got if row[-1] in "yz"] == [["2", "y"], ["3", "z"]]
    assert any("x@example.com" in row for row in got)
    assert tally.reconciled


def test_a_statement_cut_short_is_said_to_be_and_keeps_what_it_shows():
    got, tally = read("INSERT INTO t VALUES (1,'a'),(2,'13812345678','Road 1, Hou\n")

    assert got == [["1", "a"], ["13812345678"]]
    assert tally.damaged == {Reason.CUT_SHORT: 1}


def test_a_tuple_beyond_a_megabyte_is_broken_and_the_next_is_read():
    text = "INSERT INTO t VALUES (1,'" + "x" * (3 * sql.MAX_TUPLE) + "'),(2,'y');\n"

    got, tally = read(text, step=1 << 18)

    assert got == [["2", "y"]]
    assert tally.damaged == {Reason.BROKEN: 1}


def test_rows_of_each_table_have_their_own_columns():
    people = ",".join(f"({n},'138{n:08d}')" for n in range(60))
    mails = ",".join(f"('u{n}@example.com','x',{n})" for n in range(60))
    tally = Tally(lines=2)

    [block] = sql.blocks(
        [f"INSERT INTO a VALUES {people};\nINSERT INTO b VALUES {mails};\n"], Flavour.LITERAL, tally
    )

    assert [[at for at, _ in part.columns.identifiers] for part in block.parts] == [[1], [0]]
    assert all(part.columns is not LOOSE for part in block.parts)


def test_an_identifier_in_a_column_of_other_things_is_not_passed_over():
    rows = [f"({n},'note {n}')" for n in range(500)]
    rows[250] = "(250,'somebody@example.com')"

    [block] = sql.blocks([f"INSERT INTO a VALUES {','.join(rows)};\n"], Flavour.LITERAL, Tally(lines=1))

    assert [part.rows for part in block.parts if part.columns is LOOSE] == [[["250", "somebody@example.com"]]]
