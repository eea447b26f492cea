"""Many callers, one token: exactly its uses are disclosed, on both data bases, whatever the statements' timing.

The callers come through several vaults opened on the same data bases, as several processes would.
"""

import secrets
from collections.abc import Callable
from functools import partial

import pytest

from consent.denials import DenialCode, Denied
from consent.redemption.disclose import Disclosure, disclose_many
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import found, token
from vault.opening import Vault

CROWD = 64
PROCESSES = 4
type Others = Callable[[int], list[Vault]]


def crowd(others: Others, calls: Callable[[Vault, int], Disclosure | Denied]) -> list[Disclosure | Denied]:
    """`CROWD` calls from one barrier, spread over the vaults."""
    vaults = others(PROCESSES)
    return at_once([partial(calls, vaults[at % PROCESSES], at) for at in range(CROWD)])


@pytest.mark.parametrize("uses", [1, 3])
@pytest.mark.parametrize("delay", [0.0, 0.003], ids=["plain", "dawdling"])
def test_sixty_four_redemptions_of_one_token_disclose_exactly_its_uses(
    vault: Vault, others: Others, now: int, uses: int, delay: float
) -> None:
    one = token(found(vault, now, people=1), 0, now, uses=uses)

    with dawdling(uses, shortest=delay / 3, longest=delay):
        answers = crowd(others, lambda v, _: redeem_one(v, request_of(one, now), now))

    assert len(given(answers)) == uses
    assert {answer.code for answer in answers if isinstance(answer, Denied)} == {DenialCode.SPENT}
    assert sorted(answer.disclosed.slot for answer in given(answers)) == list(range(1, uses + 1))
    taken = audit(vault)
    assert taken.disclosures == uses
    assert taken.sound(), taken


@pytest.mark.parametrize("delay", [0.0, 0.003], ids=["plain", "dawdling"])
def test_sixty_four_retries_with_one_idempotency_key_give_one_disclosure_and_equal_answers(
    vault: Vault, others: Others, now: int, delay: float
) -> None:
    one = token(found(vault, now, people=1), 0, now, uses=3)

    with dawdling(64, shortest=delay / 3, longest=delay):
        answers = crowd(others, lambda v, _: redeem_one(v, request_of(one, now, key="again"), now))

    assert len(given(answers)) == CROWD
    assert len({(a.disclosed.disclosure_id, a.receipt, tuple(a.values.items())) for a in given(answers)}) == 1
    assert given(answers)[0].values["phone"].endswith(one.resident.citizen.phone)
    taken = audit(vault)
    assert taken.disclosures == 1
    assert taken.sound(), taken


def test_one_proof_sent_sixty_four_times_is_accepted_once(vault: Vault, others: Others, now: int) -> None:
    one = token(found(vault, now, people=1), 0, now, uses=3)
    proof = secrets.token_bytes(32)

    with dawdling(5):
        answers = crowd(others, lambda v, _: redeem_one(v, request_of(one, now, proof=proof), now))

    assert len(given(answers)) == 1
    assert {a.code for a in answers if isinstance(a, Denied)} <= {DenialCode.REPLAYED_PROOF, DenialCode.SPENT}
    assert audit(vault).disclosures == 1


def test_batches_that_name_the_same_tokens_in_any_order_neither_deadlock_nor_overspend(
    vault: Vault, others: Others, now: int
) -> None:
    town = found(vault, now, people=8)
    tokens = [token(town, at, now, uses=3) for at in range(8)]
    vaults = others(PROCESSES)

    def batch(at: int) -> list[Disclosure | Denied]:
        order = tokens[at % 8 :] + tokens[: at % 8]
        wanted = order if at % 2 else order[::-1]
        keyed = [request_of(t, now, key=f"{at}-{t.hash.hex()}") for t in wanted]
        return disclose_many(vaults[at % PROCESSES], keyed, now)

    with dawdling(6):
        answers = at_once([partial(batch, at) for at in range(16)])

    assert sum(len(given(answer)) for answer in answers) == 8 * 3
    assert audit(vault).sound(), audit(vault)


def test_one_key_on_two_tokens_at_once_answers_one_and_turns_the_other_down(
    vault: Vault, others: Others, now: int
) -> None:
    town = found(vault, now, people=2)
    pair = [token(town, at, now) for at in range(2)]

    with dawdling(8):
        answers = crowd(others, lambda v, at: redeem_one(v, request_of(pair[at % 2], now, key="shared"), now))

    served = {answer.disclosed.grant_id for answer in given(answers)}
    if pair[0].bucket == pair[1].bucket:
        assert len(served) == 1
        assert len(given(answers)) == CROWD // 2
    assert audit(vault).sound(), audit(vault)
