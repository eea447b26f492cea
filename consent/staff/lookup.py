"""Finding out whether people are stored here: for staff, ledgered before the answer, and without a single value.

A search looks up whole identifying values and their digests and lets ids out, nothing else: masks and parts would
let whoever asks often enough read what is stored. Whoever is found gets an entry in their chain and a line in their
history; every search, also one that finds nobody, is an entry of the house's chain. All of it is committed before
the answer leaves; honey persons that were opened raise their alarm, each under the record of the search.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, insert, select

from consent.errors import BadRequest
from consent.house import house_bucket, house_item
from consent.ids import fields_json
from consent.ledger.append import Item, append
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_items
from consent.schema.dual_tables import staff_lookup
from consent.staff_members import DualReason, Staffer, actor_mac
from vault.finding.naming import Named, Naming, named
from vault.honey.watch import Sighting, Source
from vault.ids import Bucket, Person, SubjectId, encode_id, new_id
from vault.opening import Vault

__all__ = ["MOST_ROWS", "Named", "Naming", "find_people"]

MOST_ROWS: Final = 200


def find_people(
    vault: Vault, staffer: Staffer, rows: Sequence[Mapping[str, str]], reason: DualReason, now_ms: int
) -> list[Naming]:
    """Whom each row of texts by field code names, in order; raises BadRequest for none or too many rows."""
    if not 0 < len(rows) <= MOST_ROWS or not all(rows):
        raise BadRequest("a search has 1 to 200 rows, each with a text")
    search_id = new_id(house_bucket(vault), now_ms)
    opened: set[Person] = set()

    def note(people: Collection[Person]) -> None:
        opened.update(people)

    answers = [named(vault, row, opened=note) for row in rows]
    found = _fields_by_person(answers)
    said = (
        ("step", "searched"),
        ("staff", staffer.name),
        ("reason", reason.value),
        ("rows", str(len(rows))),
        ("found", str(len(found))),
    )
    searched = house_item(vault, Kind.DISCLOSE, search_id, said, now_ms)
    entries: dict[Person, bytes] = {}
    try:
        entries = record_lookups(vault, staffer, ("find", reason), found, now_ms, house=[searched])
    finally:
        # Whoever was opened is told to the watch also when nothing could be recorded and nobody hears of it.
        note_lookups(
            vault,
            staffer,
            Source.FIND,
            {one: entries.get(one, search_id) for one in opened | set(found)},
            now_ms,
        )
    return answers


def record_lookups(
    vault: Vault,
    staffer: Staffer,
    how: tuple[str, DualReason],
    found: Mapping[Person, Sequence[str]],
    now_ms: int,
    *,
    house: Sequence[Item] = (),
    also: Callable[[Connection], object] | None = None,
) -> dict[Person, bytes]:
    """One row and one entry for everybody who was found (by which fields), in one transaction; their ids.

    `how` is the way, "find" or "scan", and the reason; `house` are entries of the house's chain to go with them,
    `also` writes what else belongs to it. Whoever was erased meanwhile has no chain any more and is left out.
    """
    way, reason = how
    keys = vault.keyring.subject_keys(sorted(found))
    named = [(*person, new_id(person[0], now_ms)) for person in sorted(found) if person[1] in keys]
    said = (("step", "found"), ("staff", staffer.name), ("how", way), ("reason", reason.value))
    about = [
        (bucket, subject, entry_id, (*said, ("fields", ",".join(found[bucket, subject]))))
        for bucket, subject, entry_id in named
    ]
    items = entry_items(vault, Kind.DISCLOSE, about, now_ms)
    rows = [
        {
            "bucket": bucket,
            "id": entry_id,
            "subject": subject,
            "staff": staffer.name,
            "actor": actor_mac(vault, staffer),
            "how": way,
            "reason": reason.value,
            "fields": fields_json(tuple(found[bucket, subject])),
            "committed_at": now_ms,
            "ledger_year": item.year,
        }
        for (bucket, subject, entry_id), item in zip(named, items, strict=True)
    ]
    with vault.data.write() as conn:
        if rows:
            conn.execute(insert(staff_lookup), rows)
        if also:
            also(conn)
        append(conn, [*house, *items], now_ms, vault.installation.ledger_host)
    return {(bucket, subject): entry_id for bucket, subject, entry_id in named}


def note_lookups(
    vault: Vault, staffer: Staffer, source: Source, entries: Mapping[Person, bytes], now_ms: int
) -> None:
    """Tell the honey watch who was found, each under the id of what records it."""
    seen = (_sighting((*one, entries[one]), staffer.name, source, now_ms) for one in sorted(entries))
    vault.watch.note(vault.data, vault.keyring, seen)


def lookups_since(conn: Connection, since_ms: int) -> Iterator[Sighting]:
    """What the watch was, or should have been, told of everybody who was found at or after `since_ms`."""
    c = staff_lookup.c
    columns = c.bucket, c.subject, c.id, c.staff, c.how, c.committed_at
    for bucket, subject, entry_id, staff, how, at_ms in conn.execute(
        select(*columns).where(c.committed_at >= since_ms)
    ):
        yield _sighting((Bucket(bucket), SubjectId(subject), entry_id), staff, Source(how), at_ms)


def _sighting(found: tuple[Bucket, SubjectId, bytes], staff: str, source: Source, at_ms: int) -> Sighting:
    bucket, subject, entry_id = found
    return Sighting(
        bucket=bucket,
        subject=subject,
        source=source,
        who=f"staff:{staff}",
        place=encode_id("look", entry_id),
        at_ms=at_ms,
    )


def _fields_by_person(answers: Sequence[Naming]) -> dict[Person, tuple[str, ...]]:
    """Whoever was found, and by which fields, sorted."""
    shown: dict[Person, set[str]] = {}
    for one in (found for answer in answers for found in answer.found):
        shown.setdefault((one.bucket, one.subject), set()).add(one.field)
    return {person: tuple(sorted(fields)) for person, fields in shown.items()}
