"""Keeping people's values: whoever is taken in, and whatever is corrected, enters the ledger in the same commit.

The vault seals and versions; this adds the account and the anchor of every write (`writes`). There is no other
way for a server to create or change anybody, so that stored values and ledger can be held against each other. Whoever
is refused because somebody like them is here is refused without a word about which value, and on record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from consent.accounts.keys import DEFAULT_LANG, new_accounts
from consent.house import record_in_house
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.ledgering import enter, entry_items
from consent.people.enrolment import enrolled_fields
from consent.people.writes import changed_text, correction, created_text, write_id
from vault.finding.naming import holders
from vault.honey.watch import Sighting, Source
from vault.ids import Bucket, SubjectId, encode_id
from vault.opening import Vault
from vault.people.changes import Also as AlsoChanged
from vault.people.changes import Change, Updated, update_many
from vault.people.drafts import Refused
from vault.people.enrol import TAKEN, Created, NewPerson, create_many
from vault.people.holds import next_instant
from vault.people.versions import Written
from vault.storage.rowset import Call, volley

__all__ = ["Change", "Enrolled", "NewPerson", "Refused", "Updated", "correct", "enrol_people"]

OPERATOR: Final = "operator"
"""Who acts on the machine itself, without a key of staff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """Somebody who exists now, and their sign-in key, which exists nowhere else."""

    bucket: Bucket
    subject: SubjectId
    key: str

    def __repr__(self) -> str:
        return f"Enrolled({self.subject.hex()})"


type Also = Callable[[Connection, Mapping[int, Enrolled]], None]
"""What else a transaction of `enrol_people` writes: whoever was taken in, by their place in the list."""


def enrol_people(
    vault: Vault,
    people: Sequence[NewPerson],
    now_ms: int,
    langs: Sequence[str] | None = None,
    *,
    also: Also | None = None,
    by: str = OPERATOR,
) -> list[Enrolled | Refused]:
    """Create people with their accounts and their `enrol` entries; positions match, refusals as `create_many`.

    What `also` writes is committed with the people of its transaction, or not at all. `by` is the name of the staff
    key that takes them in. Of a `person_exists` the field is left out: it would say whose guessed number is here.
    """
    spoken = [DEFAULT_LANG] * len(people) if langs is None else langs
    keys: dict[int, str] = {}

    def within(conn: Connection, created: Mapping[int, Created], ahead: Sequence[Call]) -> None:
        opened, accounts = new_accounts(list(created.values()), now_ms, [spoken[at] for at in created])
        keys.update(zip(created, opened, strict=True))
        own = vault.keyring.subject_keys([(one.bucket, one.subject) for one in created.values()])
        about = []
        for at, one in created.items():
            text = created_text(people[at].values, now_ms)
            fields = enrolled_fields(spoken[at], text, own[one.subject].ledger)
            about.append((one.bucket, one.subject, write_id(one.subject, text), fields))
        if also:
            volley(conn, *ahead)
            ahead = ()
            named = {
                at: Enrolled(bucket=one.bucket, subject=one.subject, key=keys[at])
                for at, one in created.items()
            }
            also(conn, named)
        items = entry_items(vault, Kind.ENROL, about, now_ms)
        append(conn, items, now_ms, vault.installation.ledger_host, ahead=[*ahead, accounts])

    answers = create_many(vault, people, now_ms, within=within)
    _note_taken(vault, by, [one.values for one in people], answers, now_ms)
    return [
        _closed(answer)
        if isinstance(answer, Refused)
        else Enrolled(bucket=answer.bucket, subject=answer.subject, key=keys[at])
        for at, answer in enumerate(answers)
    ]


def _closed(refused: Refused) -> Refused:
    return Refused(TAKEN, "") if refused.code == TAKEN else refused


def _note_taken(
    vault: Vault,
    by: str,
    wanted: Sequence[Mapping[str, str]],
    answers: Sequence[Created | Updated | Refused],
    now_ms: int,
) -> None:
    """Who learned of how many that they are here: an entry of the house, and an alarm for each honey person."""
    taken = [at for at, one in enumerate(answers) if isinstance(one, Refused) and one.code == TAKEN]
    if not taken:
        return
    said = (("step", "person_exists"), ("staff", by), ("people", str(len(taken))))
    place = encode_id("look", record_in_house(vault, Kind.REFUSE, said, now_ms))
    made = {(one.bucket, one.subject) for one in answers if isinstance(one, Created)}
    known = sorted(holders(vault, [wanted[at] for at in taken]) - made)
    vault.watch.note(
        vault.data,
        vault.keyring,
        (
            Sighting(
                bucket=bucket,
                subject=subject,
                source=Source.FIND,
                who=f"staff:{by}",
                place=place,
                at_ms=now_ms,
            )
            for bucket, subject in known
        ),
    )


def correct(
    vault: Vault,
    changes: Sequence[Change],
    now_ms: int,
    *,
    clock: Callable[[], int] = next_instant,
    also: AlsoChanged | None = None,
    by: str = OPERATOR,
) -> list[Updated | Refused]:
    """Change values (PIPL 46), each new version with a `correct` entry of its own; answers as `update_many`.

    What `also` writes about the versions that are current now is committed with them, or not at all. `by` is the
    name of the staff key that changes them: a value that is somebody else's tells them who is here.
    """

    def within(conn: Connection, written: Sequence[Written]) -> None:
        ledger_changes(conn, vault, written, now_ms)

    answers = update_many(vault, changes, now_ms, clock=clock, within=within, also=also)
    _note_taken(vault, by, [{one.field: one.text} for one in changes], answers, now_ms)
    return answers


def ledger_changes(conn: Connection, vault: Vault, written: Sequence[Written], now_ms: int) -> None:
    """The last step of a transaction that added these versions: one `correct` entry for each."""
    about = [
        correction((new.bucket, new.subject), changed_text(new.field, new.version, new.valid_from))
        for new in written
    ]
    enter(conn, vault, Kind.CORRECT, about, now_ms)
