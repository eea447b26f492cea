"""An export is what the server gives out; killed anywhere, it leaves the last one whole and goes on."""

import os
import random
import shutil
import stat
from pathlib import Path

import pytest

from consent.ledger import published
from consent.ledger.append import append
from consent.ledger.checking.fsck import Finding
from consent.ledger.errors import LedgerAlarm
from consent.ledger.exports.export import Exported, export
from consent.ledger.exports.exported import check_tree
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.formats.tiles import parse_path
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
TRUST = Policy((SIGNER.key(ORIGIN),), ())
PLACE = f"log/{YEAR}/0"


def exported(
    backend: Backend, folder: Path, *, entries: bool = False, signer: Signer = SIGNER
) -> list[Exported]:
    steps = export(backend.data, signer, folder, NO_WITNESSES, NOW, entries=entries)
    return [step for step in steps if isinstance(step, Exported)]


def grown(backend: Backend, count: int, seed: int = 0) -> None:
    grow(backend, count, seed=seed)
    publish(backend.data, SIGNER, NOW)


def findings(folder: Path, trust: Policy = TRUST) -> list[str]:
    return [step.what for step in check_tree(folder, trust) if isinstance(step, Finding)]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_an_export_holds_exactly_what_is_public_of_the_published_size(backend: Backend, tmp_path: Path):
    grown(backend, 600)

    assert exported(backend, tmp_path / "out") == [Exported(origin=ORIGIN, size=600)]

    found = files(tmp_path / "out")
    tiles = {name.removeprefix(f"{PLACE}/"): data for name, data in found.items() if "/tile/" in name}
    assert sorted(tiles) == ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]
    assert found["log/keys"] == f"{SIGNER.key(ORIGIN)}\n".encode()
    with backend.data.read() as conn:
        newest = published.newest(conn, LOG)
        assert newest is not None
        assert found[f"{PLACE}/checkpoint"] == newest.note
        for path, data in tiles.items():
            assert data == published.public_tile(conn, LOG, parse_path(path)[0])


def test_entries_come_along_only_when_asked_for_and_for_their_owner_alone(backend: Backend, tmp_path: Path):
    grown(backend, 300)
    before = os.umask(0o077)
    try:
        exported(backend, tmp_path / "public")
        exported(backend, tmp_path / "escrow", entries=True)
    finally:
        os.umask(before)

    bundles = tmp_path / "escrow" / PLACE / "tile/entries"
    assert not (tmp_path / "public" / PLACE / "tile/entries").exists()
    assert sorted(files(bundles)) == ["000", "001.p/44"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in bundles.rglob("*")} == {0o600, 0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "public").rglob("[!.]*")} == {
        0o644,
        0o755,
    }
    assert findings(tmp_path / "escrow") == []


def test_an_export_goes_on_with_a_log_that_has_grown_and_changes_no_tile(backend: Backend, tmp_path: Path):
    grown(backend, 200)
    exported(backend, tmp_path / "out", entries=True)
    before = files(tmp_path / "out")
    grown(backend, 100, seed=1)

    exported(backend, tmp_path / "out", entries=True)

    after = files(tmp_path / "out")
    changed = [name for name, data in before.items() if after[name] != data]
    assert changed == [f"{PLACE}/checkpoint"]
    assert findings(tmp_path / "out") == []


def test_logs_without_a_checkpoint_are_left_out(backend: Backend, tmp_path: Path):
    grown(backend, 5)
    with backend.data.write() as conn:
        append(conn, [an_item(random.Random(9), bucket=3)], NOW, HOST)

    assert [one.origin for one in exported(backend, tmp_path / "out")] == [ORIGIN]
    assert not (tmp_path / "out/log" / str(YEAR) / "3").exists()


def test_killed_before_any_step_the_folder_stays_whole_and_the_next_export_finishes_it(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    grown(backend, 300)
    exported(backend, tmp_path / "first", entries=True)
    grown(backend, 300, seed=1)
    exported(backend, tmp_path / "whole", entries=True)
    real, steps = os.fsync, 0

    class Killed(BaseException):
        pass

    def dying(handle: int) -> None:
        nonlocal steps
        if steps == 0:
            raise Killed
        steps -= 1
        real(handle)

    for at in range(100):
        folder = tmp_path / f"at-{at}"
        shutil.copytree(tmp_path / "first", folder)
        steps = at
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", dying)
            try:
                exported(backend, folder, entries=True)
            except Killed:
                pass
            else:
                break
        assert findings(folder) == [], f"killed at {at}"
        exported(backend, folder, entries=True)
        left = {name: data for name, data in files(folder).items() if not name.endswith(".new")}
        old = {name: data for name, data in files(folder).items() if name in files(tmp_path / "first")}
        assert left == files(tmp_path / "whole") | {name: old[name] for name in old if ".p/" in name}
    assert 10 < at < 100


def test_every_file_with_one_bit_changed_is_named(backend: Backend, tmp_path: Path):
    grown(backend, 600)
    exported(backend, tmp_path / "out", entries=True)
    dice = random.Random(0)

    for path in sorted((tmp_path / "out" / PLACE).rglob("*")):
        if not path.is_file():
            continue
        sound = path.read_bytes()
        damaged = bytearray(sound)
        damaged[dice.randrange(len(sound))] ^= 1 << dice.randrange(8)
        path.write_bytes(bytes(damaged))
        found = findings(tmp_path / "out")
        path.write_bytes(sound)
        assert found, path
        if path.parent.name == "entries" or path.parent.parent.name == "entries" or path.name == "checkpoint":
            assert path.relative_to(tmp_path / "out" / PLACE).as_posix() in found[0]
    assert findings(tmp_path / "out") == []


def test_a_file_that_is_missing_is_named(backend: Backend, tmp_path: Path):
    grown(backend, 300)
    exported(backend, tmp_path / "out", entries=True)
    place = tmp_path / "out" / PLACE

    for name in ("tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"):
        (place / name).rename(tmp_path / "away")
        assert findings(tmp_path / "out") == [f"{name} is missing"]
        (tmp_path / "away").rename(place / name)
    (place / "checkpoint").unlink()
    assert findings(tmp_path / "out") == ["no checkpoint of this log that holds"]


def test_an_export_repairs_nothing_that_was_damaged_and_leaves_the_old_checkpoint(
    backend: Backend, tmp_path: Path
):
    grown(backend, 300)
    exported(backend, tmp_path / "out")
    place = tmp_path / "out" / PLACE
    before = (place / "checkpoint").read_bytes()
    (place / "tile/0/000").write_bytes(bytes(8192))
    grown(backend, 10, seed=1)

    with pytest.raises(LedgerAlarm, match="the export does not hold: tile/1/000"):
        exported(backend, tmp_path / "out")

    assert (place / "checkpoint").read_bytes() == before


def test_a_folder_with_another_history_is_refused(backend: Backend, tmp_path: Path):
    grown(backend, 5)
    exported(backend, tmp_path / "out")
    other = SIGNER.sign(published_head(9))
    (tmp_path / "out" / PLACE / "checkpoint").write_bytes(other)

    with pytest.raises(LedgerAlarm, match="size 9 that is not in the data base"):
        exported(backend, tmp_path / "out")

    assert (tmp_path / "out" / PLACE / "checkpoint").read_bytes() == other


def test_a_tree_of_another_log_in_this_place_is_not_believed(backend: Backend, tmp_path: Path):
    with backend.data.write() as conn:
        append(conn, [an_item(random.Random(9), bucket=3)], NOW, HOST)
    publish(backend.data, SIGNER, NOW)
    exported(backend, tmp_path / "out")
    (tmp_path / "out/log" / str(YEAR) / "3").rename(tmp_path / "out" / PLACE)
    trust = Policy((SIGNER.key(origin_of(HOST, LogId(3, YEAR))),), ())

    assert findings(tmp_path / "out", trust)[0] == "checkpoint: of another log"
    assert findings(tmp_path / "out")[0] == "checkpoint: no known key signed this note"


def published_head(size: int):
    from consent.ledger.formats.checkpoint import Checkpoint

    return Checkpoint(ORIGIN, size, bytes(32))
