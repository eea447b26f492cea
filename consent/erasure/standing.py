"""How far somebody's erasure has come, and what proves it, for whoever holds the private link to it (vault.md §6.7).

A person and everybody merged into them are erased together, so they stand where the last of them does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import Connection

from consent.erasure.certificates import Certificate, certificate
from vault.erasure import erase
from vault.ids import Bucket, SubjectId
from vault.opening import Vault


class Step(IntEnum):
    """What has been reached; the first four are the stages of `vault.erasure.tables`."""

    CLOSED = 1
    DELETED = 2
    KEYLESS = 3
    VERIFIED = 4
    CERTIFIED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an erasure stands; `certificates` is empty until the last of the family has one. Unix ms."""

    step: Step
    ordered_at: int
    certificates: tuple[Certificate, ...]


def standing(conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectId]]) -> Standing | None:
    """Where the erasure of people who were ordered together stands; None unless every one of them was."""
    rows = erase.find_many(conn, people)
    if not rows or len(rows) != len(people):
        return None
    ordered_at = min(row.ordered_at for row in rows)
    found = [one for who in people if (one := certificate(conn, vault, *who)) is not None]
    if len(found) == len(people):
        return Standing(step=Step.CERTIFIED, ordered_at=ordered_at, certificates=tuple(found))
    step = Step(min(row.stage for row in rows))
    return Standing(step=step, ordered_at=ordered_at, certificates=())
