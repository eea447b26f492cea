"""From the tombstone on nobody is found, shown, copied or asked about, though the job has not run yet."""

import pytest

from consent.denials import DenialCode, Denied
from consent.erasure.orders import By, Reason, order
from consent.permits.issue import own_permits
from consent.permits.own_copy import enter
from consent.staff.emergency import ask_emergency
from consent.staff.lookup import find_people
from consent.staff_members import DualReason
from tests.consent.dual.office import ASKER
from tests.vault.people import made_up as people
from vault.reader import Unreadable, UnreadableCode
from vault.reading.export import open_everything
from vault.reading.history import history, masked


@pytest.fixture
def tombstoned(world):
    """A person whose erasure is ordered and has not begun: every tag, value and key is still there."""
    who = world.person()
    assert masked(world.vault, who.subject, ["phone"])
    with world.vault.data.write() as conn:
        order(conn, world.vault, [who.subject], By(actor="self", reason=Reason.REQUESTED), world.now)
    assert world.vault.keyring.subject_keys([(who.bucket, who.subject)])
    return who


def test_a_tombstoned_person_is_not_found(world, tombstoned):
    rows = [{"phone": people.values(0)["phone"]}, {"email": people.values(0)["email"]}]
    answers = find_people(world.vault, ASKER, rows, DualReason.LEAK_INVESTIGATION, world.now + 1)
    assert [answer.found for answer in answers] == [(), ()]


def test_a_tombstoned_person_is_not_shown_now_then_or_in_the_history(world, tombstoned):
    assert masked(world.vault, tombstoned.subject, ["phone", "name"]) == {}
    assert masked(world.vault, tombstoned.subject, ["phone"], as_of=world.now) == {}
    assert history(world.vault, tombstoned.subject, "phone") == []


def test_a_tombstoned_person_is_not_copied(world, tombstoned):
    reads = enter(
        world.vault, [(tombstoned.bucket, tombstoned.subject)], ["phone"], "operator", world.now + 1
    )
    granted = [permit for permit in own_permits(world.vault, reads) if permit is not None]
    assert open_everything(world.vault, granted) == [Unreadable(UnreadableCode.ERASED)]


def test_nobody_may_ask_for_an_emergency_about_a_tombstoned_person(world, tombstoned):
    asked = ask_emergency(
        world.vault, ASKER, tombstoned.subject, ("phone",), DualReason.COURT_ORDER, "why", world.now + 1
    )
    assert asked == Denied(code=DenialCode.UNKNOWN_PERSON)
