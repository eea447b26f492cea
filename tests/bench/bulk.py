"""A bulk load over HTTP into a real server: how fast, how much memory, and whether a kill in the middle loses anybody.

Batches of 2,000 people of nine values go to `POST /v1/people`, each under an Idempotency-Key. Half-way the
server is killed with -9 and started again, and the batch that had no answer is sent once more. In the end the
vault holds exactly the people that were sent, and every answer held a key for each.
"""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from api.edge.access import Access
from api.staff.keys import issue_staff_key
from tests.backends import NoPostgres
from tests.bench import machine
from tests.bench.meters import cpu_seconds, peak_memory_mb
from tests.bench.people import values_of
from tests.bench.report import note
from tests.bench.site import Measured, measured, now_ms
from vault.reading.records import count_people

BATCH = 2_000
MOST_MEMORY_MB = 300
_TELL_EVERY_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the default is what the published figure uses."""
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, default=1_000_000)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Load, kill, go on, count."""
    result: dict[str, Any] = {"machine": machine.describe(), "backend": options.backend}
    try:
        with measured(options.backend) as site:
            return result | _load(site, options.people)
    except NoPostgres as reason:
        return result | {"skipped": str(reason)}


def _load(site: Measured, people: int) -> dict[str, Any]:
    with site.vault.data.write() as conn:
        staff = issue_staff_key(conn, actor="bench", role=Access.OPERATOR, now_ms=now_ms())
    batches = [range(start, min(start + BATCH, people)) for start in range(0, people, BATCH)]
    load = _Load(site, staff)
    begun = time.perf_counter()
    for number, batch in enumerate(batches):
        if number == len(batches) // 2:
            load.lose_an_answer(number, batch)
        load.send(number, batch)
        load.tell(batch.stop, people)
    seconds = time.perf_counter() - begun
    load.stop()
    with site.vault.data.read() as conn:
        there = count_people(conn)
    return {
        "people": people,
        "seconds": round(seconds, 1),
        "people_per_second": round(people / seconds),
        "server_cpu_us_per_person": round(load.cpu / people * 1e6),
        "server_peak_memory_mb": round(load.peak, 1),
        "memory_bar": f"{'met' if load.peak < MOST_MEMORY_MB else 'NOT met'}: below {MOST_MEMORY_MB} MB",
        "keys_handed_out": load.keys,
        "sound": there == people == load.keys,
    }


class _Load:
    """The client and what it saw."""

    def __init__(self, site: Measured, staff: str) -> None:
        self._site = site
        self._headers = {"Authorization": f"Bearer {staff}", "Content-Type": "application/x-ndjson"}
        self._client = httpx.Client(trust_env=False, timeout=120)
        self._told = 0.0
        self.keys, self.cpu, self.peak = 0, 0.0, 0.0
        site.live.start()

    def send(self, number: int, batch: range) -> None:
        """One batch and its answer: a key for everybody."""
        answer = self._post(number, batch)
        answer.raise_for_status()
        self.keys += sum("key" in one for one in answer.json()["results"])

    def lose_an_answer(self, number: int, batch: range) -> None:
        """The batch is committed and the server dies: whoever loads does not know, and sends it again."""
        self._post(number, batch)
        self._note()
        self._site.live.kill()
        self._site.live.start()

    def stop(self) -> None:
        self._note()
        self._client.close()
        self._site.live.stop()

    def tell(self, done: int, people: int) -> None:
        """Progress, now and then."""
        if time.perf_counter() - self._told > _TELL_EVERY_S:
            self._told = time.perf_counter()
            note(f"bulk: {done:,} of {people:,}, server at {peak_memory_mb(self._site.live.pid):.0f} MB")

    def _post(self, number: int, batch: range) -> httpx.Response:
        body = "\n".join(json.dumps(values_of(at), ensure_ascii=False) for at in batch)
        headers = {**self._headers, "Idempotency-Key": f"bulk-{number}"}
        return self._client.post(f"{self._site.live.url}/v1/people", content=body.encode(), headers=headers)

    def _note(self) -> None:
        pid = self._site.live.pid
        self.cpu += cpu_seconds(pid)
        self.peak = max(self.peak, peak_memory_mb(pid))


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: somebody lost or taken in twice."""
    if "skipped" not in result and not result["sound"]:
        yield "the vault does not hold exactly the people that were sent"
