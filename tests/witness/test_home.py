"""Folders of witnesses and monitors: what is in them says of which layout it is, and nothing else is taken for it."""

from pathlib import Path

import pytest

from api.monitor.home import MonitorHome, NoMonitor
from api.witness.home import NoWitness, WitnessHome
from consent.ledger.errors import Malformed
from consent.ledger.formats import secret_line
from vault.storage.database import open_database
from vault.storage.file_version import OtherLayout, number


def _renumbered(path: Path, version: int) -> None:
    data = open_database(f"sqlite:///{path}")
    with data.write() as conn:
        number(conn, version)
    data.close()


@pytest.mark.parametrize("version", [0, 2])
def test_a_record_of_another_layout_is_not_touched(tmp_path: Path, version: int):
    witness, monitor = WitnessHome(tmp_path / "w"), MonitorHome(tmp_path / "m")
    witness.create("w.example", ml_dsa=False)
    monitor.create("m.example")
    _renumbered(witness.record_file, version)
    _renumbered(tmp_path / "m" / "monitor.db", version)

    with pytest.raises(OtherLayout), witness.opened():
        pass
    with pytest.raises(OtherLayout), monitor.opened():
        pass


def test_keys_are_read_back_as_they_were_made(tmp_path: Path):
    witness, monitor = WitnessHome(tmp_path / "w"), MonitorHome(tmp_path / "m")

    assert witness.create("w.example", ml_dsa=True) == witness.cosigners()
    assert monitor.create("m.example") == monitor.monitor()


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak"])
def test_what_is_no_name_names_nobody(tmp_path: Path, name: str):
    with pytest.raises(NoMonitor):
        MonitorHome(tmp_path / "m").create(name)
    assert not (tmp_path / "m" / "key").exists()


def test_a_key_of_the_one_is_none_of_the_other(tmp_path: Path):
    witness, monitor = WitnessHome(tmp_path / "w"), MonitorHome(tmp_path / "m")
    witness.create("w.example", ml_dsa=False)
    monitor.create("m.example")
    (tmp_path / "w" / "key").write_bytes((tmp_path / "m" / "key").read_bytes())

    with pytest.raises(NoWitness):
        witness.cosigners()


@pytest.mark.parametrize(
    ("old", "new"),
    [("w.example", "x.example"), ("PRIVATE", ""), ("AQAB", ""), ("+", " ")],
)
def test_a_line_that_was_changed_is_no_key(old: str, new: str):
    key, seed = secret_line.of("w.example", bytes(range(32)))
    line = secret_line.line_of(key, seed).rstrip()
    assert old in line
    assert secret_line.read(line) == (key, seed)

    with pytest.raises(Malformed):
        secret_line.read(line.replace(old, new))
