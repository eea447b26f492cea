"""One passkey's answer, and one proof of presence, in many hands at one moment."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from consent.accounts.authenticators import assertion_options, read_assertion
from consent.accounts.passkey_challenges import Ceremony, new_challenge, use_challenge
from consent.accounts.passkeys import Proven, assert_one
from consent.approving.approve import Approved, approve, claim
from consent.refusals import Refusal, RefusalCode
from consent.schema.passkey_tables import passkey_alarm
from consent.schema.step_up_tables import step_up
from consent.schema.tables import consent_grant
from tests.consent.presence import US, signed, with_passkey
from tests.consent.world import World
from tests.races.crowd import at_once, dawdling
from vault.opening import Vault

COPIES = 16
BROWSER = "this browser"


def signing_in(vault: Vault, text: str, now: int) -> object:
    answer = read_assertion(text)
    with vault.data.write() as conn:
        if not use_challenge(conn, vault, Ceremony.SIGN_IN, answer.challenge, BROWSER, now):
            return None
        return assert_one(conn, vault, US, answer, now)


def test_sixteen_copies_of_a_passkey_s_answer_sign_in_once(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    person = World(vault, now).person()
    own = with_passkey(vault, person, now)
    text = own.get(assertion_options(US, new_challenge(vault, Ceremony.SIGN_IN, BROWSER, now)))
    vaults = others(4)

    with dawdling(21):
        answers = at_once([lambda at=at: signing_in(vaults[at % 4], text, now) for at in range(COPIES)])

    assert sum(isinstance(answer, Proven) for answer in answers) == 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(passkey_alarm)).scalar_one() == 0


def test_two_answers_with_one_count_let_one_in_and_raise_an_alarm_for_the_other(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    person = World(vault, now).person()
    own = with_passkey(vault, person, now)
    challenges = [new_challenge(vault, Ceremony.SIGN_IN, BROWSER, now) for _ in range(2)]
    texts = [own.get(assertion_options(US, challenge), count=1) for challenge in challenges]
    vaults = others(2)

    with dawdling(22):
        answers = at_once([lambda at=at: signing_in(vaults[at], texts[at], now) for at in range(2)])

    assert sum(isinstance(answer, Proven) for answer in answers) == 1
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(passkey_alarm)).scalar_one() == 1


@pytest.mark.parametrize("counts", [True, False])
def test_sixteen_presses_with_one_proof_make_one_sensitive_grant(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, counts: bool
) -> None:
    world = World(vault, now)
    person, bank = world.person(), world.app("identity_check", "Bank Ltd")
    own = with_passkey(vault, person, now)
    own.counts = counts
    pushed = world.push(bank, datatypes=["name", "resident_id"])
    shown = claim(vault, person, pushed.request_uri, bank.client.client_id, now)
    proof = signed(vault, shown, own, now)
    vaults = others(4)

    with dawdling(23):
        answers = at_once(
            [
                lambda at=at: approve(vaults[at % 4], person, shown.id, None, now, proof)
                for at in range(COPIES)
            ]
        )

    assert sum(isinstance(answer, Approved) for answer in answers) == 1
    refused = [answer.code for answer in answers if isinstance(answer, Refusal)]
    assert refused == [RefusalCode.SHOWING_DECIDED] * (COPIES - 1)
    with vault.data.read() as conn:
        for table, rows in ((consent_grant, 1), (step_up, 1), (passkey_alarm, 0)):
            assert conn.execute(select(func.count()).select_from(table)).scalar_one() == rows
