"""Writing people in bulk for staff: an answer for each, and the same answers when the request is repeated.

Sign-in keys exist nowhere but in the answer, and a change repeated later could undo somebody else's. So each
answer is kept (`api.edge.kept`) by the very transaction that takes its person in or changes their value. Who writes
stands in the house's chain before anything is written; each person's own entry follows with the write.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from api.edge.kept import Kept, Repeatable, keep, recall
from consent.house import record_in_house
from consent.ledger.entries.entry import Kind
from consent.people.keeping import Change, Enrolled, NewPerson, Refused, Updated, correct, enrol_people
from consent.staff_members import Staffer
from vault.ids import bucket_for
from vault.opening import Vault

type Item = tuple[NewPerson, str] | Refused
"""Somebody to take in and their language, or why the line could not be understood."""


def write_people(
    vault: Vault, staffer: Staffer, items: Sequence[Item], again: Repeatable | None, now_ms: int
) -> list[Enrolled | Refused]:
    """One answer per item, in order; raises Problem 422 when the key stands for another body."""
    answers: dict[int, Enrolled | Refused] = dict(_taken_in(vault, again))
    answers |= {at: item for at, item in enumerate(items) if isinstance(item, Refused)}
    wanted = {
        at: item for at, item in enumerate(items) if at not in answers and not isinstance(item, Refused)
    }
    if wanted:
        said = (("step", "bulk_write"), ("staff", staffer.name), ("people", str(len(wanted))))
        record_in_house(vault, Kind.ENROL, said, now_ms)
        answers |= _take_in(vault, staffer, wanted, again, now_ms)
    return [answers[at] for at in range(len(items))]


def change_values(
    vault: Vault, staffer: Staffer, items: Sequence[Change | Refused], again: Repeatable | None, now_ms: int
) -> list[Updated | Refused]:
    """One answer per item, in order; raises Problem 422 when the key stands for another body."""
    answers: dict[int, Updated | Refused] = dict(_changed(vault, again))
    answers |= {at: item for at, item in enumerate(items) if isinstance(item, Refused)}
    wanted = {
        at: item for at, item in enumerate(items) if at not in answers and not isinstance(item, Refused)
    }
    if wanted:
        said = (("step", "bulk_change"), ("staff", staffer.name), ("values", str(len(wanted))))
        record_in_house(vault, Kind.CORRECT, said, now_ms)
        answers |= _change_all(vault, staffer, wanted, again, now_ms)
    return [answers[at] for at in range(len(items))]


def _take_in(
    vault: Vault,
    staffer: Staffer,
    wanted: Mapping[int, tuple[NewPerson, str]],
    again: Repeatable | None,
    now_ms: int,
) -> dict[int, Enrolled | Refused]:
    places = list(wanted)

    def remember(conn: Connection, made: Mapping[int, Enrolled]) -> None:
        if again:
            answers = {places[i]: Kept(one.subject, one.key) for i, one in made.items()}
            keep(conn, vault, again, answers, now_ms)

    people, langs = [person for person, _ in wanted.values()], [lang for _, lang in wanted.values()]
    try:
        done = enrol_people(vault, people, now_ms, langs, also=remember, by=staffer.name)
    except IntegrityError:
        # The same request at the same moment was first: its answers are ours.
        done = [Refused("person_exists", "")] * len(wanted)
        if not _taken_in(vault, again):
            raise
    answers: dict[int, Enrolled | Refused] = dict(zip(places, done, strict=True))
    # Whoever was refused as taken may have been taken in by a repetition of this request that ran beside it.
    return answers | {at: one for at, one in _taken_in(vault, again).items() if at in answers}


def _change_all(
    vault: Vault, staffer: Staffer, wanted: Mapping[int, Change], again: Repeatable | None, now_ms: int
) -> dict[int, Updated | Refused]:
    done: Mapping[int, Updated] = {}
    left = wanted
    while left:
        try:
            return {**done, **_change(vault, staffer, left, again, now_ms)}
        except IntegrityError:
            # The same request at the same moment was first with one of these: its answers are ours.
            done = {at: one for at, one in _changed(vault, again).items() if at in wanted}
            if not done.keys() & left.keys():
                raise
            left = {at: change for at, change in wanted.items() if at not in done}
    return dict(done)


def _change(
    vault: Vault, staffer: Staffer, wanted: Mapping[int, Change], again: Repeatable | None, now_ms: int
) -> dict[int, Updated | Refused]:
    places, changes = list(wanted), list(wanted.values())

    def remember(conn: Connection, made: Mapping[int, int]) -> None:
        if again:
            answers = {places[i]: Kept(changes[i].subject, str(version)) for i, version in made.items()}
            keep(conn, vault, again, answers, now_ms)

    return dict(zip(places, correct(vault, changes, now_ms, also=remember, by=staffer.name), strict=True))


def _taken_in(vault: Vault, again: Repeatable | None) -> dict[int, Enrolled]:
    buckets = vault.installation.buckets
    return {
        at: Enrolled(bucket=bucket_for(one.subject, buckets), subject=one.subject, key=one.text)
        for at, one in (recall(vault, again) if again else {}).items()
    }


def _changed(vault: Vault, again: Repeatable | None) -> dict[int, Updated]:
    return {at: Updated(int(one.text)) for at, one in (recall(vault, again) if again else {}).items()}
