"""The quarantine: dumps arrive as a stream and lie sealed on disk; their plaintext never touches it.

A file is accepted only when there is something in it that can be read (`opened.look`, in the parser's process);
refused or broken uploads leave neither file nor row. The same content received again is the same dump: one row
per SHA-256, one more line of custody.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import SQLAlchemyError

from breach.errors import DumpDamaged, DumpRefused, UnknownDump, Unreadable
from breach.intake import isolated
from breach.intake.source import Source
from breach.tables import dump, dump_custody
from vault.ids import Bucket, encode_id, new_id
from vault.opening import Vault
from vault.sealing.sealed import Unopenable
from vault.sealing.stream import SealedBytes, SealingWriter
from vault.storage.durable import settle
from vault.storage.rowset import RowSet

KEY = "quarantine"
PREFIX = "dmp"
_SMALL = Bucket(0)  # dumps, traces and incidents belong to no person: their ids carry bucket 0

_KEEP = RowSet(
    "WITH {rows} INSERT INTO dump (id, sha256, size, file, received_at) "
    "SELECT id, sha256, size, file, received_at FROM rows WHERE true ON CONFLICT DO NOTHING RETURNING id",
    id="bytes",
    sha256="bytes",
    size="int",
    file="text",
    received_at="int",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A dump in custody. `sha256` and `size` (bytes) are of its plaintext; `again`: it was here already."""

    id: bytes
    sha256: bytes
    size: int
    received_at: int
    path: Path
    again: bool = False

    @property
    def name(self) -> str:
        """The dump's id as text."""
        return encode_id(PREFIX, self.id)


class Upload:
    """One file on its way in: `write` its pieces, then `finish`. Leaving the block early keeps nothing."""

    def __init__(self, vault: Vault, folder: Path, *, limit: int | None = None) -> None:
        """`limit`: most bytes accepted; None for no limit."""
        self.size = 0
        self._vault = vault
        self._folder = folder
        self._limit = limit
        self._hash = hashlib.sha256()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
        _sweep(folder)
        self._part, self._file = _begun(folder)
        self._writer = SealingWriter(self._file, vault.keyring.service_key(KEY))

    def write(self, chunk: bytes) -> None:
        """Seal one piece; raises DumpRefused beyond the limit."""
        self.size += len(chunk)
        if self._limit is not None and self.size > self._limit:
            raise DumpRefused(Unreadable.FILE_TOO_LARGE)
        self._hash.update(chunk)
        self._writer.write(chunk)

    def finish(self, now_ms: int, *, actor: str = "staff") -> Quarantined:
        """Take the file into custody; raises DumpRefused when it cannot be read as a dump.

        `actor` names a role or a staff key id, never a person's name.
        """
        self._writer.close()
        self._file.flush()
        with _opened(self._vault, self._part) as source:
            isolated.look(source)
        os.fsync(self._file.fileno())
        self._file.close()
        raw = new_id(_SMALL, now_ms)
        target = self._folder / f"{encode_id(PREFIX, raw)}.sealed"
        self._part.rename(target)
        settle(self._folder)  # the new name survives a power cut before the row that relies on it is written
        try:
            digest = self._hash.digest()
            found = _register(self._vault, raw, digest, self.size, target, now_ms, actor)
        except BaseException:
            # A sealed file no row knows of would never be found again; but an error after the commit, such as a
            # connection lost on the way back, must not take away the only copy of what is in custody.
            if _surely_unknown(self._vault, raw):
                target.unlink()
            raise
        if found.again:
            target.unlink()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def _begun(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file of ours, locked for as long as it is open: by that others know that somebody is writing it."""
    while True:
        part = folder / f"{secrets.token_hex(16)}.part"
        file = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if part.exists():
            return part, file
        file.close()  # swept away before it was locked


def _sweep(folder: Path) -> None:
    """Delete what uploads left that were killed: nobody holds their locks any more."""
    for part in folder.glob("*.part"):
        with suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def receive(
    vault: Vault,
    chunks: Iterable[bytes],
    folder: Path,
    *,
    now_ms: int,
    actor: str = "staff",
    limit: int | None = None,
) -> Quarantined:
    """Stream a whole file into the quarantine; raises DumpRefused and then keeps nothing."""
    with Upload(vault, folder, limit=limit) as upload:
        for chunk in chunks:
            upload.write(chunk)
        return upload.finish(now_ms, actor=actor)


def find(vault: Vault, folder: Path, dump_id: bytes) -> Quarantined:
    """A dump in custody by its id; raises UnknownDump."""
    with vault.data.read() as conn:
        row = conn.execute(select(dump).where(dump.c.id == dump_id)).one_or_none()
    if row is None:
        raise UnknownDump("no such dump")
    return _quarantined(row, folder, again=True)


def known(vault: Vault, folder: Path, sha256: bytes) -> Quarantined | None:
    """The dump in custody whose plaintext has this hash."""
    with vault.data.read() as conn:
        row = conn.execute(select(dump).where(dump.c.sha256 == sha256)).one_or_none()
    return None if row is None else _quarantined(row, folder, again=True)


def opened(vault: Vault, quarantined: Quarantined) -> AbstractContextManager[Source]:
    """The plaintext of a dump at any place; opening and reading raise DumpDamaged when it is not what was sealed."""
    return _opened(vault, quarantined.path)


@contextmanager
def _opened(vault: Vault, path: Path) -> Iterator[Source]:
    with _damage():
        file = path.open("rb")
    with file:
        with _damage():
            sealed = SealedBytes(file, vault.keyring.service_key(KEY))
        yield _Sealed(sealed)


class _Sealed:
    """A sealed file as a source."""

    def __init__(self, sealed: SealedBytes) -> None:
        self.size = sealed.size
        self._sealed = sealed

    def read(self, offset: int, length: int) -> bytes:
        with _damage():
            return self._sealed.read(offset, length)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (OSError, Unopenable):
        raise DumpDamaged("the sealed file is missing or damaged") from None


def note_reading(vault: Vault, quarantined: Quarantined, now_ms: int, actor: str) -> None:
    """Write into the custody record that the dump is being read."""
    with vault.data.write() as conn:
        _custody(conn, quarantined.id, now_ms, "read", actor)


def custody(vault: Vault, dump_id: bytes) -> list[dict[str, Any]]:
    """The custody record, oldest first: time, event and actor."""
    query = select(dump_custody.c.at, dump_custody.c.event, dump_custody.c.actor)
    with vault.data.read() as conn:
        rows = conn.execute(query.where(dump_custody.c.dump == dump_id).order_by(dump_custody.c.at)).all()
    return [{"at": row.at, "event": row.event, "actor": row.actor} for row in rows]


def _register(
    vault: Vault, raw: bytes, sha256: bytes, size: int, path: Path, now_ms: int, actor: str
) -> Quarantined:
    with vault.data.write() as conn:
        fresh = _KEEP(conn, [(raw, sha256, size, path.name, now_ms)])
        known = conn.execute(select(dump).where(dump.c.sha256 == sha256)).one()
        _custody(conn, known.id, now_ms, "received" if fresh else "received_again", actor)
    return _quarantined(known, path.parent, again=not fresh)


def _surely_unknown(vault: Vault, raw: bytes) -> bool:
    """Whether the data base answers, and has no row of this dump; in doubt the file stays."""
    try:
        with vault.data.read() as conn:
            return conn.execute(select(dump.c.id).where(dump.c.id == raw)).first() is None
    except SQLAlchemyError:
        return False


def _custody(conn: Connection, dump_id: bytes, now_ms: int, event: str, actor: str) -> None:
    row = {"id": new_id(_SMALL, now_ms), "dump": dump_id, "at": now_ms, "event": event, "actor": actor}
    conn.execute(insert(dump_custody).values(**row))


def _quarantined(row: Any, folder: Path, *, again: bool) -> Quarantined:
    return Quarantined(
        id=row.id,
        sha256=row.sha256,
        size=row.size,
        received_at=row.received_at,
        path=folder / row.file,
        again=again,
    )
