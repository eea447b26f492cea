"""Changing people's values: appended as versions, set-based, one answer each.

A change appends a version and closes the one before; nothing is overwritten. Old versions keep their tags, so
that a leak of last year's phone number still finds its owner. All changes of one call happen at once: a number
that one person gives up in it is free from the next call on. A version begins after the person was created and
never in a past that somebody may have read (`holds`).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from typing import Final

from sqlalchemy import Connection

from vault.ids import SubjectId, bucket_for
from vault.keys.keyring import EpochMoved
from vault.opening import Vault
from vault.people.canonical_history import canonical_history
from vault.people.drafts import Refused, UniqueKey, claims_of, draft_value
from vault.people.enrol import TAKEN
from vault.people.holds import next_instant, take_people
from vault.people.stored import current_values
from vault.people.unique_keys import CLAIM, OWNERS, RELEASE, held_by, place
from vault.people.versions import Batch, Current, Step, Within, write_versions

UNKNOWN_PERSON: Final = "person_unknown"
CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A text to become the current value of a person's field."""

    subject: SubjectId
    field: str
    text: str

    def __repr__(self) -> str:
        return f"Change({self.field!r})"


@dataclass(frozen=True, slots=True)
class Updated:
    """The version that is current now (1 is the first); unchanged when the same value was given again."""

    version: int


type Also = Callable[[Connection, Mapping[int, int]], None]
"""What else a transaction of `update_many` writes: the versions that are current now, by place in the list."""


def update_value(
    vault: Vault,
    subject: SubjectId,
    field: str,
    text: str,
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
) -> Updated | Refused:
    """Make `text` the current value of one person's field: `update_many` of a list of one."""
    return update_many(vault, [Change(subject=subject, field=field, text=text)], now_ms, clock=clock)[0]


def update_many(
    vault: Vault,
    changes: Sequence[Change],
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
    within: Within | None = None,
    also: Also | None = None,
) -> list[Updated | Refused]:
    """Make the changes; positions of the answer match. One bad item never spoils another.

    Refusals are those of `create_many`, and `person_unknown`. A version begins at `now_ms`, at what `clock`
    says once the person's row is ours, or where the version before it began, whichever is latest (Unix ms).
    Two changes of one field of one person are made one after the other. A constant number of statements for
    each 2,000 changes; what `within` writes is committed with them or not at all, and so is what `also` writes,
    which hears of unchanged values too.
    """
    answers: dict[int, Updated | Refused] = {}
    for number, part in enumerate(batched(changes, CHUNK)):
        settled = False
        while not settled:
            # An index epoch began or ended: what has its answer already is not tried a second time.
            with suppress(EpochMoved):
                batch = Batch(vault, vault.keyring.tag_keys, now_ms, clock, within, also)
                _change_part(batch, part, number, answers)
                settled = True
    return [answers[at] for at in range(len(changes))]


def _change_part(
    batch: Batch, changes: Sequence[Change], number: int, answers: dict[int, Updated | Refused]
) -> None:
    steps = _check(batch, changes, number * CHUNK, answers)
    while steps:
        turn, steps = _one_each(steps)
        with batch.vault.data.write() as conn:
            made = _apply(conn, batch, turn)
            batch.vault.keyring.settle_tags(batch.tag_keys)
        answers |= made


def _check(
    batch: Batch, changes: Sequence[Change], start: int, answers: dict[int, Updated | Refused]
) -> list[Step]:
    vault = batch.vault
    buckets = vault.installation.buckets
    homes = {change.subject: bucket_for(change.subject, buckets) for change in changes}
    keys = vault.keyring.subject_keys([(bucket, subject) for subject, bucket in homes.items()])
    steps: list[Step] = []
    for at, change in enumerate(changes, start):
        if at in answers:
            continue
        draft = draft_value(
            batch.tag_keys, buckets, change.field, change.text, catalogue=batch.vault.catalogue
        )
        key = keys.get(change.subject)
        if isinstance(draft, Refused):
            answers[at] = draft
        elif key is None:
            answers[at] = Refused(UNKNOWN_PERSON, "")
        else:
            steps.append(Step(at, homes[change.subject], key, draft))
    return steps


def _one_each(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """The first step of every field of every person, and the steps that wait for those."""
    first: dict[tuple[SubjectId, str], Step] = {}
    later = [step for step in steps if first.setdefault(step.place, step) is not step]
    return list(first.values()), later


def _apply(conn: Connection, batch: Batch, steps: Sequence[Step]) -> dict[int, Updated | Refused]:
    vault = batch.vault
    born = take_people(conn, [(step.bucket, step.key.subject) for step in steps])
    # Asked only now that nobody can read and be answered any more.
    begins = max(batch.now_ms, batch.clock())
    answers: dict[int, Updated | Refused] = {}
    known = [step for step in steps if step.key.subject in born]
    for step in steps:
        if step.key.subject not in born:
            answers[step.at] = Refused(UNKNOWN_PERSON, "")
    current = current_values(conn, vault, {step.key.subject: (step.bucket, step.key) for step in known})
    moving: list[Step] = []
    for step in known:
        head = current[step.key.subject].get(step.draft.field.code)
        if head and head.text == step.draft.stored:
            answers[step.at] = Updated(head.version)
        else:
            moving.append(step)
    lost = _move_unique_keys(conn, batch, moving, current)
    answers |= {step.at: Refused(TAKEN, step.draft.field.code) for step in moving if step.at in lost}
    won = [step for step in moving if step.at not in lost]
    written = write_versions(
        conn, batch, won, current, {who: max(begins, at + 1) for who, at in born.items()}
    )
    if batch.within is not None and written:
        batch.within(conn, written)
    answers |= {step.at: Updated(new.version) for step, new in zip(won, written, strict=True)}
    done = {at: one.version for at, one in answers.items() if isinstance(one, Updated)}
    if batch.also is not None and done:
        batch.also(conn, done)
    return answers


def _move_unique_keys(conn: Connection, batch: Batch, steps: Sequence[Step], current: Current) -> set[int]:
    """Claim what the new values occupy and release what the old ones did; answers which steps came too late."""
    wanted = [(step, claim) for step in steps for claim in step.draft.claims]
    CLAIM(conn, [row for step in steps for row in held_by(step.key.subject, step.draft.claims)])
    owners = dict(OWNERS(conn, [place(claim) for _, claim in wanted]))
    lost = {step.at for at, (step, _) in enumerate(wanted) if owners[at] != step.key.subject}
    released = [
        row
        for step in steps
        for row in held_by(
            step.key.subject,
            # Who came too late in one index epoch gives back what was free in another.
            step.draft.claims
            if step.at in lost
            else set(_occupied(batch, step, current)) - set(step.draft.claims),
        )
    ]
    RELEASE(conn, released)
    return lost


def _occupied(batch: Batch, step: Step, current: Current) -> tuple[UniqueKey, ...]:
    field, vault = step.draft.field, batch.vault
    head = current[step.key.subject].get(field.code)
    forms = canonical_history(vault.catalogue, [head] if head else []).forms.values()
    buckets = vault.installation.buckets
    return tuple(claim for form in forms for claim in claims_of(batch.tag_keys, buckets, field, form))
