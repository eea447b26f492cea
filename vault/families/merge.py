"""Making one person of two: the one that stays takes over what it lacks, the other stands for it from then on.

Values the survivor has nothing for are sealed again as its own, as new versions; where both have a value, the
survivor's stays current and the other's remains in the other's history. Key values pass to the survivor, so
that nobody else can take them. Tags stay where they are: what finds the other leads to the survivor
(`survivors`). How long the other's values may be kept holds for the survivor (`people.retention_rows`). A merge is
final; the data base refuses to take one back and refuses chains.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from vault.families.guardians import guardians_of, wards_of
from vault.ids import Bucket, Person, SubjectId, bucket_for
from vault.keys.keyring import EpochMoved, SubjectKey
from vault.opening import Vault
from vault.people.drafts import DraftValue, Refused, draft_value
from vault.people.holds import next_instant, take_people
from vault.people.retention_rows import pass_on
from vault.people.stored import StoredValue, current_values
from vault.people.unique_keys import PASS_ON, held_by
from vault.people.versions import Batch, Step, Written, write_versions
from vault.storage.rowset import RowSet

SELF: Final = "merge_self"
UNKNOWN: Final = "person_unknown"
MERGED: Final = "person_merged"
GUARDED: Final = "merge_guarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What one merge did: who stands for `keep` now (`drop` first, then whoever stood for it), and since when.

    `moved` are the versions the survivor got, `apart` the fields of which both had a value.
    """

    keep: Person
    dropped: tuple[Person, ...]
    merged_at: int
    moved: tuple[Written, ...]
    apart: tuple[str, ...]


type Within = Callable[[Connection, Merged], None]
"""What else the transaction of a merge writes, as its last step."""

_STATES = RowSet(
    "WITH {rows} SELECT p.subject, p.state FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject",
    bucket="int",
    subject="bytes",
)
_OF = RowSet(
    "WITH {rows} SELECT p.merged_into, p.bucket, p.subject FROM rows JOIN person p "
    "ON p.merged_into = rows.keep WHERE p.state = 'merged' ORDER BY p.bucket, p.subject",
    keep="bytes",
)
_SURVIVORS = RowSet(
    "WITH {rows} SELECT p.subject, p.merged_into FROM rows JOIN person p ON p.bucket = rows.bucket "
    "AND p.subject = rows.subject WHERE p.state = 'merged'",
    bucket="int",
    subject="bytes",
)
_RECORD = RowSet(
    "WITH {rows} INSERT INTO person_merge (bucket, subject, keep, keep_bucket, merged_at) "
    "SELECT bucket, subject, :keep, :keep_bucket, :now FROM rows",
    bucket="int",
    subject="bytes",
)
_POINT = RowSet(
    "WITH {rows} UPDATE person SET state = 'merged', merged_into = :keep "
    "WHERE (bucket, subject) IN (SELECT bucket, subject FROM rows)",
    bucket="int",
    subject="bytes",
)


def merge(
    vault: Vault,
    keep: SubjectId,
    drop: SubjectId,
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
    within: Within | None = None,
) -> Merged | Refused:
    """Let `drop` stand for `keep` from now on; one transaction. Times are Unix ms.

    Refusals: `merge_self`; `person_merged` when one of them stands for somebody else already; `person_unknown`
    when one is not there or was erased; `merge_guarded` when `drop` has a guardian or is one, because a link does
    not pass to the survivor: end it first, and make it again.
    """
    if keep == drop:
        return Refused(SELF, "")
    pair = _pair(vault, keep, drop)
    keys = vault.keyring.subject_keys(pair)
    while True:
        # An index epoch began or ended: nothing was written, and everything is decided again.
        with suppress(EpochMoved), vault.data.write() as conn:
            born = take_people(conn, pair)
            if len(born) < 2 or len(keys) < 2:
                return refusal(conn, vault, keep, drop) or Refused(UNKNOWN, "")
            if _guarded(conn, pair[1]):
                return Refused(GUARDED, "")
            batch = Batch(vault, vault.keyring.tag_keys, now_ms, clock, None)
            done = _merge(conn, batch, pair, keys, max(now_ms, clock(), born[keep] + 1))
            if within is not None:
                within(conn, done)
            vault.keyring.settle_tags(batch.tag_keys)
            return done


def survivors(conn: Connection, people: Iterable[Person]) -> dict[SubjectId, SubjectId]:
    """For whoever of `people` was merged into somebody, who that is; the others are absent. One statement."""
    rows = _SURVIVORS(conn, sorted(set(people)))
    return {SubjectId(subject): SubjectId(keep) for subject, keep in rows}


def merged_of(conn: Connection, keep: Iterable[SubjectId]) -> dict[SubjectId, list[Person]]:
    """Everybody who stands for each of these people; people nobody stands for are absent. One statement."""
    found: dict[SubjectId, list[Person]] = {}
    for survivor, bucket, subject in _OF(conn, [(who,) for who in sorted(set(keep))]):
        found.setdefault(SubjectId(survivor), []).append((Bucket(bucket), SubjectId(subject)))
    return found


def refusal(conn: Connection, vault: Vault, keep: SubjectId, drop: SubjectId) -> Refused | None:
    """Why `merge` would refuse these two as things stand, or None."""
    if keep == drop:
        return Refused(SELF, "")
    states = dict(_STATES(conn, _pair(vault, keep, drop)))
    if "merged" in states.values():
        return Refused(MERGED, "")
    if list(states.values()) != ["active"] * 2:
        return Refused(UNKNOWN, "")
    return Refused(GUARDED, "") if _guarded(conn, _pair(vault, keep, drop)[1]) else None


def _guarded(conn: Connection, who: Person) -> bool:
    """Whether somebody has a guardian, or is one; a new link waits for the people's rows."""
    return any(tie.ended_at is None for tie in (*guardians_of(conn, *who), *wards_of(conn, *who)))


def _pair(vault: Vault, keep: SubjectId, drop: SubjectId) -> list[Person]:
    return [(bucket_for(who, vault.installation.buckets), who) for who in (keep, drop)]


def _merge(
    conn: Connection,
    batch: Batch,
    pair: list[Person],
    keys: Mapping[SubjectId, SubjectKey],
    begins: int,
) -> Merged:
    (home, keep), (away, drop) = pair
    people = {who: (bucket, keys[who]) for bucket, who in pair}
    current = current_values(conn, batch.vault, people)
    drafts = _drafts(batch, current[drop])
    steps = [
        Step(at, home, keys[keep], draft)
        for at, draft in enumerate(drafts)
        if draft.field.code not in current[keep]
    ]
    claims = [claim for draft in drafts for claim in draft.claims]
    PASS_ON(conn, held_by(drop, claims), keep=keep)
    moved = write_versions(conn, batch, steps, {keep: current[keep]}, {keep: begins})
    before = merged_of(conn, [drop]).get(drop, [])
    dropped = ((away, drop), *before)
    _RECORD(conn, dropped, keep=keep, keep_bucket=home, now=begins)
    # First whoever stood for `drop`, then `drop`: there is no moment with a chain.
    _POINT(conn, before, keep=keep)
    _POINT(conn, [(away, drop)], keep=keep)
    pass_on(conn, (away, drop), (home, keep), begins)
    return Merged(
        keep=(home, keep),
        dropped=dropped,
        merged_at=begins,
        moved=tuple(moved),
        apart=tuple(sorted(code for code in current[drop] if code in current[keep])),
    )


def _drafts(batch: Batch, values: Mapping[str, StoredValue]) -> list[DraftValue]:
    """What stands there, as if it were given again; a value that does not open, or no longer passes, stays put."""
    vault = batch.vault
    found = [
        draft_value(batch.tag_keys, vault.installation.buckets, code, one.text, catalogue=vault.catalogue)
        for code, one in sorted(values.items())
        if one.text is not None
    ]
    return [draft for draft in found if isinstance(draft, DraftValue)]
