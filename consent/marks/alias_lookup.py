"""From an alias back to whom it was given: what a file shows, what received mail, what a person has given to whom.

* `find(conn, vault, probes) -> list[tuple[int, Alias, int]]`: probes are (field, canonical text or digest, shape); the numbers
  of those that are aliases, and since when (Unix ms), in one statement. What nobody was given finds nothing, however much it looks like one.
* `Recogniser.of(conn, before_ms)`: which texts are worth looking up at all; `issued(conn, before_ms)`: how many each
  recipient was given.
* `aliases_of(conn, vault, person)`: a person's aliases with the recipients that have them and where they were seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, func, select

from consent.ids import RecipientId
from consent.marks.alias_giving import texts_of
from consent.marks.alias_tables import alias, alias_domain, alias_sighting, relay_number
from consent.marks.aliases import Alias, looked_up_by
from consent.recipients.register import recipients
from vault.fields import InvalidValue, canonical
from vault.ids import Bucket, Person, SubjectId, bucket_of_hash
from vault.opening import Vault
from vault.storage.rowset import RowSet
from vault.tags import Probe, Shape

_FIND = RowSet(
    "WITH {rows} SELECT rows.i, d.home, d.subject, d.recipient_id, d.field, d.epoch, a.domain, a.issued_at FROM rows "
    "CROSS JOIN alias_digest d JOIN alias a ON a.bucket = d.home AND a.subject = d.subject "
    "AND a.recipient_id = d.recipient_id AND a.field = d.field AND a.epoch = d.epoch "
    "WHERE d.bucket = rows.bucket AND d.digest = rows.digest ORDER BY rows.i",
    bucket="int",
    digest="bytes",
)


@dataclass(frozen=True, slots=True)
class Recogniser:
    """The shape of aliases: `domains` of addresses and the `numbers` of the pool. `any` is False where none was given."""

    domains: frozenset[str]
    numbers: frozenset[str]
    any: bool

    @classmethod
    def of(cls, conn: Connection, before_ms: int) -> Self:
        """As the pool was before an instant (Unix ms)."""
        domain, number = alias_domain.c, relay_number.c
        domains = conn.execute(select(domain.domain).where(domain.added_at < before_ms)).scalars()
        numbers = conn.execute(select(number.number).where(number.added_at < before_ms)).scalars()
        given = conn.execute(select(alias.c.epoch).where(alias.c.issued_at < before_ms).limit(1)).first()
        return cls(frozenset(domains), frozenset(numbers), given is not None)

    def may_be(self, probe: Probe) -> bool:
        """Whether a looked-up value can be an alias; of a digest nobody can tell."""
        if isinstance(probe.text, bytes):
            return probe.field in {"email", "phone"}
        if probe.shape != Shape.EXACT:
            return False
        if probe.field == "email":
            return probe.text.rpartition("@")[2] in self.domains
        return probe.field == "phone" and probe.text in self.numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Where an alias turned up; `seen_at` is Unix milliseconds."""

    source: str
    place: str
    note: str | None
    seen_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One alias of a person: what it is, who has it, since when (Unix ms), and where it was seen."""

    alias: Alias
    text: str
    recipient: str
    issued_at: int
    seen: tuple[Seen, ...]


def find(conn: Connection, vault: Vault, probes: Sequence[Probe]) -> list[tuple[int, Alias, int]]:
    """Which of these are aliases that were given, to whom and when; one look-up for each."""
    key, buckets = vault.keyring.service_key("alias"), vault.installation.buckets
    made = [looked_up_by(key, probe.field, probe.text, probe.shape) for probe in probes]
    rows = [(bucket_of_hash(digest, buckets), digest) for digest in made]
    return [(i, _alias(row), issued_at) for i, *row, issued_at in _FIND(conn, rows)]


def resolve(conn: Connection, vault: Vault, text: str) -> Alias | None:
    """Whose alias a text is, an address or a number; None for everything else."""
    probes: list[Probe] = []
    for field in ("email", "phone"):
        try:
            probes.append(Probe(field, canonical(field, text)))
        except InvalidValue:
            continue
    found = find(conn, vault, probes)
    return found[0][1] if found else None


def issued(conn: Connection, before_ms: int) -> dict[tuple[RecipientId, str], int]:
    """How many aliases each recipient was given before an instant (Unix ms), by (recipient, field)."""
    c = alias.c
    counted = select(c.recipient_id, c.field, func.count()).where(c.issued_at < before_ms)
    rows = conn.execute(counted.group_by(c.recipient_id, c.field))
    return {(RecipientId(whom), field): many for whom, field, many in rows}


def aliases_of(conn: Connection, vault: Vault, person: Person) -> list[Given]:
    """Everything this person gave an alias for, by recipient."""
    bucket, subject = person
    own = (alias.c.bucket == bucket, alias.c.subject == subject)
    rows = conn.execute(select(alias).where(*own).order_by(alias.c.issued_at, alias.c.field)).all()
    held = [_alias((bucket, subject, row.recipient_id, row.field, row.epoch, row.domain)) for row in rows]
    names = {one.id: one.legal_name for one in recipients(conn)} if rows else {}
    sightings = _seen(conn, person)
    return [
        Given(
            alias=one,
            text=text or "",
            recipient=names[one.recipient_id],
            issued_at=row.issued_at,
            seen=tuple(sightings.get((one.recipient_id, one.field, one.epoch), ())),
        )
        for one, text, row in zip(held, texts_of(conn, vault, held), rows, strict=True)
    ]


def _seen(conn: Connection, person: Person) -> dict[tuple[str, str, int], list[Seen]]:
    c = alias_sighting.c
    mine = (c.bucket == person[0]) & (c.subject == person[1])
    found: dict[tuple[str, str, int], list[Seen]] = {}
    for row in conn.execute(select(alias_sighting).where(mine).order_by(c.seen_at, c.id)):
        line = Seen(source=row.source, place=row.place, note=row.note, seen_at=row.seen_at)
        found.setdefault((row.recipient_id, row.field, row.epoch), []).append(line)
    return found


def _alias(row: Sequence[object]) -> Alias:
    home, subject, recipient_id, field, epoch, domain = row
    assert isinstance(home, int)
    assert isinstance(subject, bytes)
    assert isinstance(epoch, int)
    return Alias(
        bucket=Bucket(home),
        subject=SubjectId(subject),
        recipient_id=RecipientId(str(recipient_id)),
        field=str(field),
        epoch=epoch,
        domain=str(domain),
    )
