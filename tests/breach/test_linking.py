"""Rows that no exact form finds anybody by: compared by blind codes, told as candidates, and no part of any figure."""

import json
import re
from unittest.mock import ANY

import pytest
from sqlalchemy import func, select

from breach.intake.columns import recognise
from breach.matching.linkable import linkable
from breach.pipeline import concluding, linking
from breach.pipeline.linking import Linked
from breach.pipeline.report import report_json
from breach.pipeline.run import trace, trace_again
from breach.tables import trace_row
from tests.breach.leaks import HOUR, row, write
from tests.breach.test_pipeline import take
from tests.vault.people.made_up import change
from vault.linkage import choice, filling

NAMES = ("欧阳文博", "诸葛瑾瑜", "慕容雪松")
ADDRESSES = (
    "广东省深圳市南山区科技园路12号3栋501室",
    "四川省成都市武侯区人民南路7号2栋302室",
    "浙江省杭州市西湖区文三路90号",
)
MISSPELT = [
    ["歐陽文博", "18800000001", "深圳市南山区科技园路12号3幢501", "2020-01-05"],
    ["诸葛瑾渝", "18800000002", "成都市武侯区人民南路7号2幢302", "2020-01-05"],
    ["慕容雪松", "18800000003", "西湖区文三路九十号", "2020-01-05"],
    ["王小明", "18800000004", "北京市朝阳区建国路1号", "2020-01-05"],
    ["李四", "18800000005", "", "2020-01-05"],
]


@pytest.fixture
def coded_town(small_town):
    """Three people of the town with names and addresses that the parcel service received, and codes of everybody."""
    world = small_town.world
    for number, (name, address) in enumerate(zip(NAMES, ADDRESSES, strict=True), 50):
        subject = small_town.people[number].subject
        change(small_town.vault, subject, "name", name, world.now)
        change(small_town.vault, subject, "address", address, world.now)
    world.tick(HOUR)
    small_town.give("parcel", [50, 51], ["name", "address"])
    world.tick(HOUR)
    choice.turn_on(small_town.vault, "operator", world.now)
    return small_town


@pytest.fixture
def misspelt(tmp_path) -> bytes:
    found = [[*row(n), ""] for n in range(40, 48)]
    rows = [[a, b, c, ""] for a, b, c, _ in found]
    return write(
        tmp_path / "file.csv",
        [*MISSPELT, *([name, phone, "", ""] for name, phone, _, _ in rows)],
        encoding="utf-8",
        heading=False,
    )


def test_people_written_otherwise_are_told_as_candidates_in_both_languages(coded_town, misspelt, tmp_path):
    vault, now = coded_town.vault, coded_town.world.now

    body = trace(vault, take(vault, misspelt, tmp_path, now), now_ms=now).body

    assert body["linked"] == {
        "rows": 5,
        "candidates": {"1": 3, "none": 2},
        "people": 3,
        "rows_left_out": 0,
        "candidate_weight": 3.0,
    }
    weights = {line["name"]: line["linked_weight"] for line in body["ranking"] if line["kind"] == "recipient"}
    assert weights == {"Shop Ltd": 3.0, "Parcel Ltd": 2.0, "Idle Ltd": 0.0}
    assert body["people"]["found"] == 8
    said = {language: " ".join(lines) for language, lines in body["statement"].items()}
    assert "3 of them are like somebody, 3 people in all" in said["en"]
    assert "其中 3 行与某人相似，共涉及 3 人" in said["zh-CN"]


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_weighed_in_clear_the_likely_stay_and_the_model_stands_in_the_report(coded_town, misspelt, tmp_path):
    vault, now = coded_town.vault, coded_town.world.now
    choice.turn_on(vault, "operator", now, plain=True)

    dump = take(vault, misspelt, tmp_path, now)

    report = trace(vault, dump, now_ms=now)

    body = report.body
    assert trace_again(vault, dump, report, now_ms=now + 1).body == {**body, "trace": ANY}
    assert body["parameters"]["linking"]["mode"] == "plain"
    assert body["linked"]["candidates"] == {"1": 3, "none": 2}
    assert 2.9 < body["linked"]["candidate_weight"] < 3.0
    assert {level["field"] for level in body["linked"]["model"]} == {"name", "address"}
    assert all(len(level["m"]) == len(level["u"]) for level in body["linked"]["model"])


def test_what_is_merely_alike_changes_no_figure(coded_town, misspelt, tmp_path):
    vault, now = coded_town.vault, coded_town.world.now
    dump = take(vault, misspelt, tmp_path, now)

    linked = trace(vault, dump, now_ms=now).body
    choice.turn_off(vault, "operator", now)
    plain = trace(vault, dump, now_ms=now).body

    assert "linked" not in plain
    assert linked["trace"] != plain["trace"]
    for line in linked["ranking"]:
        line.pop("linked_weight", None)
    for part in ("ranking", "outcome", "people", "masked"):
        assert linked[part] == plain[part]


def test_rows_wait_sealed_and_are_gone_when_they_have_been_compared(
    coded_town, misspelt, tmp_path, monkeypatch
):
    vault, now = coded_town.vault, coded_town.world.now
    dump = take(vault, misspelt, tmp_path, now)

    def killed(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(linking, "suggest", killed)
        with pytest.raises(KeyboardInterrupt):
            trace(vault, dump, now_ms=now)
    with vault.data.read() as conn:
        held = conn.execute(select(trace_row.c.sealed)).scalars().all()
    assert len(held) == 5
    assert not re.search("欧阳|歐陽|18800000001|科技园".encode(), b"".join(held))

    resumed = trace(vault, dump, now_ms=now)

    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(trace_row)).scalar_one() == 0
    assert json.loads(report_json(resumed))["linked"]["people"] == 3


def test_a_trace_killed_before_its_report_ends_with_the_same_report(
    coded_town, misspelt, tmp_path, monkeypatch
):
    vault, now = coded_town.vault, coded_town.world.now
    dump = take(vault, misspelt, tmp_path, now)

    def killed(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(concluding, "weigh", killed)
        with pytest.raises(KeyboardInterrupt):
            trace(vault, dump, now_ms=now)

    report = trace(vault, dump, now_ms=now)

    assert report.body["linked"]["candidates"] == {"1": 3, "none": 2}
    assert filling.fill(vault) == 0
    assert trace_again(vault, dump, report, now_ms=now + 1).body == {**report.body, "trace": ANY}


def test_a_row_has_to_show_a_name_and_one_thing_more():
    rows = [
        ["欧阳文博", "13800000001", "1987-03-09"],
        ["张*博", "13800000002", "1987-03-09"],
        ["诸葛瑾瑜", "13800000003", ""],
        ["慕容雪松", "13800000004", "1990-01-01"],
        ["欧阳文博", "深圳市南山区科技园路12号3栋501室", "13800000005", "1990-01-01", "2020-05-06"],
        ["nobody"],
    ]
    columns = recognise(rows[:4], 3, headed=False)

    assert list(linkable(columns, rows, {3})) == [
        {"name": "欧阳文博", "birth_date": "1987-03-09"},
        {"name": "欧阳文博", "address": "深圳市南山区科技园路12号3栋501室"},
    ]
    assert Linked(**Linked(rows=2, candidates={"1": 2}, people=1).as_dict()).candidates == {"1": 2}
