"""`perusal dump profile FILE` says what a file is, without an installation and without a word of it."""

from __future__ import annotations

import pytest

from api.cli.failures import Exit
from tests.breach import packing

LIST = "".join(f"王{n}小,138{n:08d},u{n}@example.com\n" for n in range(60)) + "\n138****1234\n"


@pytest.fixture
def dump(tmp_path):
    (tmp_path / "x").write_bytes(packing.zipped([LIST.encode("gb18030"), b""]))
    return tmp_path / "x"


def test_a_profile_tells_shape_columns_and_account(perusal, dump):
    said = perusal("dump", "profile", dump, "--json")

    assert said.code == 0, said.err
    assert said.json["format"] == {"shape": "archive", "flavour": "zip"}
    assert said.json["lines"]["windows"] == {"gb18030": 1}
    assert said.json["lines"]["quarantined"] == {"blank": 1}
    assert said.json["lines"]["members_refused"] == {"empty_file": 1}
    [layout] = said.json["layouts"]
    assert layout["rows"] == 61
    assert layout["columns"][1] == {"kinds": ["phone"], "cells": {"phone": 60}}


def test_the_words_for_people_hold_no_cell(perusal, dump):
    said = perusal("dump", "profile", dump)

    assert "every line and every byte of text is accounted for" in said.out
    assert "members read: 1" in said.out
    for n in range(60):
        assert f"138{n:08d}" not in said.out + said.err
        assert f"u{n}@" not in said.out + said.err


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "empty_file"), (packing.encrypted([b"x"]), "encrypted_file")]
)
def test_what_cannot_be_read_is_refused_with_its_code(perusal, tmp_path, content, code):
    (tmp_path / "x").write_bytes(content)

    said = perusal("dump", "profile", tmp_path / "x")

    assert said.code == Exit.WRONG
    assert f"[{code}]" in said.err
