"""Somebody whose keys do not open, or whose erasure meets an error, stops nobody else's erasure."""

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import OperationalError

from consent.erasure import erase as erasing
from consent.erasure.certificates import certificate
from consent.erasure.erase import ErasureFailed, run, run_to_end
from consent.erasure.orders import By, Reason, order
from consent.families.ties import appoint
from tests.vault.keys.test_damaged_keys import damage
from vault.erasure.horizon import Horizon
from vault.families.guardians import Tie
from vault.families.tables import guardianship
from vault.finding.tag_tables import tag, unique_key
from vault.keys.tables import subject_key

HORIZON = Horizon(backup_days=30, index_days=365)
SELF = By(actor="self", reason=Reason.REQUESTED)
PROOF = bytes(32)


def ask(world, *who) -> None:
    with world.vault.data.write() as conn:
        order(conn, world.vault, [one.subject for one in who], SELF, world.now)


def carry_out(world) -> int:
    """Everything ordered, under a clock that moves a second whenever it is waited for."""
    at = [world.now]

    def sleep(seconds: float) -> None:
        at[0] += int(seconds * 1000)

    return run_to_end(world.vault, lambda: at[0], HORIZON, sleep)


def without_keys(world, who) -> None:
    with world.vault.keyring.database.write() as conn:
        conn.execute(delete(subject_key).where(subject_key.c.subject == who.subject))
    world.vault.keyring.forget([who.subject])


def certified(world, who) -> bool:
    with world.vault.data.read() as conn:
        return certificate(conn, world.vault, who.bucket, who.subject) is not None


def traces(world, who) -> int:
    with world.vault.data.read() as conn:
        return sum(
            conn.execute(
                select(func.count()).select_from(table).where(table.c.subject == who.subject)
            ).scalar_one()
            for table in (tag, unique_key)
        )


def test_somebody_whose_keys_do_not_open_is_erased_with_everything_they_are_found_by(world):
    healthy, hurt = world.people(2)
    damage(world.vault, hurt)
    assert traces(world, hurt)
    ask(world, hurt, healthy)
    assert carry_out(world) == 2
    assert certified(world, hurt)
    assert not traces(world, hurt)


def test_a_guardian_of_somebody_without_keys_can_be_erased_and_so_can_everybody_else(world):
    guardian, ward, other = world.people(3)
    appoint(world.vault, ward.subject, guardian.subject, Tie.APPOINTED, PROOF, world.now)
    without_keys(world, ward)
    ask(world, guardian, other)
    assert carry_out(world) == 2
    with world.vault.data.read() as conn:
        (ended,) = conn.execute(select(guardianship.c.ended_at)).scalars()
    assert ended is not None


def test_whoever_a_step_fails_for_is_left_behind_alone_and_the_run_says_so(world, monkeypatch, caplog):
    first, bad, last = world.people(3)
    release = erasing.release

    def failing(vault, subject, now_ms):
        if subject == bad.subject:
            raise ValueError("of this person alone")
        return release(vault, subject, now_ms)

    monkeypatch.setattr(erasing, "release", failing)
    ask(world, first, bad, last)
    with pytest.raises(ErasureFailed):
        carry_out(world)
    assert [certified(world, who) for who in (first, bad, last)] == [True, False, True]
    assert "of this person alone" not in caplog.text
    monkeypatch.setattr(erasing, "release", release)
    assert carry_out(world) == 1
    assert certified(world, bad)


def test_a_data_base_that_is_away_is_nobodys_own_fault(world, monkeypatch):
    (one,) = world.people(1)
    ask(world, one)

    def away(*_):
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(erasing, "release", away)
    with pytest.raises(OperationalError):
        run(world.vault, lambda: world.now, HORIZON)
