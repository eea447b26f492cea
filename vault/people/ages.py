"""How old people are, as far as that is known: from the birth date, or else from the resident number.

Dates are opened in here and not let out. What leaves is what follows from them: which of a person's values are
sensitive, because everything about a child under fourteen is (PIPL art. 28).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from vault.days import day_at
from vault.fields import birth_date, resident_id
from vault.fields.field import Sensitivity, sensitivity_of
from vault.ids import Bucket, SubjectId, bucket_for
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.people.stored import StoredValue, current_values


def births_of(
    conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectKey]]
) -> dict[SubjectId, date]:
    """The birthdays of those of these people whose birthday is known; one statement. For the vault's own use."""
    wanted = {key.subject: (bucket, key) for bucket, key in people}
    values = current_values(conn, vault, wanted, fields=("birth_date", "resident_id"))
    born = {subject: _birth(found) for subject, found in values.items()}
    return {subject: day for subject, day in born.items() if day is not None}


def younger_than(
    conn: Connection, vault: Vault, people: Sequence[tuple[Bucket, SubjectId]], years: int, now_ms: int
) -> dict[SubjectId, bool]:
    """Of those of these people whose birthday is known, whether they are younger than so many whole years."""
    keys = vault.keyring.subject_keys(list(people))
    born = births_of(conn, vault, [(bucket, keys[who]) for bucket, who in people if who in keys])
    today = day_at(now_ms, vault.zone)
    return {who: birth_date.age_on(day, today) < years for who, day in born.items()}


def sensitive_fields(
    vault: Vault, subject: SubjectId, fields: Collection[str], now_ms: int
) -> frozenset[str]:
    """Which of these field codes are sensitive when they are this person's: for a child under fourteen, all.

    Codes the catalogue does not know are left out.
    """
    bucket = bucket_for(subject, vault.installation.buckets)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    born = None
    if key is not None:
        with vault.data.read() as conn:
            born = births_of(conn, vault, [(bucket, key)]).get(subject)
    age = None if born is None else birth_date.age_on(born, day_at(now_ms, vault.zone))
    known = {code: vault.catalogue.field(code) for code in fields if code in vault.catalogue}
    return frozenset(
        code for code, field in known.items() if sensitivity_of(field, age) is Sensitivity.SENSITIVE
    )


def _birth(values: Mapping[str, StoredValue]) -> date | None:
    given, number = values.get("birth_date"), values.get("resident_id")
    if given is not None and given.text is not None:
        return birth_date.day_of(given.text)
    return resident_id.birth(number.text) if number is not None and number.text is not None else None
