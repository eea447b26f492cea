"""The end of a chain of receipts: what proves it, and that nothing can be cut off without showing."""

import pytest

from consent.approving.approve import refuse
from consent.export.whole_chain import receipts_of
from consent.grants import history
from consent.ledger.errors import LedgerError, Malformed, Unproven
from consent.receipts.head import End, follow, head
from consent.recipients.key_sets import key_set
from consent.redemption.disclose import disclose_many
from consent.signing.keys import public_keys, rotate
from consent.withdrawal.withdraw import withdraw
from tests.flow.installation import payload_of


@pytest.fixture
def used(world):
    """A consent for four uses, of which two were made."""
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=4)
    disclose_many(world.vault, [world.request(issued), world.request(issued)], world.now)
    return app, person, issued


def keys_of(world):
    return key_set({"keys": public_keys(world.vault, world.now)}, fetched=True)


def chain_of(world, used):
    _, person, issued = used
    return receipts_of(world.vault, person.subject, person.bucket, issued.grant_id)


def test_a_head_proves_the_end_of_a_chain_and_when_it_was_that(world, used):
    chain = chain_of(world, used)

    found = follow(chain, head(world.vault, chain, world.now), keys_of(world))

    assert (found.uses, found.end) == (2, End.HEAD)
    assert found.at.startswith("2026-11-2")


def test_a_chain_that_was_cut_off_is_found_out_by_its_head(world, used):
    chain = chain_of(world, used)
    last = head(world.vault, chain, world.now)

    for left in range(1, len(chain)):
        with pytest.raises(Unproven, match="missing at the end"):
            follow(chain[:left], last, keys_of(world))


def test_without_a_head_an_open_end_is_said_to_be_open(world, used):
    assert follow(chain_of(world, used)[:-1], None, keys_of(world)).end is End.UNPROVEN


def test_nothing_follows_a_withdrawal(world, used):
    _, person, issued = used
    before = chain_of(world, used)
    old = head(world.vault, before, world.now)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    chain = chain_of(world, used)

    assert follow(chain, None, keys_of(world)).end is End.WITHDRAWAL
    assert follow(chain, head(world.vault, chain, world.now), keys_of(world)).uses == 2
    assert follow(chain, old, keys_of(world)).end is End.WITHDRAWAL
    with pytest.raises(Unproven):
        follow([*chain, before[-1]], None, keys_of(world))


def test_an_older_head_says_nothing_about_what_came_after_it(world, used):
    old = head(world.vault, chain_of(world, used), world.now)
    disclose_many(world.vault, [world.request(used[2])], world.now)

    assert follow(chain_of(world, used), old, keys_of(world)).end is End.UNPROVEN


def test_a_head_of_another_consent_or_of_no_key_of_ours_proves_nothing(world, used):
    app, person, _ = used
    other = (app, person, world.token(app, person, uses=4))
    disclose_many(world.vault, [world.request(other[2]), world.request(other[2])], world.now)
    chain, theirs = chain_of(world, used), chain_of(world, other)
    last = head(world.vault, chain, world.now)

    for wrong in (head(world.vault, theirs, world.now), chain[-1], f"{last[:-4]}AAAA", "", "e30.e30.e30"):
        with pytest.raises(LedgerError):
            follow(chain, wrong, keys_of(world))


def test_receipts_out_of_place_are_refused(world, used):
    chain, keys = chain_of(world, used), keys_of(world)
    last = head(world.vault, chain, world.now)

    for wrong in (
        chain[1:],
        [chain[0], chain[2]],
        [*chain, chain[-1]],
        [chain[0], *chain],
        [*chain, last],
        [last],
    ):
        with pytest.raises(Unproven):
            follow(wrong, None, keys)
    with pytest.raises(Malformed):
        follow([], None, keys)


def test_heads_and_receipts_of_two_generations_of_keys_hold_together(world, used):
    world.tick(1000)
    rotate(world.vault, world.now)
    world.tick(1000)
    disclose_many(world.vault, [world.request(used[2])], world.now)
    chain = chain_of(world, used)

    assert follow(chain, head(world.vault, chain, world.now), keys_of(world)).uses == 3


def states(text):
    return [event["event_state"].partition("#")[2] for event in payload_of(text)["record"]["events"]]


def test_the_record_of_a_refusal_says_so_and_nothing_follows_it(world):
    app, person = world.app(), world.person()
    refuse(world.vault, person, world.show(app, person).id, world.now)
    with world.vault.data.read() as conn:
        (line,) = history.grants(conn, person.bucket, person.subject)

    chain = receipts_of(world.vault, person.subject, person.bucket, line.id)

    found = follow(chain, None, keys_of(world))
    assert (found.uses, found.end, states(chain[0])) == (
        0,
        End.REFUSAL,
        ["ConsentRequested", "ConsentRefused"],
    )
    with pytest.raises(Unproven):
        follow(chain * 2, None, keys_of(world))


@pytest.mark.parametrize(("uses", "expired"), [(4, True), (2, False)])
def test_what_had_expired_before_it_was_withdrawn_says_when_and_what_was_used_up_does_not(
    world, uses, expired
):
    person = world.person()
    issued = world.token(world.app(), person, uses=uses)
    disclose_many(world.vault, [world.request(issued), world.request(issued)], world.now)
    later = world.now + 400 * 86_400_000
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, later)

    *_, last = receipts_of(world.vault, person.subject, person.bucket, issued.grant_id)

    middle = ["ConsentExpired"] if expired else []
    assert states(last) == ["ConsentRequested", "ConsentGiven", *middle, "ConsentWithdrawn"]
