"""The page of implemented specifications: its versions are pinned here, and what it says of the code is looked up there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consent.ledger.formats import cosignature, note, tiles

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/tlog.md").read_text(encoding="utf-8")
SNAPSHOT = "5ba5ee830903e91240fc6f9f3a7a9293d49e69c9"
PINNED = {
    "signed-note": ("v1.0.0", "47a66ded092b6098"),
    "tlog-checkpoint": ("v1.0.0", "1429ba92a228a3ea"),
    "tlog-cosignature": ("v1.1.0-rc.1", "10503fd907535f57"),
    "tlog-tiles": ("v0.1.0", "18508fa2d76d1f9c"),
    "tlog-witness": ("v1.0.0", "9fb4c51c5899774b"),
    "tlog-policy": ("none", "b6158cb2bc2fa62f"),
    "tlog-proof": ("none", "66f76ce5761e851d"),
    "tlog-mirror": ("none", "not implemented"),
}
"""Whoever changes one has read the new text and changed code and page with it."""


def rows() -> dict[str, list[str]]:
    """The table of specifications: name -> its other cells."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in cells if len(row) == 4 and row[0] in PINNED}


def modules() -> set[str]:
    return set(re.findall(r"`((?:consent|api|vault)/[a-z_/]+\.py)`", PAGE))


def test_the_versions_are_the_ones_that_were_read():
    found = {name: (row[0].partition(",")[0], row[1].strip("`")) for name, row in rows().items()}

    assert found == PINNED
    assert SNAPSHOT in PAGE


@pytest.mark.parametrize("name", sorted(PINNED))
def test_every_specification_has_a_section_or_is_left_out(name: str):
    assert (f"## {name}\n" in PAGE) is (PINNED[name][1] != "not implemented")


def test_every_module_named_is_there_and_says_what_it_implements():
    assert {path for path in modules() if not (ROOT / path).is_file()} == set()
    for name, row in rows().items():
        first = re.findall(r"`([a-z_/]+\.py)`", row[2])[:1]
        for path in first:
            said = (ROOT / path).read_text(encoding="utf-8").split('"""')[1]
            assert name in said or name.removeprefix("tlog-") in said, path


def test_the_limits_on_the_page_are_those_of_the_code():
    assert f"{note.MAX_NOTE_BYTES:,} bytes and {note.MAX_SIGNATURES} signatures" in PAGE
    assert re.search(rf"levels end\s+at {tiles.MAX_LEVEL},", PAGE)
    assert {note.COSIGNER, note.COSIGNER_ML_DSA_44} == cosignature.KINDS
    assert "Ed25519 (04) and ML-DSA-44 (06)" in PAGE


def test_the_strangers_on_the_page_are_those_that_are_installed_for_the_tests():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = (ROOT / "tests/clients/package.json").read_text(encoding="utf-8")

    for name in ("aics-tlog", "sigstore"):
        assert f"| `{name}` (PyPI)" in PAGE
        assert f'"{name}>=' in project
    assert "| `@sigstore/verify` (npm)" in PAGE
    assert '"@sigstore/verify": "' in packages
