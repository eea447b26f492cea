"""kill -9 in the middle of rotations, while others read, write and enrol: nothing is lost, and the next one goes on.

The worker is killed after some of its steps and some of our own work, that is, anywhere. What its process held
is held by nobody then, so its place among the caches is taken away instead of waiting for its lease.
"""

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy import delete

from tests.backends import Backend
from tests.bench.site import ROOT
from tests.vault.people.made_up import change, enrol, phone
from tests.vault.rotation.kit import data_epochs, index_states, kek_versions, read, tag_rows, value_epochs
from vault.keys.evictions import wall_ms
from vault.keys.tables import cache_member
from vault.opening import Vault, create_vault
from vault.providers.local import LocalProvider
from vault.reading.records import Created, Updated
from vault.rotation import Kind, NothingToResume, resume, run
from vault.tags import Probe, confirm, match

SECRET = b"the root key of rotation faults!"
PEOPLE = 40


@dataclass
class Town:
    """People and the phone numbers that they must be found by."""

    vault: Vault
    dice: random.Random
    people: list[Created] = field(default_factory=list)
    phones: dict[str, Created] = field(default_factory=dict)
    fresh: int = 10_000

    def grow(self, count: int) -> None:
        numbers = range(self.fresh, self.fresh + count)
        self.fresh += count
        made = enrol(self.vault, numbers, wall_ms())
        self.people += made
        self.phones |= {phone(number): one for number, one in zip(numbers, made, strict=True)}

    def move(self) -> None:
        one = self.dice.choice(self.people)
        number = phone(self.fresh)
        self.fresh += 1
        assert isinstance(change(self.vault, one.subject, "phone", number, wall_ms()), Updated)
        self.phones[number] = one

    def look(self, count: int) -> None:
        """Some people can be read and found, right now."""
        some = self.dice.sample(self.people, count)
        assert all(isinstance(one, dict) for one in read(self.vault, some, wall_ms() + 10))
        for text in self.dice.sample(sorted(self.phones), count):
            assert self.find(text) == {self.phones[text].subject}, text

    def find(self, text: str) -> set[bytes]:
        probes = [Probe("phone", text)]
        with self.vault.data.read() as conn:
            hits = match(conn, self.vault.keyring, probes)
            right = confirm(conn, self.vault.keyring, hits, probes)
        return {hit.subject for hit, yes in zip(hits, right, strict=True) if yes}


@pytest.fixture
def town(backend: Backend, now: int) -> Iterator[Town]:
    vault = create_vault(
        backend.data,
        backend.keys,
        LocalProvider(SECRET),
        buckets=1 if backend.name == "sqlite" else 4,
        ledger_host="ledger.example/perusal",
        now_ms=now,
    )
    made = Town(vault, random.Random(7))
    made.grow(PEOPLE)
    yield made
    vault.keyring.close()


@contextmanager
def worker(backend: Backend, kind: Kind) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.faults.rotation_worker"]
    urls = [backend.data_url, backend.keys_url, SECRET.hex(), kind.value]
    with subprocess.Popen([*command, *urls], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def bury(town: Town) -> None:
    """The killed process answers nobody any more."""
    own = town.vault.keyring._membership._id
    with town.vault.keyring.database.write() as conn:
        conn.execute(delete(cache_member).where(cache_member.c.id != own))


@pytest.mark.parametrize("kind", [Kind.PERSON, Kind.TENANT, Kind.INDEX])
def test_killed_again_and_again_a_rotation_loses_nothing_and_is_finished(
    backend: Backend, town: Town, kind: Kind
) -> None:
    for kill in range(4):
        with worker(backend, kind) as process:
            assert process.stdout is not None
            for _ in range(town.dice.randrange(1, 6)):
                if not process.stdout.readline():
                    break
                town.look(2)
            town.grow(2)
            for _ in range(town.dice.randrange(4)):
                town.move()
            process.kill()
            assert process.wait(60) in {0, -9}, kill
        bury(town)
        town.look(8)

    _finish(town, kind)
    town.look(len(town.people))
    _nothing_old_is_left(town, kind)


def _finish(town: Town, kind: Kind) -> None:
    with suppress(NothingToResume):  # the last worker was done before it was killed
        assert run(town.vault, resume(town.vault, kind)).over


def _nothing_old_is_left(town: Town, kind: Kind) -> None:
    if kind is Kind.PERSON:
        assert sum(data_epochs(town.vault).values()) == len(town.people)
        assert set(value_epochs(town.vault)) == set(data_epochs(town.vault))
    elif kind is Kind.TENANT:
        assert len(kek_versions(town.vault)) == 1
    else:
        assert list(index_states(town.vault).values()) == ["active"]
        assert set(tag_rows(town.vault)) == set(index_states(town.vault))
