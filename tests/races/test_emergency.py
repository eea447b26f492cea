"""Sixty-four approvers, openers and objectors at one instant: two yes, one read, one entry, on both data bases."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select

from consent.denials import DenialCode, Denied
from consent.dual.control import vote
from consent.dual.requests import DualRequest
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind
from consent.ledger.publishing.signer import Signer
from consent.schema.dual_tables import dual_vote, emergency_read, person_notice
from consent.staff.emergency import Opened, open_emergency
from consent.staff_members import DualState, Staffer, Verdict
from tests.consent.dual.office import ASKER, Office
from tests.races.crowd import at_once, dawdling
from tests.races.town import found
from vault.opening import Vault

CROWD = 64
PROCESSES = 4
type Others = Callable[[int], list[Vault]]


@pytest.fixture
def office(vault: Vault, now: int) -> Office:
    return Office(vault, now)


@pytest.fixture
def subject(vault: Vault, now: int):
    return found(vault, now, people=1).residents[0].consumer.subject


def count(office: Office, table) -> int:
    with office.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def sound(office: Office) -> bool:
    return not [one for one in fsck(office.vault.data, Signer.of(office.vault)) if isinstance(one, Finding)]


@pytest.mark.parametrize("delay", [0.0, 0.003], ids=["plain", "dawdling"])
def test_of_sixty_four_approvers_exactly_two_count(
    office: Office, others: Others, subject, delay: float
) -> None:
    asked, vaults = office.ask(subject), others(PROCESSES)
    crowd = [Staffer(name=f"auditor/{at:012d}", actor=f"Number {at}") for at in range(CROWD)]

    with dawdling(1, shortest=delay / 3, longest=delay):
        answers = at_once(
            [
                partial(vote, vaults[at % PROCESSES], crowd[at], asked.id, Verdict.YES, office.now)
                for at in range(CROWD)
            ]
        )

    said_yes = [answer for answer in answers if isinstance(answer, DualRequest)]
    assert sorted(answer.state for answer in said_yes) == [DualState.APPROVED, DualState.ASKED]
    assert {answer.code for answer in answers if isinstance(answer, Denied)} == {DenialCode.REQUEST_CLOSED}
    assert count(office, dual_vote) == 2
    assert len(office.entries(Kind.GRANT)) == 3
    assert sound(office)


def test_one_approver_sixty_four_times_at_once_is_one_yes(office: Office, others: Others, subject) -> None:
    asked, vaults = office.ask(subject), others(PROCESSES)
    one = Staffer(name="auditor/000000000001", actor="Wang")

    with dawdling(2):
        answers = at_once(
            [
                partial(vote, vaults[at % PROCESSES], one, asked.id, Verdict.YES, office.now)
                for at in range(CROWD)
            ]
        )

    assert sum(isinstance(answer, DualRequest) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Denied)} == {DenialCode.ALREADY_VOTED}
    assert count(office, dual_vote) == 1
    assert sound(office)


@pytest.mark.parametrize("delay", [0.0, 0.003], ids=["plain", "dawdling"])
def test_sixty_four_openers_commit_one_read_and_get_equal_answers(
    office: Office, others: Others, subject, delay: float
) -> None:
    request, vaults = office.approved(subject), others(PROCESSES)

    with dawdling(3, shortest=delay / 3, longest=delay):
        answers = at_once(
            [
                partial(open_emergency, vaults[at % PROCESSES], ASKER, request.id, office.now)
                for at in range(CROWD)
            ]
        )

    opened = [answer for answer in answers if isinstance(answer, Opened)]
    assert len(opened) == CROWD
    assert len({(answer.read_id, tuple(answer.values.items())) for answer in opened}) == 1
    assert sorted(answer.times for answer in opened) == list(range(1, CROWD + 1))
    assert (count(office, emergency_read), count(office, person_notice)) == (1, 1)
    assert len(office.entries(Kind.DISCLOSE)) == 1
    assert sound(office)


def test_strangers_at_the_door_get_nothing_while_who_asked_is_served(
    office: Office, others: Others, subject
) -> None:
    request, vaults = office.approved(subject), others(PROCESSES)
    crowd = [
        ASKER if at % 8 == 0 else Staffer(name=f"auditor/{at:012d}", actor=f"Number {at}")
        for at in range(CROWD)
    ]

    with dawdling(4):
        answers = at_once(
            [
                partial(open_emergency, vaults[at % PROCESSES], crowd[at], request.id, office.now)
                for at in range(CROWD)
            ]
        )

    for staffer, answer in zip(crowd, answers, strict=True):
        assert isinstance(answer, Opened) == (staffer is ASKER)
    assert len(office.entries(Kind.DISCLOSE)) == 1
    assert len(office.entries(Kind.REFUSE)) == 1, "the day's first of its class"
    assert sound(office)


def test_an_objection_and_sixty_three_openers_have_one_order(office: Office, others: Others, subject) -> None:
    request, vaults = office.approved(subject), others(PROCESSES)
    objector = Staffer(name="auditor/000000000009", actor="Number 9")
    no = partial(vote, vaults[0], objector, request.id, Verdict.NO, office.now)
    openers = [
        partial(open_emergency, vaults[at % PROCESSES], ASKER, request.id, office.now)
        for at in range(1, CROWD)
    ]

    with dawdling(5):
        refused, *answers = at_once([no, *openers])

    assert isinstance(refused, DualRequest)
    assert refused.state is DualState.REFUSED
    served = [answer for answer in answers if isinstance(answer, Opened)]
    assert {answer.code for answer in answers if isinstance(answer, Denied)} <= {DenialCode.NOT_APPROVED}
    assert count(office, emergency_read) == min(1, len(served))
    assert open_emergency(office.vault, ASKER, request.id, office.now) == Denied(code=DenialCode.NOT_APPROVED)
    assert sound(office)
