"""`perusal marks check`: opened marks weighed again by somebody who has nothing but two files."""

import json

from breach.weighing.openings import digest
from tests.breach.test_openings import lines, marks, report


def test_the_command_weighs_them_again_and_knows_another_file(perusal, tmp_path):
    told = {**report(marks()), "marks": {"openings_sha256": digest(lines())}}
    (tmp_path / "trace.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "marks.jsonl").write_text("".join(lines()), encoding="utf-8")
    (tmp_path / "cut.jsonl").write_text("".join(lines()[:-1]), encoding="utf-8")

    same, cut, neither = (
        perusal("marks", "check", tmp_path / one, tmp_path / other)
        for one, other in (
            ("trace.json", "marks.jsonl"),
            ("trace.json", "cut.jsonl"),
            ("marks.jsonl", "trace.json"),
        )
    )

    assert same.code == 0, same.err
    assert (cut.code, neither.code) == (1, 1)
    assert "not the file of marks" in cut.err
