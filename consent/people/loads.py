"""Long loads of people that can be broken off anywhere and resumed without losing or doubling anybody.

How far a load has come is written in the transaction that takes its batch in, together with the sign-in keys of
that batch, sealed: a crash after the commit and before the caller has written the keys down would otherwise
lose them for good. The next batch replaces them, and the end of the load removes them.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from consent.people.keeping import Enrolled, NewPerson, Refused, enrol_people
from consent.schema.load_tables import bulk_load
from vault.ids import SubjectId
from vault.opening import Vault
from vault.people.enrol import CHUNK
from vault.sealing.stream import SealingWriter, open_stream
from vault.storage.rowset import RowSet

__all__ = ["CHUNK", "Handed", "Progress", "finish", "name_of", "progress", "take_in"]

_KEY = "load"
_MOVE = RowSet(
    "WITH {rows} INSERT INTO bulk_load (id, done, enrolled, refused, started_at, updated_at, sealed) "
    "SELECT id, done, enrolled, refused, :now, :now, sealed FROM rows WHERE true "
    "ON CONFLICT (id) DO UPDATE SET done = excluded.done, enrolled = bulk_load.enrolled + excluded.enrolled, "
    "refused = bulk_load.refused + excluded.refused, updated_at = excluded.updated_at, sealed = excluded.sealed",
    id="bytes",
    done="int",
    enrolled="int",
    refused="int",
    sealed="bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A sign-in key and whose it is: `line` of the load's source."""

    line: int
    subject: SubjectId
    key: str

    def __repr__(self) -> str:
        return f"Handed(line={self.line})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a load has come: lines of its source done with, people in, lines refused, keys of the last batch."""

    done: int
    enrolled: int
    refused: int
    last: tuple[Handed, ...]


def name_of(vault: Vault, source: bytes) -> bytes:
    """The name (32 bytes) of the load of a source that `source` tells from others, such as a digest of it."""
    return hashlib.sha256(b"pv1/load" + vault.installation.tenant + source).digest()


def progress(vault: Vault, load: bytes) -> Progress | None:
    """Where to go on with a load, or None when it was not begun or has been finished."""
    with vault.data.read() as conn:
        row = conn.execute(select(bulk_load).where(bulk_load.c.id == load)).one_or_none()
    if row is None:
        return None
    last = _open(vault, row.sealed)
    return Progress(done=row.done, enrolled=row.enrolled, refused=row.refused, last=last)


def take_in(
    vault: Vault,
    load: bytes,
    people: Sequence[tuple[int, str, NewPerson]],
    done: int,
    now_ms: int,
) -> list[Enrolled | Refused]:
    """Create up to CHUNK people, given as (line, language, person); afterwards lines up to `done` are done with.

    `load` is the load's name. One transaction: with the people stands how far the load has come. Where
    all were refused there is no transaction of theirs, and how far it has come is written by itself.
    """
    if len(people) > CHUNK:
        raise ValueError("a batch is one transaction")
    lines = [line for line, _, _ in people]

    def also(conn: Connection, enrolled: Mapping[int, Enrolled]) -> None:
        handed = [Handed(line=lines[at], subject=one.subject, key=one.key) for at, one in enrolled.items()]
        counts = (len(handed), len(people) - len(handed))
        _MOVE(conn, [(load, done, *counts, _seal(vault, handed))], now=now_ms)

    answers = enrol_people(
        vault, [one for _, _, one in people], now_ms, [lang for _, lang, _ in people], also=also
    )
    if not any(isinstance(answer, Enrolled) for answer in answers):
        with vault.data.write() as conn:
            also(conn, {})
    return answers


def finish(vault: Vault, load: bytes) -> None:
    """The caller has everything: forget the load and the keys it still held."""
    with vault.data.write() as conn:
        conn.execute(delete(bulk_load).where(bulk_load.c.id == load))


def _seal(vault: Vault, handed: Sequence[Handed]) -> bytes:
    text = json.dumps([(one.line, one.subject.hex(), one.key) for one in handed]).encode()
    file = io.BytesIO()
    with SealingWriter(file, vault.keyring.service_key(_KEY)) as sealed:
        sealed.write(text)
    return file.getvalue()


def _open(vault: Vault, sealed: bytes) -> tuple[Handed, ...]:
    text = b"".join(open_stream(io.BytesIO(sealed), vault.keyring.service_key(_KEY)))
    return tuple(
        Handed(line=line, subject=SubjectId(bytes.fromhex(subject)), key=key)
        for line, subject, key in json.loads(text)
    )
