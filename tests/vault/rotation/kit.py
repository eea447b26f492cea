"""What the rotation tests share: a vault with people in it, and looks at what is stored about their keys."""

from collections import Counter
from collections.abc import Callable, Sequence

from sqlalchemy import func, select

from tests.vault.people.made_up import enrol, permit
from vault.finding.tag_tables import tag, unique_key
from vault.keys.tables import index_root, service_key, subject_key, tenant_kek
from vault.opening import Vault
from vault.reader import open_many
from vault.reading.records import Created
from vault.rotation import Job, Kind, run, start, step
from vault.tables import value

FIELDS = ("phone", "email", "resident_id", "name")


def crowd(vault: Vault, count: int, now: int) -> list[Created]:
    return enrol(vault, range(count), now)


def read(vault: Vault, people: Sequence[Created], at_ms: int) -> list[object]:
    """Everybody's values through the reader."""
    return open_many(vault, [permit(vault, one, FIELDS, at_ms) for one in people])


def rotate(vault: Vault, kind: Kind, now: int) -> Job:
    return run(vault, start(vault, kind, now), clock=lambda: now)


def steps(vault: Vault, job: Job, now: int, *, until: Callable[[Job], bool]) -> Job:
    """Step a job until it says so."""
    while not until(job):
        job = step(vault, job, now)
    return job


def kek_versions(vault: Vault) -> set[int]:
    """Under which tenant key versions anything lies."""
    found: set[int] = set()
    with vault.keyring.database.read() as conn:
        for table in (subject_key, index_root, service_key):
            found |= set(conn.execute(select(table.c.kek_version)).scalars())
    return found


def kek_states(vault: Vault) -> dict[int, str]:
    with vault.keyring.database.read() as conn:
        return {row.version: row.state for row in conn.execute(select(tenant_kek))}


def data_epochs(vault: Vault) -> Counter[int]:
    """How many data keys there are of each epoch."""
    with vault.keyring.database.read() as conn:
        rows = conn.execute(select(subject_key.c.epoch).where(subject_key.c.kind == "data"))
        return Counter(rows.scalars())


def value_epochs(vault: Vault) -> Counter[int]:
    with vault.data.read() as conn:
        return Counter(conn.execute(select(value.c.epoch)).scalars())


def tag_rows(vault: Vault) -> Counter[int]:
    """How many tags each index epoch has."""
    with vault.data.read() as conn:
        return Counter(conn.execute(select(tag.c.epoch)).scalars())


def unique_rows(vault: Vault) -> Counter[int]:
    with vault.data.read() as conn:
        return Counter(conn.execute(select(unique_key.c.epoch)).scalars())


def index_states(vault: Vault) -> dict[int, str]:
    with vault.keyring.database.read() as conn:
        return {row.epoch: row.state for row in conn.execute(select(index_root))}


def ledger_keys(vault: Vault) -> int:
    with vault.keyring.database.read() as conn:
        count = select(func.count()).select_from(subject_key).where(subject_key.c.kind == "ledger")
        return conn.execute(count).scalar_one()
