"""Several processes read, write and enrol while keys are replaced: nobody waits for the end of it, nothing is lost."""

import threading
from collections.abc import Callable

import pytest

from tests.vault.people.made_up import change, phone
from tests.vault.rotation.kit import crowd, read, rotate
from vault.keys.evictions import wall_ms
from vault.opening import Vault
from vault.reading.records import Created, NewPerson, Updated, create_many
from vault.rotation import Kind
from vault.tags import Probe, confirm, match

WRITERS = 3
RENEW_MS = 300
"""How often these writers hear the news: a rotation waits for them six times, and three seconds each prove no more."""


class Writer:
    """One process that changes phone numbers of its own people and enrols others, until told to stop."""

    def __init__(self, vault: Vault, number: int, people: list[Created], stop: threading.Event) -> None:
        self.vault, self.people, self.stop = vault, people, stop
        self.next = 20_000 * (number + 1)
        self.current: dict[bytes, str] = {}
        self.wrong: list[object] = []
        self.thread = threading.Thread(target=self._guarded)

    def _guarded(self) -> None:
        try:
            while not self.stop.is_set() or not self.current:
                self._turn()
        except Exception as failure:
            self.wrong.append(failure)

    def _turn(self) -> None:
        one = self.people[self.next % len(self.people)]
        text, self.next = phone(self.next), self.next + 1
        answer = change(self.vault, one.subject, "phone", text, wall_ms())
        if not isinstance(answer, Updated):
            self.wrong.append(answer)
        self.current[one.subject] = text
        if not isinstance(read(self.vault, [one], wall_ms() + 1_000)[0], dict):
            self.wrong.append("unreadable")
        made = create_many(self.vault, [NewPerson({"phone": phone(self.next + 10_000)})], wall_ms())
        if not isinstance(made[0], Created):
            self.wrong.append(made)


@pytest.mark.parametrize("kind", [Kind.PERSON, Kind.TENANT, Kind.INDEX])
def test_processes_that_write_meanwhile_are_neither_stopped_nor_lost(
    vault: Vault,
    others: Callable[[int], list[Vault]],
    now: int,
    kind: Kind,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vault.keys.evictions.RENEW_MS", RENEW_MS)
    people = crowd(vault, 12, now)
    stop = threading.Event()
    writers = [
        Writer(other, number, people[number::WRITERS], stop) for number, other in enumerate(others(WRITERS))
    ]
    for writer in writers:
        writer.thread.start()
    try:
        jobs = [rotate(vault, kind, now) for _ in range(2)]
    finally:
        stop.set()
        for writer in writers:
            writer.thread.join()

    assert [writer.wrong for writer in writers] == [[], [], []]
    assert all(job.over and job.left_over == 0 for job in jobs)
    for writer in writers:
        for subject, text in writer.current.items():
            probes = [Probe("phone", text)]
            with vault.data.read() as conn:
                hits = match(conn, vault.keyring, probes)
                assert confirm(conn, vault.keyring, hits, probes) == [True]
            assert [hit.subject for hit in hits] == [subject]
        writer.vault.keyring.close()
