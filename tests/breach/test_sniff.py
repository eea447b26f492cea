"""What a file is, seen from its first bytes, and what is refused with which code."""

import json
import random

import pytest

from breach.errors import DumpRefused
from breach.intake.columns import Kind, kind_of, recognise
from breach.intake.sniff import sniff

ROWS = [
    ("张伟", "13812345678", "zhang.wei@example.com"),
    ("王芳", "13912345678", "wang.fang@example.com"),
] * 20


def text(delimiter: str, *, heading: bool = True) -> str:
    lines = [delimiter.join(row) for row in ROWS]
    return "\n".join([delimiter.join(("姓名", "手机", "邮箱")), *lines] if heading else lines) + "\n"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "----"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("heading", [True, False])
def test_encoding_separator_and_columns_are_found(delimiter, encoding, heading):
    dialect = sniff([text(delimiter, heading=heading).encode(encoding)])

    assert dialect.encoding == encoding.removesuffix("-sig")
    assert dialect.delimiter == delimiter
    assert dialect.width == 3
    assert dialect.columns.heading is heading
    assert dialect.columns.kinds == (frozenset({Kind.NAME}), frozenset({Kind.PHONE}), frozenset({Kind.EMAIL}))


def test_big5_is_told_from_gb18030():
    body = "".join(f"陳大文,台北市信義區忠孝東路,138{n:08d}\n" for n in range(50))

    assert sniff([body.encode("big5")]).encoding == "big5hkscs"
    assert sniff(["陈大文,台北市信义区忠孝东路,13812345678\n".encode("gb18030") * 50]).encoding == "gb18030"


@pytest.mark.parametrize("cell", ["13812345678", "zhang@example.com", "+86 138-1234-5678"])
def test_one_column_of_identifiers_is_a_dump(cell):
    dialect = sniff([f"{cell}\n".encode() * 3])

    assert dialect.delimiter is None
    assert dialect.width == 1


def test_a_single_line_is_enough():
    assert sniff([b"13812345678"]).columns.heading is False


def test_the_separator_is_the_one_that_sets_identifiers_free():
    body = "".join(f"Road {n}, Block {n}, City;138{n:08d};x{n}@example.com\n" for n in range(30))

    assert sniff([body.encode()]).delimiter == ";"


def test_a_column_may_mix_kinds():
    body = "".join(f"{n},138{n:08d}\n{n},u{n}@example.com\n" for n in range(30))

    assert sniff([body.encode()]).columns.kinds[1] == {Kind.PHONE, Kind.EMAIL}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_file"),
        (b" \r\n\n \t\n", "empty_file"),
        ("\n\n".encode("utf-16"), "empty_file"),
        (b"PK\x03\x04" + b"13812345678\n" * 9, "binary_file"),
        (b"%PDF-1.7\n13812345678\n", "binary_file"),
        (bytes(range(256)) * 40, "binary_file"),
        (b"13812345678\n" * 9 + b"\x01\x02\x03\x04\x05\x06" * 9, "binary_file"),
        (b"\xff\xff\xff,13812345678\n" * 30, "unreadable_encoding"),
        (b"colour,size\nred,3\nblue,4\n", "no_identifier_column"),
        (b"one column of words\nand nothing else\n", "no_identifier_column"),
        (b"2026-11-21,100.00\n" * 30, "no_identifier_column"),
        (b"x" * 3_000_000, "no_identifier_column"),
        (b"13812345678 called, " * 60_000, "lines_too_long"),
    ],
)
def test_what_is_no_dump_is_refused_with_its_own_code(raw, code):
    with pytest.raises(DumpRefused) as refused:
        sniff([raw])

    assert refused.value.code == code


def test_random_bytes_are_binary():
    with pytest.raises(DumpRefused) as refused:
        sniff([random.Random(1).randbytes(100_000)])

    assert refused.value.code == "binary_file"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16"])
def test_a_file_that_begins_with_a_mebibyte_of_nothing_is_taken_for_what_comes_then(encoding):
    pieces = ["nothing to see here\n" * 60_000, text(";"), "\n" * 10]

    dialect = sniff("".join(pieces).encode(encoding)[at : at + 65_536] for at in range(0, 4 << 20, 65_536))

    assert (dialect.encoding, dialect.delimiter, len(dialect.columns.identifiers)) == (encoding, ";", 2)


def test_a_mebibyte_of_nothing_and_more_of_it_is_no_dump():
    with pytest.raises(DumpRefused) as refused:
        sniff([b"nothing to see here\n" * 60_000] * 2)

    assert refused.value.code == "no_identifier_column"


def test_only_the_first_mebibyte_is_read():
    def endless():
        while True:
            yield b"13812345678,u@example.com\n" * 1_000

    assert sniff(endless()).width == 2


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("13812345678", Kind.PHONE),
        ("+86 138-1234-5678", Kind.PHONE),
        ("1 3 8 1 2 3 4 5 6 7 8", Kind.PHONE),
        ("１３８１２３４５６７８", Kind.PHONE),
        ("+44 20 7946 0958", Kind.PHONE),
        ("Zhang@Example.COM", Kind.EMAIL),
        ("11010119900307001X", None),
        ("110101199003070011", Kind.RESIDENT_ID),
        ("110101199013070011", None),
        ("138****1234", Kind.MASKED),
        ("z***@qq.com", Kind.MASKED),
        ("110***********001X", Kind.MASKED),
        ("5d41402abc4b2a76b9719d911017c592", Kind.DIGEST),
        ("张三丰", Kind.NAME),
        ("张*丰", Kind.NAME),
        ("John Smith", Kind.NAME),
        ("20231105", None),
        ("", None),
        ("-", None),
    ],
)
def test_cells_are_known_by_what_they_are(cell, kind):
    assert kind_of(cell) == kind


def test_columns_of_times_and_of_places_are_told_and_say_nothing_of_whom_a_row_is():
    sample = [
        ["13812345678", "2026-11-22T22:05:37.512+08:00", "31.2304, 121.4737", "2026-11-22", "1.5"],
        ["13812345679", "2026/11/22 14:05", "北纬31.2304 东经121.4737", "2026-11-23", "1.50 元"],
        ["13812345670", "2026-13-22 14:05", "91.5,200.25", "2026-11-24", "2.5.1"],
        ["13812345671", "2026-11-22 14:05:01-05", "[31.2304 121.4737]", "2026-11-24", "12.5 km"],
    ]

    columns = recognise(sample, 5, headed=False)

    assert columns.kinds == ({Kind.PHONE}, {Kind.MOMENT}, {Kind.COORDINATES}, set(), set())
    assert [at for at, _ in columns.identifiers] == [0]
    assert columns.helpers == ()


PEOPLE = [(f"王{n}", f"138{n:08d}", f"u{n}@example.com") for n in range(60)]
TUPLES = ",".join(str(person) for person in PEOPLE)


@pytest.mark.parametrize(
    ("text", "shape", "flavour"),
    [
        (f"CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES {TUPLES};\n", "sql", "escapes"),
        (f"INSERT [dbo].[t] VALUES {TUPLES}\nGO\n", "sql", "literal"),
        (
            "COPY t FROM stdin;\n" + "".join("\t".join(one) + "\n" for one in PEOPLE) + "\\.\n",
            "sql",
            "literal",
        ),
        (TUPLES[9:] + ";\n", "sql", "literal"),
        ("".join(json.dumps({"n": n, "p": p, "m": m}) + "\n" for n, p, m in PEOPLE), "json", None),
        (json.dumps([{"n": n, "p": p, "m": m} for n, p, m in PEOPLE], indent=1), "json", None),
        (
            "".join(f'{{"_id": ObjectId("{n}"), "p": NumberLong({p})}}\n' for n, p, _ in PEOPLE),
            "json",
            "shell",
        ),
        ("".join(f"{m}:pa:ss\n" for _, _, m in PEOPLE), "combo", None),
        ("".join(f"https://x.com/a?b=1:{m}:pass\n{p}:x\n" for _, p, m in PEOPLE), "combo", None),
        ("".join(f"on Monday {m} called {p} twice\n" for _, p, m in PEOPLE), "text", None),
        ("<table>" + "".join(f"<tr><td>{n}</td><td>{p}</td></tr>\n" for n, p, _ in PEOPLE), "text", None),
        ("".join(f"| {n} | {p} | {m} |\n" for n, p, m in PEOPLE), "delimited", None),
        ("".join(f"{m};pa;ss\n" for _, _, m in PEOPLE), "delimited", None),
        ("".join(f"{m};pass\n" for _, _, m in PEOPLE) + "INSERT INTO t VALUES (1,'x');\n", "delimited", None),
        ("".join(f"[{n}] {n},{p},{m}\n" for n, p, m in PEOPLE), "delimited", None),
    ],
)
def test_the_shape_is_told_by_what_reading_it_sets_free(text, shape, flavour):
    dialect = sniff([text.encode()])

    assert (dialect.shape, dialect.flavour) == (shape, flavour)


def test_a_dump_whose_rows_begin_after_the_first_mebibyte_is_taken_for_what_it_is():
    text = "-- MySQL dump\n" + "CREATE TABLE `t` (a int);\n" * 60_000

    assert sniff([text.encode(), f"INSERT INTO t VALUES {TUPLES};\n".encode()]).shape == "sql"


@pytest.mark.parametrize(
    "text", ["CREATE TABLE t (a int);\nINSERT INTO t VALUES (1,'x');\n", '[{"a": 1}, {"a": 2}]']
)
def test_structured_text_without_identifiers_is_no_dump(text):
    with pytest.raises(DumpRefused) as refused:
        sniff([text.encode()])

    assert refused.value.code == "no_identifier_column"


def test_a_few_nuls_do_not_make_a_text_binary():
    assert sniff([b"13812345678,a\0@example.com\n" + b"13912345678,b@example.com\n" * 50]).width == 2
