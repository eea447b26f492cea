"""Guardians at one instant: two who answer, one who goes while they answer, two who confirm, a use among it all."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select

from consent.approving.approve import Approved, Showing, approve, claim
from consent.denials import DenialCode, Denied
from consent.families.ties import Guardianship, dismiss
from consent.rebuild import Divergence, check
from consent.redemption.disclose import disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import consent_grant
from consent.tokens.exchange import Issued, exchange
from consent.withdrawal import guarded
from consent.withdrawal.guarded import Confirmed, StepKind
from tests.consent.presence import signed, with_passkey
from tests.consent.wards import family
from tests.consent.world import World
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one
from vault.opening import Vault

type Others = Callable[[int], list[Vault]]

ROUNDS = 6


@pytest.fixture
def world(vault: Vault, now: int) -> World:
    return World(vault, now)


def state(world: World, grant_id) -> str:
    with world.vault.data.read() as conn:
        return conn.execute(select(consent_grant.c.state).where(consent_grant.c.id == grant_id)).scalar_one()


def sound(world: World) -> bool:
    return not [one for one in check(world.vault) if isinstance(one, Divergence)]


def test_of_two_guardians_who_take_a_request_up_at_once_one_is_shown_it(world: World, others: Others) -> None:
    app, vaults = world.app(), others(2)
    for seed in range(ROUNDS):
        house = family(world, guardians=2)
        pushed = world.push(app)
        with dawdling(seed):
            answers = at_once(
                [
                    partial(
                        claim,
                        vaults[at],
                        house.guardians[at],
                        pushed.request_uri,
                        app.client.client_id,
                        world.now,
                        house.ties[at],
                    )
                    for at in range(2)
                ]
            )
        assert sorted(isinstance(one, Showing) for one in answers) == [False, True]
        assert Refusal(code=RefusalCode.REQUEST_URI_UNKNOWN, at="request_uri") in answers


def test_two_guardians_who_answer_requests_of_their_own_at_once_each_give_one(
    world: World, others: Others
) -> None:
    app, vaults, house = world.app(), others(2), family(world, guardians=2)
    keys = [with_passkey(world.vault, one, world.now) for one in house.guardians]
    shown = [house.show(app, at) for at in range(2)]
    proofs = [signed(world.vault, shown[at], keys[at], world.now) for at in range(2)]

    with dawdling(31):
        answers = at_once(
            [
                partial(approve, vaults[at], house.guardians[at], shown[at].id, None, world.now, proofs[at])
                for at in range(2)
            ]
        )

    assert all(isinstance(one, Approved) for one in answers)
    assert sound(world)


def test_a_guardianship_that_ends_during_an_approval_leaves_nothing_active(
    world: World, others: Others
) -> None:
    app, vaults = world.app(), others(2)
    for seed in range(2 * ROUNDS):
        house = family(world)
        guardian, own = house.guardians[0], with_passkey(world.vault, house.guardians[0], world.now)
        shown = house.show(app)
        proof = signed(world.vault, shown, own, world.now)
        calls = [
            partial(approve, vaults[0], guardian, shown.id, None, world.now, proof),
            partial(dismiss, vaults[1], house.ward.subject, guardian.subject, world.now),
        ]
        with dawdling(seed, shortest=0.0005, longest=0.002 if seed % 2 else 0.006):
            answer, ended = at_once(calls)

        assert isinstance(ended, Guardianship)
        if isinstance(answer, Approved):
            assert state(world, answer.grant_id) == "suspended"
        else:
            assert answer == Refusal(code=RefusalCode.GUARDIAN_OVER)
    assert sound(world)


def test_no_use_commits_behind_the_suspension_that_a_guardians_going_makes(
    world: World, others: Others
) -> None:
    app, vaults = world.app(), others(4)
    for seed in range(ROUNDS):
        house = family(world)
        given = house.approve(app, uses={"max": 3, "batch": 3})
        issued = exchange(world.vault, world.exchanging(app, given.code), world.now)
        assert isinstance(issued, Issued)
        uses = [partial(redeem_one, vaults[at], world.request(issued), world.now) for at in range(3)]
        going = partial(dismiss, vaults[3], house.ward.subject, house.guardians[0].subject, world.now)
        with dawdling(seed):
            *answers, ended = at_once([*uses, going])

        assert isinstance(ended, Guardianship)
        assert {one.code for one in answers if isinstance(one, Denied)} <= {DenialCode.GRANT_NOT_ACTIVE}
        assert state(world, given.grant_id) in {"suspended", "exhausted"}
        late = disclose_many(world.vault, [world.request(issued)], world.now)[0]
        assert isinstance(late, Denied)
    assert sound(world)


def test_two_guardians_who_confirm_at_once_confirm_it_once(world: World, others: Others) -> None:
    app, vaults, house = world.app(), others(2), family(world, guardians=3)
    given, who = house.approve(app), (house.ward.bucket, house.ward.subject)
    dismiss(world.vault, house.ward.subject, house.guardians[0].subject, world.now)

    with dawdling(33):
        answers = at_once(
            [
                partial(guarded.confirm, vaults[at], who, given.grant_id, house.ties[at + 1], world.now)
                for at in range(2)
            ]
        )

    assert sorted(one.repeated for one in answers if isinstance(one, Confirmed)) == [False, True]
    with world.vault.data.read() as conn:
        taken = [one.kind for one in guarded.steps(conn, who)[given.grant_id]]
    assert taken == [StepKind.APPROVED, StepKind.SUSPENDED, StepKind.CONFIRMED]
