"""Staff keys: who inside may investigate, operate or audit. Every key names one actor and one role."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from api.edge.access import Access
from api.tables import staff
from consent.staff_members import actor_outline, mixes_alphabets
from vault.errors import MalformedId
from vault.fields.text import clean
from vault.ids import Bucket, new_secret, secret_bucket, secret_hash

PREFIX = "stf"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """A member of staff. `custody_name` is what records of custody say: role and key, never a person's name."""

    actor: str
    role: Access
    key_id: str

    @property
    def custody_name(self) -> str:
        return f"{self.role.value}/{self.key_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffKey:
    """A key that was handed out, without the key; times in Unix milliseconds."""

    actor: str
    role: Access
    key_id: str
    created_at: int
    ended_at: int | None


class ActorRefused(Exception):
    """No key for this name: it is none, mixes alphabets that look alike, or could be taken for another holder's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def issue_staff_key(conn: Connection, *, actor: str, role: Access, now_ms: int) -> str:
    """A new key for `actor`; it is shown once and only its hash is kept. Raises ActorRefused.

    One person may hold several keys, all under exactly one spelling: dual control counts people by their names.
    """
    name = clean(actor)
    _check_name(conn, name)
    key = new_secret(PREFIX, Bucket(0))
    row = {"key_hash": secret_hash(key), "actor": name, "role": role.value, "created_at": now_ms}
    conn.execute(insert(staff).values(**row))
    return key


def _check_name(conn: Connection, name: str) -> None:
    outline = actor_outline(name)
    if not outline:
        raise ActorRefused("actor_empty")
    if mixes_alphabets(name):
        raise ActorRefused("actor_mixes_alphabets")
    holders = conn.execute(select(staff.c.actor).distinct()).scalars()
    if any(holder != name and actor_outline(holder) == outline for holder in holders):
        raise ActorRefused("actor_near_another")


def staff_keys(conn: Connection) -> list[StaffKey]:
    """Every key that was ever handed out, by holder, oldest first."""
    rows = conn.execute(select(staff).order_by(staff.c.actor, staff.c.created_at, staff.c.key_hash))
    return [
        StaffKey(
            actor=row.actor,
            role=Access(row.role),
            key_id=_id_of(row.key_hash),
            created_at=row.created_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]


def end_staff_keys(conn: Connection, *, actor: str, key_id: str | None = None, now_ms: int) -> list[str]:
    """End everything a holder has, or the one key named; answers the ids of what ended now."""
    c = staff.c
    living = conn.execute(select(c.key_hash).where(c.actor == clean(actor), c.ended_at.is_(None))).scalars()
    ending = [key for key in living if key_id in {None, _id_of(key)}]
    conn.execute(update(staff).where(c.key_hash.in_(ending)).values(ended_at=now_ms))
    return sorted(map(_id_of, ending))


def find_staff(conn: Connection, authorization: str) -> StaffMember | None:
    """Who presents `Bearer stf_...`, or None."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        secret_bucket(PREFIX, key)
    except MalformedId:
        return None
    live = select(staff.c.actor, staff.c.role).where(
        staff.c.key_hash == secret_hash(key), staff.c.ended_at.is_(None)
    )
    row = conn.execute(live).one_or_none()
    return (
        None
        if row is None
        else StaffMember(actor=row.actor, role=Access(row.role), key_id=_id_of(secret_hash(key)))
    )


def _id_of(key_hash: bytes) -> str:
    return key_hash[:6].hex()
