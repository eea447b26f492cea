"""kill -9 in every stage of a trace: the next run ends it, with the bytes that a run without a break writes.

The bytes are compared by a replay, which computes everything once more from the sealed file. Nothing of the
file lies in clear in the installation or in the folder for temporary files, whenever the process dies.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.demo.city import citizens, strangers
from api.demo.leak import write_leak
from tests.bench.site import ROOT
from tests.cli.conftest import SEED

FIELDS = ("name", "phone", "email")


def killed(place: str, when: str, dump: Path, home: Path, temp: Path) -> None:
    """Trace in a process of its own that dies at this place."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.faults.die",
            place,
            when,
            "1",
            "trace",
            dump,
            "--dir",
            home,
            "--no-claims",
        ],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temp)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("place", "when"),
    [
        pytest.param("breach.intake.quarantine:_register", "before", id="sealing", marks=pytest.mark.heavy),
        pytest.param(
            "breach.pipeline.matching:_match_block", "before", id="before matching", marks=pytest.mark.heavy
        ),
        pytest.param("breach.pipeline.matching:_match_block", "after", id="matching"),
        pytest.param("breach.pipeline.concluding:attribute", "after", id="weighing", marks=pytest.mark.heavy),
        pytest.param("breach.pipeline.task:Task.keep", "before", id="before writing"),
        pytest.param("breach.pipeline.task:Task.keep", "after", id="writing", marks=pytest.mark.heavy),
    ],
)
def test_a_trace_that_was_killed_ends_the_same_and_leaves_nothing_in_clear(
    place, when, perusal, home, tmp_path
):
    ours = [person.values() for person in citizens(SEED, 10)]
    others = [person.values() for person in strangers(SEED, 90)]
    dump, temp = write_leak(tmp_path / "dump.csv", ours, others, FIELDS, seed=1).path, tmp_path / "temp"
    temp.mkdir()

    killed(place, when, dump, home, temp)

    lying = [path.read_bytes() for folder in (home, temp) for path in folder.rglob("*") if path.is_file()]
    needles = [
        person[code].encode(how)
        for person in (*ours, *others)
        for code in ("phone", "email")
        for how in ("utf-8", "utf-16-le")
    ]
    assert not any(needle in raw for raw in lying for needle in needles)
    taken_in = place != "breach.intake.quarantine:_register"
    resume = ("--resume",) if taken_in else ()
    resumed = perusal("trace", dump, "--dir", home, "--no-claims", "--json", *resume)
    assert resumed.code == 0, resumed.err
    again = perusal("trace", "--replay", resumed.json["report"]["trace"], "--dir", home, "--json")
    assert again.json["same"], again.json["differences"]
    assert len([one for one in (home / "quarantine").iterdir() if one.suffix == ".sealed"]) == (
        1 if taken_in else 2
    )
