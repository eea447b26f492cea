"""kill -9 amid appending and signing, of the program and of the data base: what was acknowledged is in the next
checkpoint.

After each death the next publisher signs without anybody's help, every id that was told stands in what it signed, and
the whole log, rebuilt from its first byte, agrees with every checkpoint of its life.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from api.migrations import upgrade
from consent.ledger import published
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.origin import origin_of
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.tables import entry
from tests.backends import Backend, NoPostgres, Server, open_backend, postgres_server
from tests.bench.site import postmaster
from tests.consent.ledger.kit import HOST, LOG, NOW, assert_whole
from tests.faults.appending import BROKEN, SIGNER, appending
from tests.faults.postgres_kill import kill_server, revive_server

LONGEST_S = 0.15
"""A process is killed within so long after its first answer."""


def test_after_five_kills_everything_acknowledged_is_in_the_next_checkpoint(backend: Backend, tmp_path: Path):
    kill_the_program(backend, tmp_path, kills=5)


@pytest.mark.heavy
def test_after_two_hundred_kills_everything_acknowledged_is_in_the_next_checkpoint(
    backend: Backend, tmp_path: Path
):
    kill_the_program(backend, tmp_path, kills=200)


def test_a_data_base_server_that_is_killed_loses_nothing_it_acknowledged(own_server: Server, tmp_path: Path):
    kill_the_server(own_server, tmp_path, kills=2)


@pytest.mark.heavy
def test_a_data_base_server_killed_forty_times_loses_nothing_it_acknowledged(
    own_server: Server, tmp_path: Path
):
    kill_the_server(own_server, tmp_path, kills=40)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that this test may kill; it flushes, as one does that must not lose what it said."""
    try:
        with postgres_server(durable=True) as server:
            if not postmaster(server):
                pytest.skip("a server that somebody else runs is not killed")
            yield server
    except NoPostgres as reason:
        pytest.skip(str(reason))


def kill_the_program(backend: Backend, folder: Path, kills: int) -> None:
    dice, said = random.Random(kills), set[bytes]()
    for number in range(kills):
        with appending(backend.data_url, folder / "heads", number) as under_way:
            under_way.listen(LONGEST_S * dice.random())
            under_way.process.kill()
            assert under_way.end() == -9
        said.update(under_way.acknowledged)
        assert_kept(backend, folder, said)
    assert_whole(backend)


def kill_the_server(server: Server, folder: Path, kills: int) -> None:
    dice, said = random.Random(kills), set[bytes]()
    backend = open_backend("postgresql", server.url(server.clone("template0")), "sqlite://")
    upgrade(backend.data, "data")
    for number in range(kills):
        with appending(backend.data_url, folder / "heads", number) as under_way:
            under_way.listen(LONGEST_S * dice.random())
            kill_server(server)
            assert under_way.end() == BROKEN
        said.update(under_way.acknowledged)
        revive_server(server)
        backend.close()  # its connections died with the server
        assert_kept(backend, folder, said)
    assert_whole(backend)
    backend.close()


def assert_kept(backend: Backend, folder: Path, said: set[bytes]) -> None:
    """Signing goes on by itself, covers everything that was said, and follows from all that was signed."""
    publish(backend.data, SIGNER, NOW, memory=Memory(folder / "heads"))
    with backend.data.read() as conn:
        newest = published.newest(conn, LOG)
        assert newest is not None
        signed = select(entry.c.id).where(entry.c.idx < newest.size)
        assert said <= set(conn.execute(signed).scalars())
    assert Memory(folder / "heads").load()[origin_of(HOST, LOG)].size <= newest.size
    assert not [one for one in fsck(backend.data, SIGNER) if isinstance(one, Finding)]
