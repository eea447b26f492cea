"""The demo's report says what its JSON says, in two languages, without script or style of its own."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pytest

from api.demo.chart import time_line
from api.demo.figures import tables
from api.demo.report import FILES, clear_report, describe_file, render, write_report
from api.sheet.bars import LABELS, WIDTH, Line, bars
from tests.sim.example import STORY, story


class _Tags(HTMLParser):
    VOID = frozenset({"meta", "link", "br", "rect", "line"})

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes.extend(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes.extend(name for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page():
    tags = _Tags()
    tags.feed(render(STORY))
    assert tags.open == []
    return tags


def test_the_page_is_well_formed_and_has_no_script_and_no_inline_style(page):
    assert "script" not in page.seen
    assert "style" not in page.seen
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]


def test_the_page_speaks_both_languages_and_shows_the_numbers_of_the_story(page):
    text = " ".join(page.text)

    for word in (
        "2,400",
        "4,000",
        "云上影院有限公司",
        "排名第一",
        "came first",
        "231.8",
        "one trace in 1,000,000",
        "31.4 s",
    ):
        assert word in text


def test_the_chart_has_a_title_a_description_and_a_table_beside_it(page):
    assert page.seen.count("svg") == 2
    assert page.seen.count("title") == 3
    assert page.seen.count("desc") == 2
    assert page.seen.count("tbody") == 5


def test_a_story_in_which_nobody_was_named_can_still_be_drawn():
    nobody = [{**row, "named": False} for row in STORY["suspects"]]
    claims = {"opened": 50, "pack": "", "amount": None, "currency": None}

    assert "Check the pack yourself" not in render(story(suspects=nobody, claims=claims))


def test_names_cannot_bring_markup_into_the_page():
    assert "Lakeside &lt;Hotels&gt; Ltd" in render(STORY)


def test_nothing_is_fetched_from_elsewhere():
    assert not re.search(r"(?:href|src)=\"(?:https?:)?//", render(STORY))


def test_the_folder_holds_page_style_and_the_same_document(tmp_path):
    write_report(tmp_path, story())

    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == STORY
    assert 'href="report.css"' in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "@media print" in (tmp_path / "report.css").read_text(encoding="utf-8")


def test_clearing_removes_what_a_demo_left_and_nothing_else(tmp_path):
    write_report(tmp_path, story())
    for name in [*FILES, "mine.txt"]:
        (tmp_path / name).write_text("x")

    clear_report(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_described_by_its_size_and_digest(tmp_path):
    (tmp_path / "empty").write_bytes(b"")

    row = describe_file(tmp_path / "empty", "nothing")

    assert (row["bytes"], row["sha256"][:8]) == (0, "e3b0c442")


def test_every_figure_appears_in_the_tables_for_the_terminal():
    from rich.console import Console

    console = Console(width=120, file=io.StringIO())
    for table in tables(STORY):
        console.print(table)
    text = console.file.getvalue()

    for word in ("4,000", "云上影院有限公司", "YES", "219.70", "let through"):
        assert word in text


def test_bars_stay_on_the_drawing_whatever_the_values():
    for values in ([0.0], [-900.0, 2.0], [400.0, 3.0, -1e6], [1e-9]):
        lines = [Line("x", "", value, stricter) for value in values for stricter in (None, value / 2)]
        chart = bars(lines, threshold=16.6)

        for span in [bar.pale for bar in chart.bars] + [bar.dark for bar in chart.bars if bar.dark]:
            assert span.x >= LABELS - 0.1
            assert span.x + span.width <= WIDTH
        assert LABELS <= chart.zero <= chart.threshold <= WIDTH


def test_the_time_line_keeps_the_order_and_scale_of_the_phases():
    line = time_line([("a", 0.0, 2.0), ("b", 2.0, 3.0)])

    assert line.marks[0].width == pytest.approx(2 * line.marks[1].width, abs=0.2)
    assert line.marks[1].x > line.marks[0].x
    assert [second for _, second in line.ticks] == [0, 1, 2, 3]
