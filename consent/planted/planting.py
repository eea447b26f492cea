"""Planting: persons made and enrolled like everybody, on a list whose hash is in the ledger before anybody
hears of them.

    hash = SHA-256("pv1/planted" ‖ 01 ‖ nonce, 32 bytes ‖ each person's internal name, 16 bytes, sorted)

Whoever has the list of names and the nonce (the operator's private file) can show that it stood before the
leak; the data base knows each of them by a MAC only. `unique` persons are one recipient's, `shared` ones are
given to half of the recipients each by a keyed coin, `dark` ones to nobody: where they turn up, our own store
was copied.

* `plant(vault, order, dice, now_ms) -> Planting`; raises PoolEmpty before anything is made.
* `known(conn, vault, people) -> dict[int, Listed]`: which of these are planted, by position; one statement.
* `lists(conn) -> list[Listed]`, `retire(conn, list_id, now_ms) -> bool`; `holds(vault, mac, recipient_id) -> bool` of shared ones.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from consent.errors import ConsentError
from consent.house import record_in_house
from consent.ids import RecipientId
from consent.ledger.entries.entry import Kind as EntryKind
from consent.marks.alias_pool import pool, take_number
from consent.people.keeping import Enrolled, NewPerson, enrol_people
from consent.planted.making import Made, make
from consent.planted.tables import planted, planted_list
from vault.ids import Bucket, Person, SubjectId, new_id
from vault.opening import Vault
from vault.storage.rowset import RowSet

PREFIX: Final = "pll"
MOST: Final = 2_000
"""People of one list: they are one transaction."""

_LABEL = b"pv1/planted"
_NONCE = 32
_ADD = RowSet(
    "WITH {rows} INSERT INTO planted (bucket, mac, list) SELECT bucket, mac, :list FROM rows",
    bucket="int",
    mac="bytes",
)
_KNOWN = RowSet(
    "WITH {rows} SELECT rows.i, p.list FROM rows JOIN planted p ON p.bucket = rows.bucket AND p.mac = rows.mac",
    bucket="int",
    mac="bytes",
)


class PoolEmpty(ConsentError):
    """Fewer numbers are left in the pool than persons are to be planted."""

    code = "pool_empty"


class Kind(StrEnum):
    """Who is given the persons of a list."""

    UNIQUE = "unique"
    SHARED = "shared"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How many of which kind, for whom, with mailboxes under which domains of the operator's."""

    kind: Kind
    people: int
    domains: tuple[str, ...]
    recipient_id: RecipientId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planting:
    """A list just made: `made` are the persons with their sign-in keys; together with `nonce` it opens the hash."""

    list_id: bytes
    nonce: bytes
    hash: bytes
    entry: bytes
    made: tuple[tuple[Enrolled, Made], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list as the data base knows it; Unix milliseconds."""

    id: bytes
    kind: Kind
    recipient_id: RecipientId | None
    people: int
    hash: bytes
    made_at: int
    sealed: bool
    retired_at: int | None


def plant(vault: Vault, order: Order, dice: Random, now_ms: int) -> Planting:
    """Make and enrol the persons of an order, then seal their list; whoever is refused as known is drawn again."""
    if not 0 < order.people <= MOST or not order.domains:
        raise ValueError("1 to 2,000 people, and at least one domain")
    with vault.data.write() as conn:
        have = pool(conn)
        if have.numbers - have.taken < order.people:
            raise PoolEmpty("the pool has fewer numbers left than persons are to be planted")
        phones = [take_number(conn, secrets.token_bytes(16), now_ms) for _ in range(order.people)]
    people = [make(dice, str(phone), order.domains) for phone in phones]
    list_id, nonce = new_id(Bucket(0), now_ms), secrets.token_bytes(_NONCE)
    done: dict[int, Enrolled] = {}

    def write(conn: Connection, created: Mapping[int, Enrolled]) -> None:
        done.clear()
        done.update(created)
        hashed = hash_of(nonce, [one.subject for one in created.values()])
        row = {"id": list_id, "kind": order.kind.value, "recipient_id": order.recipient_id, "nonce": nonce}
        made = {**row, "people": len(created), "hash": hashed, "made_at": now_ms}
        conn.execute(insert(planted_list).values(made))
        _ADD(conn, [(one.bucket, mac_of(vault, one.subject)) for one in created.values()], list=list_id)

    enrol_people(
        vault, [NewPerson(one.values) for one in people], now_ms, [one.lang for one in people], also=write
    )
    if not done:
        raise PoolEmpty("everybody that was drawn is like somebody who is here")
    hashed = hash_of(nonce, [one.subject for one in done.values()])
    entry = _seal(vault, list_id, order, len(done), hashed, now_ms)
    made = tuple((one, people[at]) for at, one in sorted(done.items()))
    return Planting(list_id=list_id, nonce=nonce, hash=hashed, entry=entry, made=made)


def hash_of(nonce: bytes, people: Sequence[SubjectId]) -> bytes:
    """The hash of a list, see the module."""
    return hashlib.sha256(_LABEL + b"\x01" + nonce + b"".join(sorted(people))).digest()


def mac_of(vault: Vault, subject: SubjectId) -> bytes:
    """What the data base knows a planted person by, 32 bytes."""
    return hmac.digest(vault.keyring.service_key("honey"), _LABEL + subject, "sha256")


def known(conn: Connection, vault: Vault, people: Sequence[Person]) -> dict[int, bytes]:
    """The lists of those of these people who are planted, by position."""
    rows = [(bucket, mac_of(vault, subject)) for bucket, subject in people]
    return dict(_KNOWN(conn, rows))


def lists(conn: Connection) -> list[Listed]:
    """Every list, oldest first."""
    return [_listed(row) for row in conn.execute(select(planted_list).order_by(planted_list.c.id))]


def retire(conn: Connection, list_id: bytes, now_ms: int) -> bool:
    """Let nobody on a list answer any more; False when it was retired before or never there."""
    still = (planted_list.c.id == list_id) & planted_list.c.retired_at.is_(None)
    return conn.execute(update(planted_list).where(still).values(retired_at=now_ms)).rowcount == 1


def count_planted(conn: Connection) -> int:
    """How many people of this installation are nobody."""
    return int(conn.execute(select(func.coalesce(func.sum(planted_list.c.people), 0))).scalar_one())


def macs(conn: Connection, list_id: bytes) -> list[bytes]:
    """The persons of a list, in a fixed order."""
    own = select(planted.c.mac).where(planted.c.list == list_id).order_by(planted.c.mac)
    return list(conn.execute(own).scalars())


def holds(vault: Vault, mac: bytes, recipient_id: str) -> bool:
    """Whether a recipient is given this shared person: a coin that is always the same."""
    key = vault.keyring.service_key("honey")
    return hmac.digest(key, _LABEL + b"/shared" + mac + recipient_id.encode(), "sha256")[0] < 1 << 7


def _seal(vault: Vault, list_id: bytes, order: Order, people: int, hashed: bytes, now_ms: int) -> bytes:
    said = (
        ("step", "planted"),
        ("kind", order.kind.value),
        ("recipient", order.recipient_id or ""),
        ("people", str(people)),
        ("hash", hashed.hex()),
    )
    entry = record_in_house(vault, EntryKind.BREACH, said, now_ms)
    with vault.data.write() as conn:
        conn.execute(update(planted_list).where(planted_list.c.id == list_id).values(entry=entry))
    return entry


def _listed(row: Any) -> Listed:
    return Listed(
        id=row.id,
        kind=Kind(row.kind),
        recipient_id=None if row.recipient_id is None else RecipientId(row.recipient_id),
        people=row.people,
        hash=row.hash,
        made_at=row.made_at,
        sealed=row.entry is not None,
        retired_at=row.retired_at,
    )
