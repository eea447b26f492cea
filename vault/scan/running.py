"""The population scan: opening one field of everybody to find whose digest it is that no tag covers.

For salted digests, rare algorithms and halves of md5 (vault.md §6.5). It opens everybody, so it takes a permission
that only two approvals bring about, and finds exactly what that permission names. People are gone through in the
order of their keys; `report` gets a cursor after every page, from which a broken off scan goes on. It answers for
values somebody already holds digests of: whoever could list a field's values would read everybody's (`most_wanted`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from vault.fields.catalogue import Catalogue
from vault.ids import PROFILE, Bucket, SubjectId
from vault.opening import Vault
from vault.scan.permit import ScanPermission, check, salts_hash, wanted_hash
from vault.scan.schemes import Scheme, scheme
from vault.tables import person
from vault.tags.opened import Wanted, canonical_versions
from vault.tags.registry import forms_of

PAGE: Final = 2_000
MOST_SALTS: Final = 10_000
_MOST_WANTED: Final = 100_000
_LEAST_BITS: Final = 24.0
_SPARSE: Final = 1_000
"""At most one of so many values that a field may have is looked for at once."""


class Cursor(NamedTuple):
    """The last person who was opened."""

    bucket: Bucket
    subject: SubjectId


class ScanRefusal(StrEnum):
    FORGED = "scan.forged"
    EXPIRED = "scan.expired"
    OTHER_DIGESTS = "scan.other_digests"
    OTHER_SALTS = "scan.other_salts"
    TOO_MANY = "scan.too_many"


@dataclass(frozen=True, slots=True)
class ScanRefused:
    """Why nobody was opened."""

    code: ScanRefusal


class ScanHit(NamedTuple):
    """A stored version whose digest is number `wanted` of the list, under salt number `salt` (None: unsalted)."""

    wanted: int
    bucket: Bucket
    subject: SubjectId
    field: str
    version: int
    scheme: str
    salt: int | None


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """After a page: how many people it opened, whom it found, and where to go on."""

    opened: int
    found: tuple[ScanHit, ...]
    cursor: Cursor


type Report = Callable[[ScanProgress], None]


def _silent(_progress: ScanProgress) -> None:
    """Nobody is told."""


def most_wanted(catalogue: Catalogue, code: str) -> int:
    """How many digests of a field one scan may look for; 0 for a field whose values can be listed, or none."""
    bits = catalogue.field(code).bits if code in catalogue else 0.0
    return min(_MOST_WANTED, int(2**bits) // _SPARSE) if bits >= _LEAST_BITS else 0


def scan(
    vault: Vault,
    permission: ScanPermission,
    wanted: Sequence[bytes],
    now_ms: int,
    *,
    salts: Sequence[bytes] = (),
    after: Cursor | None = None,
    report: Report = _silent,
) -> list[ScanHit] | ScanRefused:
    """Everybody whose value of the permitted field has one of the `wanted` digests under a permitted scheme.

    `now_ms` (Unix ms) is compared with the permission's end only at the beginning. Raises UnknownScheme.
    """
    refusal = _refusal(vault, permission, (wanted, salts), now_ms)
    if refusal is not None:
        return ScanRefused(refusal)
    search = _Search(
        vault,
        permission.statement.field,
        [scheme(name) for name in permission.statement.schemes],
        {digest: at for at, digest in reversed(list(enumerate(wanted)))},
        salts,
    )
    hits: list[ScanHit] = []
    for page in _pages(vault, after):
        found = search.page(page)
        hits += found
        report(ScanProgress(len(page), tuple(found), page[-1]))
    return hits


def _refusal(
    vault: Vault, permission: ScanPermission, given: tuple[Sequence[bytes], Sequence[bytes]], now_ms: int
) -> ScanRefusal | None:
    wanted, salts = given
    if not check(vault.keyring, permission):
        return ScanRefusal.FORGED
    if now_ms >= permission.statement.until_ms:
        return ScanRefusal.EXPIRED
    if wanted_hash(vault.keyring, wanted) != permission.statement.wanted:
        return ScanRefusal.OTHER_DIGESTS
    if salts_hash(vault.keyring, salts) != permission.statement.salts:
        return ScanRefusal.OTHER_SALTS
    if len(set(wanted)) > most_wanted(vault.catalogue, permission.statement.field) or len(salts) > MOST_SALTS:
        return ScanRefusal.TOO_MANY
    return None


@dataclass(frozen=True, slots=True)
class _Search:
    vault: Vault
    field: str
    schemes: Sequence[Scheme]
    wanted: Mapping[bytes, int]
    salts: Sequence[bytes]

    def page(self, people: Sequence[Cursor]) -> list[ScanHit]:
        asked = [Wanted(bucket, subject, PROFILE, self.field, None) for bucket, subject in people]
        with self.vault.data.read() as conn:
            opened = canonical_versions(conn, self.vault.keyring, asked, catalogue=self.vault.catalogue)
        return [
            ScanHit(at, one.bucket, one.subject, self.field, version, how, salt)
            for one, versions in zip(asked, opened, strict=True)
            for version, text in versions
            for at, how, salt in self._matches(text)
        ]

    def _matches(self, canonical: str) -> Iterator[tuple[int, str, int | None]]:
        forms = forms_of(self.field)
        for form in forms(canonical) if forms else (canonical,):
            raw = form.encode()
            for each in self.schemes:
                for salt, digest in each.digests(raw, self.salts):
                    at = self.wanted.get(digest)
                    if at is not None:
                        yield at, each.name, salt


def _pages(vault: Vault, after: Cursor | None) -> Iterator[list[Cursor]]:
    """Everybody who is not erased, a page at a time, in the order of their keys."""
    while True:
        with vault.data.read() as conn:
            page = _page(conn, vault, after)
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1]


def _page(conn: Connection, vault: Vault, after: Cursor | None) -> list[Cursor]:
    first, many = vault.installation.buckets
    columns = person.c.bucket, person.c.subject
    listed = select(*columns).where(
        person.c.state != "erased", person.c.bucket.between(first, first + many - 1)
    )
    if after is not None:
        later = (person.c.bucket == after.bucket) & (person.c.subject > after.subject)
        listed = listed.where((person.c.bucket > after.bucket) | later)
    found = conn.execute(listed.order_by(*columns).limit(PAGE))
    return [Cursor(Bucket(bucket), SubjectId(subject)) for bucket, subject in found]
