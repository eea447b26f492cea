"""Which versions of people's values a partly hidden cell may be: the exact test of suggestions, many at a time.

Like `confirm` it opens values inside the vault and answers about what the caller holds already: with version numbers,
never with a value (ADR 0015).
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from vault.fields.catalogue import BUILTIN, Catalogue
from vault.ids import PROFILE, Bucket, SubjectId
from vault.keys.keyring import Keyring
from vault.tags.agreement import agrees
from vault.tags.opened import Wanted, canonical_versions
from vault.tags.solver import Reading


class Fitting(NamedTuple):
    """Whether a cell may be a value of this field of this person."""

    bucket: Bucket
    subject: SubjectId
    field: str
    reading: Reading


def fitting(
    conn: Connection, keyring: Keyring, asked: Sequence[Fitting], *, catalogue: Catalogue = BUILTIN
) -> list[tuple[int, ...] | None]:
    """For each question the versions that fit, oldest first; None when there is no value of that field at all.

    Each value is opened once, however often it is asked about.
    """
    numbers: dict[Wanted, int] = {}
    for one in asked:
        numbers.setdefault(Wanted(one.bucket, one.subject, PROFILE, one.field, None), len(numbers))
    opened = canonical_versions(conn, keyring, list(numbers), catalogue=catalogue)
    return [
        _fitting(one, opened[numbers[Wanted(one.bucket, one.subject, PROFILE, one.field, None)]])
        for one in asked
    ]


def _fitting(one: Fitting, versions: Sequence[tuple[int, str]]) -> tuple[int, ...] | None:
    if not versions:
        return None
    return tuple(version for version, text in versions if agrees(one.field, one.reading, text))
