"""The conformance document is held to the tests: every point is there once, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
ROW = re.compile(r"^\| (?P<key>[^|]+) \| (?P<what>[^|]+) \| (?P<proof>[^|]*) \|$")
NODE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
FAMILIES = {
    "Checks of the protocol": [str(number) for number in range(1, 56)],
    "Invariants": [str(number) for number in range(1, 36)],
    "Ledger invariants": [f"L{number}" for number in range(1, 29)],
    "Rules of law": [f"R{number}" for number in range(23, 37)],
    "Attacks": [
        "stolen token",
        "wrong recipient",
        "other key",
        "old proof",
        "altered details",
        "mixed-up issuer",
        "open redirect",
        "CSRF",
        "session fixation",
        "clickjacking",
        "timing",
    ],
}


def rows(section):
    """(key, statement, proof) of each row of a section's table."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = [match.groups() for line in part.splitlines() if (match := ROW.match(line))]
    return [row for row in found if not set(row[0]) <= {"-"} and row[2] != "proved by"]


@cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("section", FAMILIES)
def test_every_point_stands_there_once_in_its_order(section):
    assert [key for key, _, _ in rows(section)] == FAMILIES[section]
    assert len({what for _, what, _ in rows(section)}) == len(FAMILIES[section])


def test_every_point_is_proved():
    everything = [row for section in [*FAMILIES, "Vectors"] for row in rows(section)]

    assert [key for key, _, proof in everything if not NODE.search(proof)] == []
    assert len(everything) > sum(map(len, FAMILIES.values()))


def test_every_test_that_is_named_exists():
    named = NODE.findall(PAGE.read_text(encoding="utf-8"))

    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []
    assert PAGE.read_text(encoding="utf-8").count("::") == len(named)
