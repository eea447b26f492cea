"""What a person sees of their own values: masked, now, then, and how they changed."""

from tests.vault.people.made_up import change, enrol, erase, phone
from vault.families.merge import merge
from vault.ids import new_subject
from vault.reading.history import VersionLine, history, masked
from vault.tables import value


def test_the_history_of_a_field_lists_every_version_masked_with_its_window(vault, now):
    (one,) = enrol(vault, range(1), now)
    change(vault, one.subject, "phone", phone(7), now + 10)
    change(vault, one.subject, "phone", phone(8), now + 30)
    assert history(vault, one.subject, "phone") == [
        VersionLine(version=1, valid_from=now, valid_to=now + 10, masked="199****0000", struck_at=None),
        VersionLine(version=2, valid_from=now + 10, valid_to=now + 30, masked="199****0007", struck_at=None),
        VersionLine(version=3, valid_from=now + 30, valid_to=None, masked="199****0008", struck_at=None),
    ]
    assert history(vault, one.subject, "shoe_size") == []


def test_the_masked_view_as_of_an_instant_is_that_of_the_instant(vault, now):
    (one,) = enrol(vault, range(1), now)
    change(vault, one.subject, "phone", phone(7), now + 10)
    seen = [masked(vault, one.subject, ["phone"], as_of=now + at) for at in (-1, 0, 9, 10, 99)]
    assert [view.get("phone") for view in seen] == [
        None,
        "199****0000",
        "199****0000",
        "199****0007",
        "199****0007",
    ]


def test_a_version_that_was_struck_out_is_listed_without_a_text(vault, now):
    (one,) = enrol(vault, range(1), now)
    with vault.data.write() as conn:
        mine = (value.c.subject == one.subject) & (value.c.field == "phone")
        conn.execute(value.update().where(mine).values(blob=b"", struck_at=now + 5, valid_to=now + 5))
    (line,) = history(vault, one.subject, "phone")
    assert (line.masked, line.struck_at) == (None, now + 5)
    assert masked(vault, one.subject, ["phone"], as_of=now) == {}


def test_nobody_and_an_erased_person_have_no_history(vault, now):
    (one,) = enrol(vault, range(1), now)
    erase(vault, one, now + 1)
    assert history(vault, one.subject, "phone") == []
    assert history(vault, new_subject(), "phone") == []


def test_whoever_was_merged_away_is_not_shown(vault, now):
    keep, drop = enrol(vault, range(2), now)
    assert masked(vault, drop.subject, ["phone"])
    merge(vault, keep.subject, drop.subject, now + 10, clock=lambda: now + 10)
    assert masked(vault, drop.subject, ["phone"]) == {}
    assert masked(vault, keep.subject, ["phone"])
