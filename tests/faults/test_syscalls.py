"""Whichever system call fails, or is the last one: nothing acknowledged is lost, nothing is half done or needs repair.

To a program, a full or broken disk and a power failure look like this. Each write, flush and rename of
appending, signing and exporting fails with an I/O error, or finds the disk full, or is the one before which the
process is killed; then everything is checked from its first byte, and the same work is done again without any
fault.
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from consent.ledger import published
from consent.ledger.bundles.layout import folder_name
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.exports.exported import CHECKPOINT, check_tree
from consent.ledger.formats import checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import origin_of
from consent.ledger.publishing.memory import Memory
from tests.backends import open_backend
from tests.consent.ledger.kit import HOST, LOG, assert_whole, grow
from tests.faults import syscalls
from tests.faults.syscalls import BEFORE, MORE, REFUSED, SIGNER, WORKS, NoStrace, Struck, opened, strike

ORIGIN = origin_of(HOST, LOG)
KEYS = [SIGNER.key(ORIGIN)]
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL")


@pytest.fixture(params=list(WORKS))
def work(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def base(sqlite_template: Path, tmp_path: Path, work: str) -> Path:
    """A ledger before the work: appended, signed and exported up to where the work begins."""
    place = tmp_path / "base"
    place.mkdir()
    shutil.copy(sqlite_template / "data.sqlite", place)
    backend = open_backend("sqlite", f"sqlite:///{place}/data.sqlite", "sqlite://")
    grow(backend, BEFORE)
    backend.close()
    syscalls.publish_more(place)
    syscalls.export_more(place)
    for earlier in list(WORKS)[: list(WORKS).index(work)]:
        WORKS[earlier](place)
    return place


@pytest.mark.parametrize("fault", FAULTS)
def test_at_the_first_the_middle_and_the_last_call_of_each_kind_a_fault_does_no_harm(
    base: Path, work: str, fault: str
):
    sweep(base, work, fault, lambda count: {1, (count + 1) // 2, count})


@pytest.mark.heavy
@pytest.mark.parametrize("fault", FAULTS)
def test_at_every_single_call_a_fault_does_no_harm(base: Path, work: str, fault: str):
    sweep(base, work, fault, lambda count: range(1, count + 1))


def sweep(base: Path, work: str, fault: str, chosen: Callable[[int], Iterable[int]]) -> None:
    """Count the calls of the undisturbed work, then do it again and again, each time with one of them struck."""
    try:
        whole = strike(work, copied(base, "whole"))
    except NoStrace as reason:
        pytest.skip(str(reason))
    assert whole.code == 0
    assert {"fsync", "fdatasync"} & whole.calls.keys(), "nothing was made durable"
    for call, count in whole.calls.items():
        for number in sorted(chosen(count)):
            place = copied(base, f"{call}-{number}")
            struck = strike(work, place, fault, call, number)
            assert struck.met, (call, number)
            assert struck.code == -9 if "KILL" in fault else struck.code in {0, REFUSED}, (call, number)
            check(place, work, struck)
            WORKS[work](place)
            assert reached(place, work) == BEFORE + MORE, (call, number)
            assert_sound(place)
            shutil.rmtree(place)


def check(place: Path, work: str, struck: Struck) -> None:
    """After a fault: all of the work or nothing of it, all if that was said, and everything sound."""
    assert_sound(place)
    size = reached(place, work)
    assert size in {BEFORE, BEFORE + MORE}
    if struck.code == 0:
        assert size == BEFORE + MORE, "what was acknowledged is lost"
        assert work != "publish" or Memory(place / "heads").load()[ORIGIN].size == size


def reached(place: Path, work: str) -> int:
    """How far the work has come, in entries."""
    if work == "export":
        file = place / "out" / folder_name(LOG) / CHECKPOINT
        return checkpoint.verify(file.read_bytes(), KEYS).size
    data = opened(place)
    try:
        with data.read() as conn:
            newest = published.newest(conn, LOG)
    finally:
        data.close()
    assert newest is not None
    return appended(place) if work == "append" else newest.size


def appended(place: Path) -> int:
    backend = open_backend("sqlite", f"sqlite:///{place}/data.sqlite", "sqlite://")
    try:
        return len(assert_whole(backend))
    finally:
        backend.close()


def assert_sound(place: Path) -> None:
    """Data base, remembered heads and files each hold, and no two of them disagree."""
    data = opened(place)
    try:
        assert not [one for one in fsck(data, SIGNER) if isinstance(one, Finding)]
        with data.read() as conn:
            signed = published.newest(conn, LOG)
    finally:
        data.close()
    assert signed is not None
    assert Memory(place / "heads").load()[ORIGIN].size <= signed.size <= appended(place)
    assert not [one for one in check_tree(place / "out", Policy(tuple(KEYS), ())) if isinstance(one, Finding)]


def copied(base: Path, name: str) -> Path:
    place = base.with_name(name)
    shutil.copytree(base, place)
    return place
