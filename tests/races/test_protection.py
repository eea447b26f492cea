"""Protected mode at one instant: a yes against taking back, two answers, and an acceptance against an approval."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select

from consent.approving.approve import Approved, Deferred, approve
from consent.protection import deferral
from consent.protection import mode as protection
from consent.protection.deferral import Decision
from consent.protection.mode import Protection
from consent.rebuild import Divergence, check
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant
from tests.consent.presence import signed, with_passkey
from tests.consent.protection.test_protection import asked, sensitive, who
from tests.consent.world import World
from tests.races.crowd import at_once, dawdling
from vault.opening import Vault

type Others = Callable[[int], list[Vault]]

ROUNDS = 5
CLOSED = Refusal(code=RefusalCode.DEFERRAL_CLOSED)


@pytest.fixture
def world(vault: Vault, now: int) -> World:
    return World(vault, now)


def sound(world: World) -> bool:
    return not [one for one in check(world.vault) if isinstance(one, Divergence)]


def test_of_a_yes_a_no_and_taking_back_exactly_one_counts(world: World, others: Others) -> None:
    app, vaults = world.app("identity_check"), others(3)
    for seed in range(ROUNDS):
        person, trusted = world.people(2)
        one = asked(world, person, trusted)
        protection.accept(world.vault, who(trusted), one.id, world.now)
        _, given = sensitive(world, app, person)
        calls = [
            partial(deferral.answer, vaults[0], who(trusted), given.grant_id, Decision.YES, world.now),
            partial(deferral.answer, vaults[1], who(trusted), given.grant_id, Decision.NO, world.now),
            partial(deferral.take_back, vaults[2], who(person), given.grant_id, world.now),
        ]
        with dawdling(seed):
            answers = at_once(calls)

        assert [one for one in answers if isinstance(one, Refusal)] == [CLOSED, CLOSED]
        (ended,) = [one for one in answers if isinstance(one, GrantState)]
        with world.vault.data.read() as conn:
            own = select(consent_grant.c.state).where(consent_grant.c.id == given.grant_id)
            assert conn.execute(own).scalar_one() == ended
    assert sound(world)


def test_an_approval_beside_the_acceptance_waits_or_came_before_it(world: World, others: Others) -> None:
    app, vaults = world.app("identity_check"), others(2)
    for seed in range(2 * ROUNDS):
        person, trusted = world.people(2)
        one, own = asked(world, person, trusted), with_passkey(world.vault, person, world.now)
        shown = world.show(app, person, datatypes=["name", "resident_id"])
        proof = signed(world.vault, shown, own, world.now)
        calls = [
            partial(approve, vaults[0], person, shown.id, None, world.now, proof),
            partial(protection.accept, vaults[1], who(trusted), one.id, world.now),
        ]
        with dawdling(seed, shortest=0.0005, longest=0.002 if seed % 2 else 0.006):
            answer, accepted = at_once(calls)

        assert isinstance(accepted, Protection)
        changed = Refusal(code=RefusalCode.PROTECTION_CHANGED)
        assert isinstance(answer, Approved | Deferred) or answer == changed
    assert sound(world)
