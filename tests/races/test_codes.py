"""One code in many hands at one moment: it opens one door, and five tries are five."""

from collections.abc import Callable

from sqlalchemy import select

from consent.accounts.one_time_codes import AskedFor, Issued, issue, spend
from consent.schema.account_tables import MOST_TRIES, sign_in_code
from tests.races.crowd import at_once, dawdling
from tests.races.town import found
from vault.finding.holder import key_value
from vault.opening import Vault

HERE = AskedFor(binding="this browser")
COPIES = 16


def code_of(vault: Vault, phone: str, now: int) -> Issued:
    with vault.data.write() as conn:
        return issue(conn, vault, key_value(vault, "phone", phone), HERE, now)


def entering(vault: Vault, issued: Issued, code: str, now: int) -> Callable[[], object]:
    def enter() -> object:
        with vault.data.write() as conn:
            return spend(conn, vault, issued.ticket, code, HERE, now)

    return enter


def test_sixteen_copies_of_a_code_sign_in_once(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    issued = code_of(vault, town.residents[0].citizen.phone, now)
    vaults = others(4)

    with dawdling(11):
        answers = at_once(
            [entering(vaults[at % len(vaults)], issued, issued.code, now) for at in range(COPIES)]
        )

    assert sum(answer is not None for answer in answers) == 1


def test_a_million_guesses_at_one_moment_are_five_tries(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    issued = code_of(vault, town.residents[0].citizen.phone, now)
    guesses = [f"{(int(issued.code) + 1 + at) % 10**6:06d}" for at in range(COPIES)]
    vaults = others(4)

    with dawdling(12):
        answers = at_once(
            [entering(vaults[at % len(vaults)], issued, guess, now) for at, guess in enumerate(guesses)]
        )

    assert answers == [None] * COPIES
    with vault.data.read() as conn:
        assert conn.execute(select(sign_in_code.c.tries)).scalar_one() == MOST_TRIES
    assert entering(vault, issued, issued.code, now)() is None
