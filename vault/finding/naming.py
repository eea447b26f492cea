"""Whom whole values name: the search that members of staff may make, because its answer tells nothing else.

`vault.finding.find` also weighs parts and masks, so by asking again and again it would give away what is
stored, a digit at a time. Here only whole identifying values and digests of them are looked up, each by itself;
every other column is left alone, opened for nobody, and changes nothing in the answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from vault.families.merge import survivors
from vault.finding.find import Opened
from vault.ids import Bucket, SubjectId, bucket_for
from vault.opening import Vault
from vault.tags.lookup import confirm, match
from vault.tags.solver import Plan, plans, read_cell

_MOST_HITS: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A person whom a given value names: the field and version it is of, and how it was given ("exact", "md5")."""

    subject: SubjectId
    bucket: Bucket
    field: str
    version: int
    how: str


@dataclass(frozen=True, slots=True)
class Naming:
    """What became of one row: the columns that were looked up, by field code, and whom they name."""

    read: tuple[str, ...]
    found: tuple[Named, ...]


def named(vault: Vault, row: Mapping[str, str], *, opened: Opened | None = None) -> Naming:
    """Whom the whole values of a row name, in the order of their fields; `opened` is told whose values were opened.

    What is masked, in parts, not identifying, unreadable or of an unknown field is not in `read`.
    """
    steps = dict(sorted(_certain(vault, row).items()))
    with vault.data.read() as conn:
        found = [one for plan in steps.values() for one in _named(conn, vault, plan, opened)]
        return Naming(tuple(steps), tuple(_led_on(conn, vault, found)))


def holders(vault: Vault, rows: Iterable[Mapping[str, str]]) -> set[tuple[Bucket, SubjectId]]:
    """Whoever has, or had, a key value (phone, e-mail, resident number) of any of the rows; nothing is opened."""
    keys = {field.code for field in vault.catalogue if field.unique}
    certain = (_certain(vault, {code: text for code, text in row.items() if code in keys}) for row in rows)
    probes = [probe for plans_of in certain for plan in plans_of.values() for probe in plan.probes]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring.tag_keys, probes, catalogue=vault.catalogue)
    return {(hit.bucket, hit.subject) for hit in hits}


def _certain(vault: Vault, row: Mapping[str, str]) -> dict[str, Plan]:
    """The lookups of a row by field, each made from its own column and from nothing else."""
    certain: dict[str, Plan] = {}
    for code, text in row.items():
        field = vault.catalogue.field(code) if code in vault.catalogue else None
        reading = read_cell(code, text, catalogue=vault.catalogue) if field and field.identifying else None
        made = [] if reading is None else plans({code: reading}, catalogue=vault.catalogue)
        for plan in made:
            if plan.certain:
                certain[code] = plan
    return certain


def _named(conn: Connection, vault: Vault, plan: Plan, opened: Opened | None) -> list[Named]:
    hits = match(conn, vault.keyring.tag_keys, plan.probes, catalogue=vault.catalogue, most=_MOST_HITS)
    if opened is not None and hits:
        opened({(hit.bucket, hit.subject) for hit in hits})
    true = confirm(conn, vault.keyring, hits, plan.probes, catalogue=vault.catalogue)
    return [
        Named(subject=hit.subject, bucket=hit.bucket, field=hit.field, version=hit.version, how=plan.how)
        for hit, yes in zip(hits, true, strict=True)
        if yes
    ]


def _led_on(conn: Connection, vault: Vault, found: Sequence[Named]) -> list[Named]:
    """Each person once for each field, survivors in place of the duplicates that were merged into them."""
    survivor = survivors(conn, [(one.bucket, one.subject) for one in found])
    led: dict[tuple[SubjectId, str], Named] = {}
    for one in found:
        keep = survivor.get(one.subject, one.subject)
        home = bucket_for(keep, vault.installation.buckets)
        led.setdefault((keep, one.field), replace(one, subject=keep, bucket=home))
    return list(led.values())
