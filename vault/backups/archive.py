"""Backups of the key data base that die in time, and a restore that erases again (vault.md §6.7).

A backup is a header in clear and a sealed stream, integers big-endian:

| offset | length | meaning                                            |
|--------|--------|----------------------------------------------------|
| 0      | 4      | "pvkb"                                             |
| 4      | 1      | version, 1                                         |
| 5      | 8      | when the backup epoch began, Unix ms               |
| 13     | 8      | when the backup was made, Unix ms                  |
| 21     | 16     | tenant                                             |
| 37     | ...    | `stream`, under HMAC-SHA-256(epoch key, "pv1/backup" ‖ header) |

The stream holds one JSON list a line: ["table", name, columns...], then ["row", values...] for each of its rows,
bytes as hexadecimal; at last ["end", number of rows]. Tenant keys stand in it unwrapped, so that a backup
outlives a change of the root but never the key of its epoch.
"""

import hmac
import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, LargeBinary, Table, select

from vault.backups.keys import BackupKeys, MalformedBackup
from vault.backups.made import note
from vault.backups.returning import Returning
from vault.errors import VaultError
from vault.ids import Buckets, SubjectId, TenantId
from vault.keys.evictions import wall_ms
from vault.keys.tables import index_root, service_key, subject_key, tenant_kek
from vault.keys.tenant import kek_context
from vault.providers.base import Provider
from vault.rotation.refill import settle_index
from vault.sealing.stream import SealingWriter, open_stream
from vault.storage.database import Database
from vault.storage.rowset import RowSet
from vault.tables import person, tenant

KEPT: Final[Sequence[Table]] = (tenant_kek, index_root, service_key, subject_key)
"""What a backup holds. Caches and running rotations belong to the moment and are left out."""

CHUNK: Final = 2_000
_MAGIC: Final = b"pvkb\x01"
_HEADER_BYTES: Final = 37

type Report = Callable[[str, int, int | None], None]


class KeysPresent(VaultError):
    """The key data base holds keys of this tenant already; a restore would mix two generations of them."""

    code = "keys_present"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A backup as it was written: rows in it, and the epoch whose key opens it (Unix ms)."""

    rows: int
    epoch: int
    made_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did, and what it could not bring back.

    `back`: people who were erased and stand in the data base again, because it too is an older one; erase them once
    more. `without_keys`: others whom the backup does not know, hence unreadable; `outdated`: people whose values lie
    under a newer key than the backup holds, unreadable too. `refill`: the index is of another time than the keys:
    nobody is found, and nobody kept from enrolling twice, until the rotation that has begun is resumed.
    """

    rows: int
    made_at: int
    erased_again: int
    back: int
    without_keys: int
    outdated: int
    refill: bool


_ERASE_AGAIN = RowSet(
    "WITH {rows} DELETE FROM subject_key WHERE tenant = :tenant AND "
    "subject IN (SELECT subject FROM rows) RETURNING subject",
    subject="bytes",
)
_KEYED = RowSet(
    "WITH {rows} SELECT k.subject, max(k.epoch) FROM rows CROSS JOIN subject_key k "
    "WHERE k.bucket = rows.bucket AND k.tenant = :tenant AND k.subject = rows.subject AND k.kind = 'data' "
    "GROUP BY k.subject",
    bucket="int",
    subject="bytes",
)


def backup(
    data: Database,
    keys: Database,
    provider: Provider,
    store: BackupKeys,
    file: BinaryIO,
    now_ms: int,
    report: Report | None = None,
) -> Made:
    """Write one consistent view of the tenant's keys to `file`, sealed under the current backup epoch, and note it in `data`.

    `provider` unwraps the tenant keys. What was written is complete only when this returns.
    """
    epoch = store.current(now_ms)
    note(data, store.tenant, now_ms, epoch.made_at)
    header = _MAGIC + epoch.made_at.to_bytes(8) + now_ms.to_bytes(8) + store.tenant
    file.write(header)
    count = 0
    with SealingWriter(file, _key(store, epoch.made_at, header)) as out, keys.read() as conn:
        for table in KEPT:
            out.write(_line("table", table.name, *(column.name for column in table.columns)))
            for row in _rows(conn, provider, store.tenant, table):
                out.write(_line("row", *row))
                count += 1
                if report and count % CHUNK == 0:
                    report("keys", count, None)
        out.write(_line("end", count))
    return Made(rows=count, epoch=epoch.made_at, made_at=now_ms)


def restore(
    data: Database,
    keys: Database,
    provider: Provider,
    store: BackupKeys,
    file: BinaryIO,
    *,
    also: Iterable[SubjectId] = (),
    report: Report | None = None,
) -> Restored:
    """Fill an empty key data base from a backup, without the keys of anybody who was erased since.

    One transaction: at no moment does an erased person's key stand there. Erased is whoever the data base says,
    and `also` (subjects from a list kept elsewhere, when the data base too is an older one). Raises KeysPresent,
    BackupExpired, MalformedBackup, or Unopenable for an altered or cut file.
    """
    header = file.read(_HEADER_BYTES)
    if len(header) != _HEADER_BYTES or header[:5] != _MAGIC or header[21:] != store.tenant:
        raise MalformedBackup("not a backup of this installation's keys")
    stream = open_stream(file, _key(store, int.from_bytes(header[5:13]), header))
    gone = {subject for _, subject in _erased(data)} | set(also)
    with data.read() as seen:
        buckets = _buckets(seen, store.tenant)
    with keys.write() as conn:
        _refuse_present(conn, store.tenant)
        count = 0
        returning = Returning(provider, store.tenant)
        for table, rows in _tables(stream, returning):
            conn.execute(table.insert(), rows)
            count += len(rows)
            if report:
                report("keys", count, None)
        refill = settle_index(data, conn, returning.under, buckets, wall_ms())
        returning.count(conn)
        again = _erase_again(conn, store.tenant, gone)
    # The data base may be older than the backup, and then does not know of it.
    note(data, store.tenant, int.from_bytes(header[13:21]), int.from_bytes(header[5:13]))
    back, without, outdated = _unreadable(data, keys, store.tenant, gone)
    return Restored(
        rows=count,
        made_at=int.from_bytes(header[13:21]),
        erased_again=again,
        back=back,
        without_keys=without,
        outdated=outdated,
        refill=refill,
    )


def _key(store: BackupKeys, made_at: int, header: bytes) -> bytes:
    return hmac.digest(store.key(made_at), b"pv1/backup" + header, "sha256")


def _line(*parts: Any) -> bytes:
    return json.dumps(parts, separators=(",", ":")).encode() + b"\n"


def _rows(conn: Connection, provider: Provider, tenant: TenantId, table: Table) -> Iterator[list[Any]]:
    """The rows of one table, as they stand in a line."""
    mine = select(table).where(table.c.tenant == tenant).order_by(*table.primary_key)
    for row in conn.execute(mine.execution_options(yield_per=CHUNK)).mappings():
        values: dict[str, Any] = {column.name: row[column] for column in table.columns}
        if table is tenant_kek and values["wrapped"]:
            values["wrapped"] = provider.unwrap(values["wrapped"], kek_context(tenant, values["version"]))
        yield [value.hex() if isinstance(value, bytes) else value for value in values.values()]


def _tables(stream: Iterable[bytes], returning: Returning) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Rows to insert, by table, a chunk at a time; raises MalformedBackup when the end is missing or off."""
    known = {table.name: table for table in KEPT}
    count, ended = 0, False
    table, columns, held = tenant_kek, list[str](), list[dict[str, Any]]()
    for kind, *parts in _lines(stream):
        if ended or kind not in {"table", "row", "end"}:
            raise MalformedBackup("not a line of a backup")
        if kind == "row":
            held.append(returning.row(table, _row(table, columns, parts)))
            count += 1
        if held and (kind != "row" or len(held) >= CHUNK):
            yield table, held
            held = []
        if kind == "table":
            table, columns = known.get(parts[0], tenant_kek), parts[1:]
            if [table.name, *table.c.keys()] != parts:
                raise MalformedBackup("a backup of another generation of this program")
        ended = kind == "end" and parts == [count]
    if not ended:
        raise MalformedBackup("the backup's end is missing")


def _row(table: Table, columns: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return {
        name: bytes.fromhex(value) if isinstance(table.c[name].type, LargeBinary) else value
        for name, value in zip(columns, values, strict=True)
    }


def _lines(stream: Iterable[bytes]) -> Iterator[list[Any]]:
    held = b""
    for chunk in stream:
        *whole, held = (held + chunk).split(b"\n")
        yield from map(json.loads, whole)
    if held:
        raise MalformedBackup("the backup ends inside a line")


def _refuse_present(conn: Connection, tenant: TenantId) -> None:
    for table in KEPT:
        if conn.execute(select(table.c.tenant).where(table.c.tenant == tenant).limit(1)).first():
            raise KeysPresent("there are keys here already; restore into an empty key data base")


def _erased(data: Database) -> list[tuple[int, SubjectId]]:
    with data.read() as conn:
        rows = conn.execute(select(person.c.bucket, person.c.subject).where(person.c.state == "erased"))
        return [(row.bucket, SubjectId(row.subject)) for row in rows]


def _erase_again(conn: Connection, tenant: TenantId, gone: Iterable[SubjectId]) -> int:
    """Delete these people's keys; answers how many people had any."""
    found: set[bytes] = set()
    for part in batched(sorted(gone), CHUNK):
        found |= {subject for (subject,) in _ERASE_AGAIN(conn, [(one,) for one in part], tenant=tenant)}
    return len(found)


def _buckets(conn: Connection, mine: TenantId) -> Buckets:
    row = conn.execute(select(tenant).where(tenant.c.tenant == mine)).one()
    return Buckets(row.first_bucket, row.buckets)


def _unreadable(
    data: Database, keys: Database, tenant: TenantId, gone: Container[SubjectId]
) -> tuple[int, int, int]:
    """Of the people of the data base, how many are `gone`, how many others no restored key belongs to, and how many
    only an older one than their values need.
    """
    back = missing = outdated = 0
    alive = select(person.c.bucket, person.c.subject, person.c.key_epoch).where(person.c.state != "erased")
    with data.read() as conn, keys.read() as other:
        found = conn.execute(alive.execution_options(yield_per=CHUNK))
        for whole in found.partitions(CHUNK):
            part = [row for row in whole if row.subject not in gone]
            back += len(whole) - len(part)
            keyed = dict(_KEYED(other, [(row.bucket, row.subject) for row in part], tenant=tenant))
            missing += len(part) - len(keyed)
            outdated += sum(keyed.get(row.subject, row.key_epoch) < row.key_epoch for row in part)
    return back, missing, outdated
