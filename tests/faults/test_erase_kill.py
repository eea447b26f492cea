"""kill -9 in the middle of an erasure, on both data bases: nobody is ever half erased for good.

One person after the other is ordered erased; the process that carries it out is killed before its first
statement, before a later one, and so on, until one comes to the end by itself. After each kill the tombstone
holds, and the next process finishes what the last one began.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from consent.erasure.certificates import certificate
from consent.erasure.orders import By, Reason, is_ordered, order
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.erasure_tables import erasure_certificate, erasure_order
from consent.schema.tables import withdrawal
from tests.backends import Backend
from tests.consent.world import App, World
from tests.faults.erasing import ROOT, erase_until
from tests.vault.people import made_up as people
from vault.erasure.erased_list import ErasedList
from vault.finding.tag_tables import tag, unique_key
from vault.keys.tables import subject_key
from vault.opening import Vault, create_vault
from vault.providers.local import LocalProvider
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.tables import value

BY = By(actor="self", reason=Reason.REQUESTED)


@pytest.fixture
def vault(backend: Backend, now: int) -> Vault:
    """As everywhere, but under a root that another process can have too."""
    return create_vault(
        backend.data,
        backend.keys,
        LocalProvider(ROOT),
        buckets=1 if backend.name == "sqlite" else 4,
        ledger_host="ledger.example/perusal",
        now_ms=now,
    )


@pytest.fixture
def world(vault: Vault, now: int) -> World:
    return World(vault, now)


@pytest.fixture
def app(world: World) -> App:
    return world.app()


@pytest.fixture
def bystander(world: World) -> Iterator[None]:
    """Somebody who is never erased, and whose data is as it was in the end."""
    who = world.person()
    before = _rows(world.vault, who.subject)
    yield
    assert _rows(world.vault, who.subject) == before
    permit = people.permit(world.vault, who, ("phone",), world.now)
    assert open_many(world.vault, [permit]) == [{"phone": people.phone(0)}]


def test_killed_at_every_sixth_step_an_erasure_is_finished_by_whoever_comes_next(
    backend: Backend, world: World, app: App, bystander: None, tmp_path: Path
) -> None:
    del bystander
    kill_step_by_step(backend, world, app, tmp_path, stride=6)


@pytest.mark.heavy
def test_killed_at_every_single_step_an_erasure_is_finished_by_whoever_comes_next(
    backend: Backend, world: World, app: App, bystander: None, tmp_path: Path
) -> None:
    del bystander
    kill_step_by_step(backend, world, app, tmp_path, stride=1)


def kill_step_by_step(backend: Backend, world: World, app: App, tmp_path: Path, *, stride: int) -> None:
    """Order, kill before step 1, 1 + stride, ... until an erasure ends, finish, and look at everything."""
    step, codes, erased = 1 - stride, [-9], []
    while codes[-1] != 0:
        step += stride
        erased.append(_ordered(world, app))
        codes.append(_run(backend, world, tmp_path, step))
        _the_tombstone_holds(world, erased[-1])
    assert step > 30, "there were fewer steps than an erasure has"
    assert set(codes[:-1]) == {-9}

    assert _run(backend, world, tmp_path, 0) == 0

    _everybody_is_gone(world, erased, tmp_path)


def test_killed_again_and_again_in_the_same_erasure_it_still_ends(
    backend: Backend, world: World, app: App, bystander: None, tmp_path: Path
) -> None:
    del bystander
    dice = random.Random(7)
    erased = [_ordered(world, app) for _ in range(3)]
    for _ in range(6):
        _run(backend, world, tmp_path, dice.randint(1, 40))
        for who in erased:
            _the_tombstone_holds(world, who)

    assert _run(backend, world, tmp_path, 0) == 0

    _everybody_is_gone(world, erased, tmp_path)


def _ordered(world: World, app: App):
    """Somebody with a used consent whose erasure is ordered and not begun."""
    who = world.person()
    issued = world.token(app, who, uses=2)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)
    with world.vault.data.write() as conn:
        order(conn, world.vault, [who.subject], BY, world.now)
    return who


def _run(backend: Backend, world: World, folder: Path, step: int) -> int:
    # Nobody here holds a lease that the other process would have to wait for.
    world.vault.keyring.close()
    urls = (backend.name, backend.data_url, backend.keys_url)
    return erase_until(step, urls, world.now, folder / "erased")


def _the_tombstone_holds(world: World, who) -> None:
    permit = people.permit(world.vault, who, ("phone",), world.now)
    assert open_many(world.vault, [permit]) == [Unreadable(UnreadableCode.ERASED)]


def _everybody_is_gone(world: World, erased, folder: Path) -> None:
    vault = world.vault
    subjects = [who.subject for who in erased]
    with vault.data.read() as conn, vault.keyring.database.read() as keys:
        assert not is_ordered(conn)
        for table in (tag, value, unique_key):
            assert _count(conn, table, table.c.subject.in_(subjects)) == 0, table.name
        assert _count(keys, subject_key, subject_key.c.subject.in_(subjects)) == 0
        assert _count(conn, erasure_order) == 0
        assert _count(conn, erasure_certificate) == len(erased)
        assert _count(conn, withdrawal) == len(erased), "every consent was withdrawn once"
        bodies = [parse(body) for body in conn.execute(select(entry.c.body)).scalars()]
        assert [one.kind for one in bodies].count(Kind.ERASE) == len(erased)
        for who in erased:
            found = certificate(conn, vault, who.bucket, who.subject)
            assert found is not None
            said = dict(found.fields)
            assert (said["keys"], said["values"], said["withdrawn"]) == ("2", "4", "1")
            assert int(said["tags"]) > 10
    publish(vault.data, Signer.of(vault), world.now)
    assert [one for one in fsck(vault.data, Signer.of(vault)) if isinstance(one, Finding)] == []
    assert ErasedList(folder / "erased").load() == set(subjects)


def _rows(vault: Vault, subject: bytes) -> list[int]:
    with vault.data.read() as conn, vault.keyring.database.read() as keys:
        return [
            *(_count(conn, table, table.c.subject == subject) for table in (tag, value, unique_key)),
            _count(keys, subject_key, subject_key.c.subject == subject),
        ]


def _count(conn, table, *where) -> int:
    return conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
