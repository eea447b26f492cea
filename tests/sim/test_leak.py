"""The leaked file of the demo looks like one: encoded, reformatted, ragged, shuffled, with strangers in it."""

from __future__ import annotations

import csv
import random

import pytest

from api.demo.city import citizens, strangers
from api.demo.leak import HEADINGS, reformat, write_leak

FIELDS = ("name", "phone", "email")
SEED = 3


@pytest.fixture
def leak(tmp_path):
    received = [person.values() for person in citizens(SEED, 300)]
    others = [person.values() for person in strangers(SEED, 200)]
    return write_leak(tmp_path / "dump.csv", received, others, FIELDS, seed=SEED)


def test_the_file_is_gb18030_and_not_utf8(leak):
    raw = leak.path.read_bytes()

    with pytest.raises(UnicodeDecodeError):
        raw.decode()
    assert raw.decode("gb18030").startswith(",".join(HEADINGS[field] for field in FIELDS))


def test_counts_add_up_to_the_lines_of_the_file(leak):
    with leak.path.open(encoding="gb18030", newline="") as file:
        rows = list(csv.reader(file))

    assert len(rows) - 1 == leak.rows == leak.from_app + leak.strangers == 500
    assert sum(len(row) != len(FIELDS) for row in rows) == leak.ragged > 0
    assert 100 < leak.reformatted < 400


def test_citizens_are_not_in_the_order_in_which_they_were_received(leak):
    first = next(iter(citizens(SEED, 1)))
    lines = leak.path.read_text(encoding="gb18030").splitlines()

    assert first.name not in lines[1]


def test_the_same_seed_writes_the_same_file(leak, tmp_path):
    received = [person.values() for person in citizens(SEED, 300)]
    others = [person.values() for person in strangers(SEED, 200)]
    again = write_leak(tmp_path / "again.csv", received, others, FIELDS, seed=SEED)

    assert again.path.read_bytes() == leak.path.read_bytes()


@pytest.mark.parametrize("field", ["phone", "email", "resident_id"])
def test_another_spelling_keeps_the_canonical_form(field):
    canonical = pytest.importorskip("vault.fields").canonical
    dice = random.Random(SEED)

    for person in citizens(SEED, 100):
        value = getattr(person, field)
        assert canonical(field, reformat(field, value, dice)) == canonical(field, value)
