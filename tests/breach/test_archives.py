"""Archives and workbooks: every member read or refused with its reason, nothing unpacked beyond its bounds."""

import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.errors import DumpRefused, Unreadable
from breach.intake import opened
from breach.intake.source import Held
from breach.intake.tally import Tally
from tests.breach import packing

LIST = b"".join(b"138%08d,u%d@example.com\n" % (n, n) for n in range(50))
OTHER = b"".join(b"139%08d;u%d@example.org\n" % (n, n) for n in range(30))
METHODS = ["copy", "lzma", "lzma2", "bzip2", "deflate"]


def read(raw: bytes):
    source, tally = Held(raw), Tally()
    dialect = opened.look(source)
    blocks = list(opened.blocks(source, dialect, tally))
    assert tally.reconciled
    return [row for block in blocks for part in block.parts for row in part.rows], tally


def refused(raw: bytes):
    with pytest.raises(DumpRefused) as found:
        opened.look(Held(raw))
    return found.value.code


@pytest.mark.parametrize(
    "raw",
    [
        *(packing.zipped([LIST, OTHER], method) for method in (0, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
        *(packing.tarred([LIST, OTHER], mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")),
        *(packing.sevenzipped([LIST, OTHER], method) for method in METHODS),
        packing.zipped([packing.nested(LIST, 2), packing.tarred([OTHER])]),
    ],
)
def test_every_member_of_every_kind_of_archive_is_read(raw):
    got, tally = read(raw)

    assert len(got) == tally.rows == 80
    assert set(tally.members_refused) <= {"not_a_file"}


def test_members_are_known_by_position_and_hash_and_never_by_name():
    _, tally = read(packing.zipped([LIST, OTHER], names=["../../etc/张三13812345678.csv", "/root/b"]))

    assert [(one["at"], one["rows"], one["shape"]) for one in tally.members] == [
        ("1", 50, "delimited"),
        ("2", 30, "delimited"),
    ]
    assert all(len(one["sha256"]) == 64 for one in tally.members)
    assert "etc" not in str(tally.as_dict())


@pytest.mark.parametrize(
    "stub", [b"MZ\x90\x00" + bytes(5_000), b"#!/bin/sh\nexec unzip $0\n", b"\xff\xfe\xfd" * 700]
)
def test_an_archive_behind_a_program_that_unpacks_it_is_read(stub):
    got, tally = read(stub + packing.zipped([LIST, OTHER]))

    assert len(got) == 80
    assert tally.members_read == 2


def test_what_cannot_be_read_is_refused_member_by_member():
    raw = packing.zipped(
        [LIST, b"\x89PNG\r\n\x1a\n", b"", packing.encrypted([OTHER]), b"no identifier\n", OTHER]
    )

    got, tally = read(raw)

    assert len(got) == 80
    assert tally.members_refused == {
        "binary_file": 1,
        "empty_file": 1,
        "encrypted": 1,
        "no_identifier_column": 1,
    }


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (packing.encrypted([LIST]), "encrypted_file"),
        (packing.sevenzipped([LIST], "aes"), "encrypted_file"),
        (packing.nested(LIST, 5), "archive_limit"),
        (packing.bomb(64 << 20), "archive_limit"),
        (packing.nested(bytes(64 << 20), 2), "archive_limit"),
        (packing.zipped([b""] * 10_001), "archive_limit"),
        (packing.zipped([LIST])[:-30], "damaged_file"),
        (packing.sevenzipped([LIST])[:-3], "damaged_file"),
        (packing.workbook([[["a@example.com"]]])[:-50], "damaged_file"),
        (packing.OLD_WORKBOOK[:600], "damaged_file"),
        (b"\x1f\x8b\x08" + bytes(50), "damaged_file"),
        (packing.zipped([bytes(3000)]), "binary_file"),
        (packing.zipped([b"colour,size\nred,3\n"]), "no_identifier_column"),
    ],
)
def test_an_archive_in_which_nothing_can_be_read_is_refused_with_the_reason(raw, code):
    assert refused(raw) == code


def test_members_damaged_inside_give_what_was_read_and_are_refused():
    got, tally = read(packing.sevenzipped([LIST, OTHER], damage=True))

    assert len(got) == 80
    assert (tally.members_read, tally.members_refused) == (0, {"damaged": 2})


def test_a_stream_cut_short_gives_what_came_before():
    got, tally = read(packing.nested(LIST * 100, 1)[:-20])

    assert len(got) > 4_000
    assert tally.members_refused == {"damaged": 1}


def test_a_limit_ends_everything_behind_it_and_nothing_before():
    got, tally = read(packing.zipped([LIST, packing.bomb(64 << 20), OTHER]))

    assert len(got) == 50
    assert tally.members_refused == {"limit": 1}


def test_every_sheet_is_read_and_numbers_are_what_is_left_of_them():
    sheets = [
        [["name", "phone"], ["x", 13812345678.0], ["y", 1.3912345678e10], ["z", "0138"]],
        [["", ""], ["u@example.com", ("HYPERLINK(1)", "shown")], ["id", 110101199003070011.0], ["n", 1.5]],
    ]

    got, tally = read(packing.workbook(sheets))

    assert got == [
        ["name", "phone"],
        ["x", "13812345678"],
        ["y", "13912345678"],
        ["z", "0138"],
        ["u@example.com", "shown"],
        ["id", "1.10101199003070E+17"],
        ["n", "1.5"],
    ]
    assert tally.rounded == 1


def test_a_workbook_of_the_old_kind_is_read():
    got, _ = read(packing.OLD_WORKBOOK)

    assert {cell for row in got for cell in row if cell} == {
        *(f"1381234000{n}" for n in range(3)),
        *(f"1391234000{n}" for n in range(3)),
        *(f"u{n}@example.com" for n in range(3)),
    }


def test_text_that_a_spreadsheet_has_touched_is_restored_where_it_can_be():
    got, tally = read(b"1.3812345678E+10,a@example.com\n1.38E+10,b@example.com\n13912345678,c@example.com\n")

    assert [row[0] for row in got] == ["13812345678", "1.38E+10", "13912345678"]
    assert tally.rounded == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(range(6)), st.integers(0, 10_000), st.integers(0, 255), st.booleans())
def test_damage_anywhere_is_an_answer_and_never_an_accident(kind, at, value, cut):
    raw = bytearray(
        [
            packing.zipped([LIST, OTHER]),
            packing.tarred([LIST], "w:gz"),
            packing.sevenzipped([LIST, OTHER]),
            packing.tarred([LIST]),
            packing.OLD_WORKBOOK,
            packing.workbook([[["a@example.com", 1.0]]]),
        ][kind]
    )
    place = at % len(raw)
    raw[place] = value

    try:
        _, tally = read(bytes(raw[:place] if cut else raw))
    except DumpRefused as found:
        code = found.code
    else:
        code = None
        assert tally.rows

    assert code is None or code in set(Unreadable)
