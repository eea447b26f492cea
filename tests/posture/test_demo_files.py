"""The demo's own installation, searched with the full scanner instead of the demo's quick one."""

from pathlib import Path

import pytest

from api.cli.demo import DEFAULT_SEED
from api.demo.city import citizens
from api.demo.programs import perusal
from tests.posture.personal_data import Scanner

PEOPLE = 2_400


@pytest.mark.heavy
def test_no_file_of_the_demos_installation_holds_a_value_of_any_of_its_people(tmp_path: Path) -> None:
    home = tmp_path / "home"
    perusal("demo", "--out", tmp_path / "report", "--keep", home, "--people", str(PEOPLE))
    scanner = Scanner(
        {
            f"{name} {one.number}": text
            for one in citizens(DEFAULT_SEED, PEOPLE)
            for name, text in one.values().items()
        }
    )

    finds, files, size = scanner.scan_tree([home])
    planted, _, _ = scanner.scan_tree([tmp_path / "report"])

    assert not finds, finds[:10]
    assert files >= 5
    assert size > 1_000_000
    assert planted, "the dump in the report is full of them: the scanner must see that"
