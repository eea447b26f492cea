"""How fast keys are replaced while somebody reads: the tenant key, everybody's own keys, the index epoch.

People of nine values are enrolled through the vault. Then each rotation runs to its end in this process while a
thread reads values of random people through permits; an answer that is not a value is a failure. The seconds
are those of the whole job, waiting for caches included.
"""

import argparse
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from tests.backends import NoPostgres
from tests.bench import machine
from tests.bench.people import values_of
from tests.bench.report import note
from tests.bench.site import measured, now_ms
from tests.vault.people.made_up import permit
from vault.opening import Vault
from vault.reader import open_many
from vault.reading.records import Created, NewPerson, create_many
from vault.rotation import Job, Kind, start
from vault.rotation import run as run_rotation

SEED = 11
MOST_SECONDS = 30.0
_TELL_EVERY_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the default is what the published figure uses."""
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, default=100_000)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Enrol, then replace one layer after the other."""
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "backend": options.backend,
        "people": options.people,
    }
    try:
        with measured(options.backend) as site:
            people = _enrol(site.vault, options.people)
            for kind in (Kind.TENANT, Kind.PERSON, Kind.INDEX):
                result[kind.value] = _measure(site.vault, kind, people)
    except NoPostgres as reason:
        return result | {"skipped": str(reason)}
    within = {kind: result[kind]["seconds"] < MOST_SECONDS for kind in ("tenant", "person")}
    return result | {"under_30_seconds": within}


def _enrol(vault: Vault, count: int) -> list[Created]:
    begun = time.perf_counter()
    people: list[Created] = []
    for numbers in batched(range(count), 2_000):
        answers = create_many(vault, [NewPerson(values_of(number)) for number in numbers], now_ms())
        people += [answer for answer in answers if isinstance(answer, Created)]
    if len(people) != count:
        raise RuntimeError("somebody was refused")
    note(f"rotation: {count:,} people enrolled in {time.perf_counter() - begun:.0f} s")
    return people


def _measure(vault: Vault, kind: Kind, people: list[Created]) -> dict[str, Any]:
    reader = _Reader(vault, people)
    teller = _Teller()
    cpu, begun = time.process_time(), time.perf_counter()
    with reader:
        job = run_rotation(vault, start(vault, kind, now_ms()), report=teller)
    seconds = time.perf_counter() - begun
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "done": job.done,
        "left_over": job.left_over,
        "per_second": round(job.done / seconds),
        "reads": reader.reads,
        "failed_reads": reader.failed,
    }


@dataclass(slots=True)
class _Teller:
    """Tells the waiting person now and then."""

    told: float = field(default_factory=time.monotonic)

    def __call__(self, job: Job) -> None:
        if time.monotonic() - self.told >= _TELL_EVERY_S:
            self.told = time.monotonic()
            note(f"rotation: {job.kind.value}, {job.stage}, {job.done:,} of {job.total:,}")


class _Reader:
    """Reads five random people at a time, twenty times a second, until the block ends."""

    def __init__(self, vault: Vault, people: list[Created]) -> None:
        self.reads = self.failed = 0
        self._vault, self._people = vault, people
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        dice = random.Random(SEED)
        while not self._over.wait(0.05):
            some = dice.sample(self._people, min(5, len(self._people)))
            at = now_ms()
            answers = open_many(
                self._vault, [permit(self._vault, one, ("phone", "name"), at) for one in some]
            )
            self.reads += len(answers)
            self.failed += sum(not isinstance(answer, dict) for answer in answers)


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the answer wrong; being slow is reported and not a failure."""
    for kind in ("tenant", "person", "index"):
        measured_kind = result.get(kind, {})
        if measured_kind.get("failed_reads"):
            yield f"a read failed during the rotation of the {kind} layer"
        if measured_kind.get("left_over"):
            yield f"somebody was left over by the rotation of the {kind} layer"
