"""Large files pass through in bounded memory: nothing is kept but the block at hand and what was found."""

import resource
import tracemalloc

import pytest

from breach.intake import quarantine
from breach.intake.opened import blocks, look
from breach.intake.quarantine import receive
from breach.intake.tally import Tally
from breach.pipeline.run import trace
from tests.vault.people import made_up as people

MEGABYTE = 1 << 20


def dump(count, per_chunk=1_000):
    for start in range(0, count, per_chunk):
        lines = (f"王{n % 97}伟,139{n:08d},reader{n}@example.net\n" for n in range(start, start + per_chunk))
        yield "".join(lines).encode("gb18030")


def test_reading_holds_one_block_however_long_the_file(vault, tmp_path, now):
    kept = receive(vault, dump(200_000), tmp_path / "q", now_ms=now)
    tally = Tally()

    with quarantine.opened(vault, kept) as source:
        dialect = look(source)
        tracemalloc.start()
        count = sum(len(part.rows) for block in blocks(source, dialect, tally) for part in block.parts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert count == 200_000
    assert tally.reconciled
    assert peak < 30 * MEGABYTE


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_five_million_rows_are_traced_in_bounded_memory(vault, tmp_path, now):
    people.enrol(vault, range(100), now)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = receive(vault, dump(5_000_000), tmp_path / "q", now_ms=now)

    report = trace(vault, kept, now_ms=now)

    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert report.body["lines"]["parsed"] == 5_000_000
    assert report.body["lines"]["reconciled"]
    assert grown < 400 * MEGABYTE
