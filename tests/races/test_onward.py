"""A consent above and one below at the same moment: whoever comes first, nothing is given under what has ended."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from consent.approving.approve import Approved, approve
from consent.denials import DenialCode, Denied
from consent.ids import grant_text
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.publishing.signer import Signer
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.tables import consent_grant, disclosure, withdrawal
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.consent.acts import agree_to_all
from tests.consent.world import World
from tests.races.crowd import at_once, dawdling
from vault.opening import Vault

ROUNDS = 8
type Reopen = Callable[[int], list[Vault]]


class Chain:
    """A person, a bank's counted grant, and a bureau that may ask for one under it."""

    def __init__(self, vault: Vault, now: int) -> None:
        self.world = World(vault, now)
        self.person = self.world.person()
        self.bureaus = [self.world.app(name=f"Bureau {n}") for n in range(4)]
        named = [app.client.recipient.id for app in self.bureaus]
        self.top = self.world.token(self.world.app(name="Bank"), self.person, uses=9, onward=named)

    @property
    def under(self) -> dict[str, str]:
        return {"parent_grant": grant_text(self.top.grant_id)}

    def withdraw(self, vault: Vault) -> Withdrawn | None:
        return withdraw(vault, self.person.subject, self.person.bucket, self.top.grant_id, self.world.now)

    def states(self) -> dict[bytes, str]:
        with self.world.vault.data.read() as conn:
            rows = conn.execute(select(consent_grant.c.id, consent_grant.c.state)).all()
        return {row.id: row.state for row in rows}


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_withdrawal_above_and_approvals_below_leave_nothing_open(
    vault: Vault, others: Reopen, now: int, seed: int
) -> None:
    chain = Chain(vault, now)
    shown = [chain.world.show(app, chain.person, **chain.under) for app in chain.bureaus]
    for one in shown:
        agree_to_all(vault, chain.person, one, now)
    vaults = others(5)

    with dawdling(seed):
        ended, *answers = at_once(
            [
                lambda: chain.withdraw(vaults[4]),
                *(
                    lambda at=at: approve(vaults[at], chain.person, shown[at].id, None, now)
                    for at in range(4)
                ),
            ]
        )

    assert isinstance(ended, Withdrawn)
    assert set(chain.states().values()) == {"withdrawn"}
    for answer in answers:
        assert isinstance(answer, Approved) or answer == Refusal(code=RefusalCode.PARENT_ENDED)
    with vault.data.read() as conn:
        assert len(conn.execute(select(withdrawal)).all()) == len(chain.states())
    assert not [one for one in fsck(vault.data, Signer.of(vault)) if isinstance(one, Finding)]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_disclosure_below_commits_after_the_withdrawal_above(
    vault: Vault, others: Reopen, now: int, seed: int
) -> None:
    chain = Chain(vault, now)
    below = [chain.world.token(app, chain.person, uses=2, **chain.under) for app in chain.bureaus]
    vaults = others(5)
    requests = [chain.world.request(one) for one in below]

    with dawdling(seed):
        ended, *answers = at_once(
            [
                lambda: chain.withdraw(vaults[4]),
                *(lambda at=at: disclose_many(vaults[at], [requests[at]], now)[0] for at in range(4)),
            ]
        )

    given = sum(isinstance(answer, Disclosure) for answer in answers)
    assert isinstance(ended, Withdrawn)
    assert set(chain.states().values()) == {"withdrawn"}
    assert {answer for answer in answers if not isinstance(answer, Disclosure)} <= {
        Denied(code=DenialCode.WITHDRAWN)
    }
    with vault.data.read() as conn:
        assert len(conn.execute(select(disclosure)).all()) == given
        told = sum(row.disclosures for row in conn.execute(select(withdrawal)))
    assert told == given
    late = disclose_many(vault, [chain.world.request(one) for one in below], now)
    assert late == [Denied(code=DenialCode.WITHDRAWN)] * 4


@pytest.mark.parametrize("seed", range(2))
def test_two_links_of_a_chain_are_approved_and_withdrawn_at_one_moment(
    vault: Vault, others: Reopen, now: int, seed: int
) -> None:
    chain = Chain(vault, now)
    middle, low = chain.bureaus[:2]
    held = chain.world.token(middle, chain.person, uses=2, onward=[low.client.recipient.id], **chain.under)
    shown = chain.world.show(low, chain.person, parent_grant=grant_text(held.grant_id))
    agree_to_all(vault, chain.person, shown, now)
    vaults = others(2)

    with dawdling(seed):
        at_once(
            [
                lambda: chain.withdraw(vaults[0]),
                lambda: approve(vaults[1], chain.person, shown.id, None, now),
            ]
        )

    assert set(chain.states().values()) == {"withdrawn"}
