"""Made-up people for the vault's tests; numbers of nobody."""

from vault.fields.resident_id import check_character
from vault.ids import SubjectId
from vault.opening import Vault
from vault.permit import AccessKind, AccessPermit, AccessStatement, issue
from vault.reading.records import Created, NewPerson, Refused, Updated, create_many, update_value


def phone(i: int) -> str:
    return f"199{i:08d}"


def resident_id(i: int) -> str:
    digits = f"11{i // 1_000:04d}19900101{i % 1_000:03d}"
    return digits + check_character(digits)


def values(i: int) -> dict[str, str]:
    return {
        "phone": phone(i),
        "email": f"user{i}@example.com",
        "resident_id": resident_id(i),
        "name": f"Person {chr(65 + i % 26)}{'x' * (i % 7)}",
    }


def enrol(vault: Vault, numbers: range, now_ms: int) -> list[Created]:
    answers = create_many(vault, [NewPerson(values(i)) for i in numbers], now_ms)
    assert all(isinstance(answer, Created) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Created)]


def change(vault: Vault, subject: SubjectId, field: str, text: str, now_ms: int) -> Updated | Refused:
    """A change at exactly `now_ms`, for tests that keep time themselves."""
    return update_value(vault, subject, field, text, now_ms, clock=lambda: now_ms)


def permit(
    vault: Vault,
    person: Created,
    fields: tuple[str, ...],
    at_ms: int,
    kind: AccessKind = AccessKind.USE,
) -> AccessPermit:
    said = statement(vault, person.subject, person.bucket, fields, at_ms)
    return issue(vault.keyring, said._replace(kind=kind))


def statement(
    vault: Vault, subject: SubjectId, bucket, fields: tuple[str, ...], at_ms: int
) -> AccessStatement:
    return AccessStatement(
        kind=AccessKind.USE,
        subject=subject,
        bucket=bucket,
        tenant=vault.installation.tenant,
        fields=fields,
        recipient="corner shop",
        purpose="delivery",
        at_ms=at_ms,
        log_origin="ledger.example/2026/0",
        entry_index=0,
        leaf_hash=bytes(32),
    )


def erase(vault: Vault, person: Created, now_ms: int) -> None:
    """What erasure will do to the rows the reader looks at: tombstone, then no keys."""
    from vault.tables import person as table

    with vault.data.write() as conn:
        mine = (table.c.bucket == person.bucket) & (table.c.subject == person.subject)
        conn.execute(table.update().where(mine).values(state="erased", erased_at=now_ms))
    vault.keyring.destroy_many([(person.bucket, person.subject)])
