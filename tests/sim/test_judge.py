"""The demo complains, in words, about every way in which its story can come out wrong."""

from __future__ import annotations

import pytest

from api.demo.judge import complaints
from tests.sim.example import STORY, story


def test_a_story_that_came_out_well_has_no_complaint():
    assert complaints(story()) == []


@pytest.mark.parametrize(
    ("part", "change", "word"),
    [
        ("suspects", list(reversed(STORY["suspects"])), "is ranked first"),
        ("suspects", [{**STORY["suspects"][0], "named": False}], "does not suffice"),
        (
            "suspects",
            [STORY["suspects"][0], {**STORY["suspects"][1], "named": True}],
            "innocent but was named",
        ),
        ("claims", {"opened": 49, "pack": "x"}, "49 claims were opened"),
        ("claims", {"opened": 50, "pack": ""}, "no claim has an evidence pack"),
        ("trace", {**STORY["trace"], "people": 51}, "51 were recognised"),
        ("attempts", [{**STORY["attempts"][0], "through": 1, "ok": False}], "1 of 9 were let through"),
        ("verification", [{**STORY["verification"][0], "ok": False}], "not as it must be: a pack"),
        ("search", {**STORY["search"], "found": 2}, "2 plain values"),
    ],
)
def test_each_thing_that_went_wrong_is_said(part, change, word):
    found = complaints(story(**{part: change}))

    assert any(word in sentence for sentence in found)
