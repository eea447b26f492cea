"""A disk that is full or read-only: nothing is disclosed that is not in the ledger, and afterwards all goes on
by itself.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from api.migrations import upgrade
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend, NoPostgres, open_backend, postgres_server
from tests.faults.disk import Disk, NoDisk, small_disk
from tests.races.audit import audit
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import Token, found, token
from vault.opening import Vault, create_vault
from vault.providers.local import LocalProvider

MEGABYTES = {"sqlite": 16, "postgresql": 320}
TRIES = 400


@pytest.fixture(params=list(MEGABYTES))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def disk(kind: str) -> Iterator[Disk]:
    with ExitStack() as stack:
        try:
            mounted = stack.enter_context(small_disk(MEGABYTES[kind]))
        except NoDisk as reason:
            pytest.skip(str(reason))
        yield mounted


@pytest.fixture
def backend(kind: str, disk: Disk, sqlite_template: Path) -> Iterator[Backend]:
    """Data bases that lie on the small disk."""
    with ExitStack() as stack:
        if kind == "sqlite":
            for name in ("data.sqlite", "keys.sqlite"):
                shutil.copy(sqlite_template / name, disk.place)
            urls = [f"sqlite:///{disk.place}/{name}.sqlite" for name in ("data", "keys")]
        else:
            try:
                server = stack.enter_context(postgres_server(within=disk.place))
            except NoPostgres as reason:
                pytest.skip(str(reason))
            urls = [server.url(server.clone("template0")) for _ in range(2)]
        opened = open_backend(kind, *urls)
        if kind == "postgresql":
            upgrade(opened.data, "data")
            upgrade(opened.keys, "keys")
        yield opened
        opened.close()


@pytest.fixture
def vault(backend: Backend, provider: LocalProvider, now: int) -> Vault:
    return create_vault(
        backend.data, backend.keys, provider, buckets=1, ledger_host="ledger.example/perusal", now_ms=now
    )


@pytest.fixture
def tokens(vault: Vault, now: int) -> list[Token]:
    town = found(vault, now, people=2)
    return [token(town, at, now, uses=TRIES) for at in range(2)]


def test_a_full_disk_discloses_nothing_it_cannot_record_and_is_over_when_there_is_room_again(
    vault: Vault, tokens: list[Token], disk: Disk, now: int
) -> None:
    memory, signer = Memory(disk.place / "heads"), Signer.of(vault)
    told = redeemed(vault, tokens, now, 1)
    publish(vault.data, signer, now, memory=memory)
    disk.fill()

    more, stopped = 0, False
    for _ in range(TRIES // 2):
        try:
            more += redeemed(vault, tokens, now, 1)
        except DBAPIError:
            stopped = True
            break

    assert stopped, "the disk was never full"
    disk.free()
    assert audit(vault).disclosures == told + more
    assert redeemed(vault, tokens, now, 3) == 3
    assert_sound(vault, signer, memory, now)


def test_a_read_only_disk_discloses_nothing_and_is_over_when_it_can_be_written_again(
    backend: Backend, vault: Vault, tokens: list[Token], disk: Disk, now: int
) -> None:
    if backend.name == "postgresql":
        pytest.skip("a server holds its files open, so that its disk cannot be made read-only under it")
    memory, signer = Memory(disk.place / "heads"), Signer.of(vault)
    told = redeemed(vault, tokens, now, 1)
    backend.close()

    with disk.read_only(), pytest.raises(DBAPIError):
        redeemed(vault, tokens, now, 1)

    assert audit(vault).disclosures == told
    assert redeemed(vault, tokens, now, 3) == 3
    assert_sound(vault, signer, memory, now)


def redeemed(vault: Vault, tokens: list[Token], now: int, count: int) -> int:
    """How many of `count` redemptions gave their values."""
    answers = [redeem_one(vault, request_of(tokens[at % len(tokens)], now), now) for at in range(count)]
    assert len(given(answers)) == count, answers
    return count


def assert_sound(vault: Vault, signer: Signer, memory: Memory, now: int) -> None:
    publish(vault.data, signer, now, memory=memory)
    taken = audit(vault)
    assert taken.sound(), taken
    assert not [one for one in fsck(vault.data, signer) if isinstance(one, Finding)]
