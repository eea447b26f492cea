"""What was destroyed is not in any file of the installation either."""

import itertools
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.erasure.erase import run
from consent.erasure.orders import By, Reason, order
from vault.erasure.horizon import Horizon
from vault.keys.tables import subject_key
from vault.tables import value

HORIZON = Horizon(backup_days=30, index_days=365)
SELF = By(actor="self", reason=Reason.REQUESTED)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_file_holds_a_destroyed_key_or_value_any_more_when_the_erasure_is_verified(world, backend):
    someone = world.person()
    with backend.keys.read() as keys, backend.data.read() as data:
        mine = subject_key.c.subject == someone.subject
        destroyed = list(keys.execute(select(subject_key.c.wrapped).where(mine)).scalars())
        destroyed += data.execute(select(value.c.blob).where(value.c.subject == someone.subject)).scalars()
    folder = Path(backend.keys_url.removeprefix("sqlite:///")).parent

    def left() -> int:
        return sum(secret in file.read_bytes() for file in folder.iterdir() for secret in destroyed)

    assert left() >= len(destroyed) > 2
    with world.vault.data.write() as conn:
        order(conn, world.vault, [someone.subject], SELF, world.now)
    clock = itertools.count(world.now + 100, 100_000)
    with backend.keys.read() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM subject_key")  # a reader holds the log as it is
        for _ in range(3):
            assert run(world.vault, lambda: next(clock), HORIZON).certified == 0

    assert run(world.vault, lambda: next(clock), HORIZON).certified == 1
    assert left() == 0
