"""Races of asking a person directly: requests for one hint, picks of one number, polls of one secret."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from consent.approving.approve import Approved, Showing, approve
from consent.asking.ask import Via
from consent.decoupled import backchannel, handles
from consent.decoupled.backchannel import MOST_OPEN, Started, TooMany, Wanted
from consent.decoupled.polling import Poll, poll
from consent.denials import DenialCode, Denied
from consent.refusals import Refusal
from consent.schema.backchannel_tables import backchannel_request
from consent.schema.decoupled_tables import request_outcome
from consent.schema.tables import notice_showing, use
from consent.tokens.minting import Issued
from tests.races.crowd import at_once, dawdling
from tests.races.town import JKT, Town, details_of_shop, found
from vault.opening import Vault

COPIES = 16


def start(vault: Vault, town: Town, hint: str, now: int) -> object:
    shop = town.shops[0]
    wanted = Wanted(hint=hint, number="42")
    with vault.data.write() as conn:
        return backchannel.start(conn, vault, shop.client, details_of_shop(shop, now), wanted, now)


def allowed(vault: Vault, town: Town, now: int) -> str:
    with vault.data.write() as conn:
        recipient = town.shops[0].client.recipient.id
        return handles.allow(conn, vault, town.residents[0].consumer, recipient, now)


def count(vault: Vault, table) -> int:
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_sixteen_requests_for_one_hint_leave_as_many_waiting_as_may_be(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, known: bool
) -> None:
    town = found(vault, now, people=1)
    hint = allowed(vault, town, now) if known else "nobody"
    vaults = others(4)

    with dawdling(8):
        answers = at_once([lambda at=at: start(vaults[at % 4], town, hint, now) for at in range(COPIES)])

    assert sum(isinstance(answer, Started) for answer in answers) == MOST_OPEN
    assert sum(isinstance(answer, TooMany) for answer in answers) == COPIES - MOST_OPEN
    assert count(vault, backchannel_request) == MOST_OPEN


def test_right_and_wrong_picks_at_once_have_one_outcome(
    vault: Vault, others: Callable[[int], list[Vault]], now: int
) -> None:
    town = found(vault, now, people=1)
    person = town.residents[0].consumer
    start(vault, town, allowed(vault, town, now), now)
    with vault.data.read() as conn:
        (question,) = backchannel.waiting(conn, vault, person, now)
    vaults = others(4)
    numbers = ["42" if at % 2 else "41" for at in range(COPIES)]
    calls = [
        lambda at=at, number=number: backchannel.pick(vaults[at % 4], person, question.id, number, now)
        for at, number in enumerate(numbers)
    ]

    with dawdling(9):
        answers = at_once(calls)

    shown = sum(isinstance(answer, Showing) for answer in answers)
    assert all(isinstance(answer, Showing | Refusal) for answer in answers)
    assert shown == count(vault, notice_showing)
    assert shown + count(vault, request_outcome) == 1


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "dawdling"])
def test_sixteen_polls_of_an_approved_request_give_one_token(
    vault: Vault, others: Callable[[int], list[Vault]], now: int, slow: bool
) -> None:
    town = found(vault, now, people=1)
    person = town.residents[0].consumer
    started = start(vault, town, allowed(vault, town, now), now)
    assert isinstance(started, Started)
    with vault.data.read() as conn:
        (question,) = backchannel.waiting(conn, vault, person, now)
    shown = backchannel.pick(vault, person, question.id, "42", now)
    assert isinstance(shown, Showing)
    assert isinstance(approve(vault, person, shown.id, None, now), Approved)
    vaults = others(4)
    client_id = town.shops[0].client.client_id
    wanted = Poll(via=Via.BACKCHANNEL, client_id=client_id, secret=started.auth_req_id, jkt=JKT)

    def poll_once(at: int) -> object:
        own = vaults[at % 4]
        with own.data.write() as conn:
            return poll(conn, own, wanted, now)

    with dawdling(10) if slow else dawdling(10, shortest=0, longest=0):
        answers = at_once([lambda at=at: poll_once(at) for at in range(COPIES)])

    assert sum(isinstance(answer, Issued) for answer in answers) == 1
    assert answers.count(Denied(code=DenialCode.CODE_REUSED)) == COPIES - 1
    assert count(vault, use) == 1
