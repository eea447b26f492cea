"""The members of a person's copy about their account: sign-ins, passkeys, lost keys, and proofs of presence.

A proof holds what a third party needs to check a passkey's signature (`step_up`). Bytes are base64url without
padding, as browsers write them. Codes, their addresses and keys are not here: what is kept of them tells nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select, tuple_

from consent.ids import grant_text
from consent.instants import instant
from consent.schema.account_tables import sign_in_record
from consent.schema.passkey_tables import passkey, passkey_alarm
from consent.schema.recovery_tables import recovery
from consent.schema.step_up_tables import step_up
from consent.schema.tables import consent_grant
from vault.base64url import b64url
from vault.ids import Person, encode_id

type Document = Mapping[str, Any]

_SIGNED: Final = ("credential_id", "public_key", "authenticator_data", "signature")


def account(conn: Connection, people: Sequence[Person]) -> Document:
    """What is kept of how these people signed in and proved themselves; five statements."""
    c = sign_in_record.c
    rows = conn.execute(
        select(c.at, c.how).where(tuple_(c.bucket, c.subject).in_(people)).order_by(c.at, c.id)
    )
    return {
        "sign_ins": [{"at": instant(row.at), "how": row.how} for row in rows],
        "passkeys": _passkeys(conn, people),
        "replacements": _replacements(conn, people),
        "proofs": _proofs(conn, people),
    }


def _replacements(conn: Connection, people: Sequence[Person]) -> list[Document]:
    c = recovery.c
    rows = conn.execute(select(recovery).where(tuple_(c.bucket, c.subject).in_(people)).order_by(c.asked_at))
    return [
        {
            "asked_at": instant(row.asked_at),
            "due_at": instant(row.due_at),
            "ended_at": None if row.ended_at is None else instant(row.ended_at),
            "end": row.end,
        }
        for row in rows
    ]


def _passkeys(conn: Connection, people: Sequence[Person]) -> list[Document]:
    c, a = passkey.c, passkey_alarm.c
    alarms = conn.execute(
        select(a.passkey_id, a.at).where(tuple_(a.bucket, a.subject).in_(people)).order_by(a.at)
    ).all()
    own = select(passkey).where(tuple_(c.bucket, c.subject).in_(people)).order_by(c.created_at, c.id)
    return [
        {
            "id": encode_id("pk", row.id),
            "name": row.name,
            "credential_id": _written(row.credential_id),
            "public_key": _written(row.public_key),
            "count": row.sign_count,
            "backed_up": row.backed_up,
            "added_at": instant(row.created_at),
            "used_at": None if row.used_at is None else instant(row.used_at),
            "alarms": [instant(alarm.at) for alarm in alarms if alarm.passkey_id == row.id],
        }
        for row in conn.execute(own)
    ]


def _proofs(conn: Connection, people: Sequence[Person]) -> list[Document]:
    c, g = step_up.c, consent_grant.c
    joined = step_up.join(consent_grant, (g.bucket == c.bucket) & (g.showing_id == c.showing_id))
    own = select(step_up, g.id.label("grant_id")).select_from(joined)
    rows = conn.execute(own.where(tuple_(c.bucket, c.subject).in_(people)).order_by(c.at, c.showing_id))
    return [
        {
            "at": instant(row.at),
            "permission": grant_text(row.grant_id),
            "how": row.how,
            "approval": row.approval_hash.hex(),
            "statement": row.statement,
            "client_data": row.client_data,
            **{name: _written(getattr(row, name)) for name in _SIGNED},
            "evidence": row.evidence_hash.hex(),
        }
        for row in rows
    ]


def _written(raw: bytes | None) -> str | None:
    return None if raw is None else b64url(raw)
