"""The demo's search finds what is there, however it is glued to its neighbours, and nothing else."""

from __future__ import annotations

import random

import pytest

from api.demo.city import citizens
from api.demo.search import search

PEOPLE = list(citizens(5, 400))


@pytest.mark.parametrize("field", ["name", "phone", "email", "resident_id"])
def test_every_planted_value_is_found_between_other_bytes(tmp_path, field):
    dice = random.Random(1)
    planted = b"".join(
        dice.randbytes(50) + getattr(person, field).encode() + dice.randbytes(50) for person in PEOPLE
    )
    file = tmp_path / "data.db"
    file.write_bytes(planted)

    assert search([file], PEOPLE).found >= len(PEOPLE)


def test_values_of_one_row_that_touch_each_other_are_found(tmp_path):
    file = tmp_path / "data.db"
    file.write_text("".join(f"{p.name}{p.email}{p.phone}{p.resident_id}ok" for p in PEOPLE), encoding="utf-8")

    assert search([file], PEOPLE).found >= 4 * len(PEOPLE)


def test_random_bytes_and_other_peoples_values_are_no_find(tmp_path):
    file = tmp_path / "data.db"
    others = citizens(5, 400, start=10_000)
    file.write_bytes(
        random.Random(2).randbytes(2_000_000) + repr([(p.phone, p.email) for p in others]).encode()
    )

    found = search([file], PEOPLE)

    assert (found.found, found.files, found.bytes) == (0, 1, file.stat().st_size)
