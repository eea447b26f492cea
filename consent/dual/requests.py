"""Requests that take two approvals, as their rows say: finding them, who approved, and the note that explains them.

The note may name people, so it is sealed: under a key made from the person's ledger key, which erasure destroys,
or under a service key when the request is about nobody in particular.
"""

import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from consent.ids import DualId, fields_of
from consent.schema.dual_tables import dual_request, dual_vote
from consent.staff_members import DualKind, DualReason, DualState, Verdict
from vault.ids import Bucket, RecordId, SubjectId, bucket_of
from vault.keys.keyring import SubjectKey
from vault.opening import Vault
from vault.sealing.sealed import SALT_BYTES, Place, Unopenable, open_sealed, seal

_NOTE = "dual.note"


@dataclass(frozen=True, slots=True, kw_only=True)
class DualRequest:
    """A request as its rows say; `approvers` are names of staff keys in the order of their yes."""

    id: DualId
    bucket: Bucket
    kind: DualKind
    subject: SubjectId | None
    staff: str
    actor: bytes
    reason: DualReason
    fields: tuple[str, ...]
    scope: str
    sealed_note: bytes
    asked_at: int
    lapses_at: int
    state: DualState
    approved_at: int | None
    window_to: int | None

    def waits(self, now_ms: int) -> bool:
        """Whether it can still be approved."""
        return self.state is DualState.ASKED and self.asked_at <= now_ms < self.lapses_at

    def usable(self, now_ms: int) -> bool:
        """Whether its window is open."""
        return (
            self.state is DualState.APPROVED
            and self.approved_at is not None
            and self.window_to is not None
            and self.approved_at <= now_ms < self.window_to
        )

    @property
    def ends_at(self) -> int:
        """When nothing can happen under it any more."""
        return self.lapses_at if self.window_to is None else self.window_to


def find(conn: Connection, request_id: DualId, *, lock: bool = False) -> DualRequest | None:
    """A request by its id; with `lock` nobody changes it until the transaction ends."""
    c = dual_request.c
    wanted = select(dual_request).where(c.bucket == bucket_of(request_id), c.id == request_id)
    row = conn.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return None if row is None else _request(row)


def waiting(conn: Connection, now_ms: int) -> list[DualRequest]:
    """Everything that can still be voted on or used, newest first."""
    c = dual_request.c
    newest = select(dual_request).where(c.state != DualState.REFUSED.value, c.asked_at <= now_ms)
    live = newest.where(func.coalesce(c.window_to, c.lapses_at) > now_ms)
    return [_request(row) for row in conn.execute(live.order_by(c.asked_at.desc(), c.id.desc()))]


def approvers(conn: Connection, request_id: DualId) -> tuple[str, ...]:
    """The staff keys that said yes, in order."""
    c = dual_vote.c
    yes = select(c.staff).where(
        c.bucket == bucket_of(request_id), c.request_id == request_id, c.verdict == Verdict.YES.value
    )
    return tuple(conn.execute(yes.order_by(c.place)).scalars())


def with_key(vault: Vault, request_id: DualId) -> tuple[DualRequest | None, SubjectKey | None]:
    """A request and the keys of whom it is about, read before any lock is taken."""
    with vault.data.read() as conn:
        found = find(conn, request_id)
    if found is None or found.subject is None:
        return found, None
    return found, vault.keyring.subject_keys([(found.bucket, found.subject)]).get(found.subject)


def note_of(vault: Vault, request: DualRequest) -> str | None:
    """The sealed note in clear, for those who must decide; None when the person has been erased."""
    key = None
    if request.subject is not None:
        key = vault.keyring.subject_keys([(request.bucket, request.subject)]).get(request.subject)
        if key is None:
            return None
    try:
        opened = open_sealed(_note_key(vault, key), _note_place(vault, request.id), request.sealed_note)
    except Unopenable:
        return None
    return opened.decode()


def _note_key(vault: Vault, key: SubjectKey | None) -> bytes:
    root = vault.keyring.service_key("dual") if key is None else key.ledger
    return hmac.digest(root, b"pv1/dual/note", "sha256")


def _note_place(vault: Vault, request_id: DualId) -> Place:
    # The id stands for the person too: it is unique, and the key is the person's own.
    return Place(vault.installation.tenant, SubjectId(request_id), RecordId(request_id), _NOTE, 1, 1)


def seal_note(vault: Vault, key: SubjectKey | None, request_id: DualId, note: str) -> bytes:
    """The stored form of a note."""
    salt = secrets.token_bytes(SALT_BYTES)
    place, suite = _note_place(vault, request_id), vault.installation.suite
    return seal(_note_key(vault, key), 1, place, note.encode(), salt, suite=suite)


def _request(row: Any) -> DualRequest:
    return DualRequest(
        id=DualId(row.id),
        bucket=Bucket(row.bucket),
        kind=DualKind(row.kind),
        subject=None if row.subject is None else SubjectId(row.subject),
        staff=row.staff,
        actor=row.actor,
        reason=DualReason(row.reason),
        fields=fields_of(row.fields),
        scope=row.scope,
        sealed_note=row.note,
        asked_at=row.asked_at,
        lapses_at=row.lapses_at,
        state=DualState(row.state),
        approved_at=row.approved_at,
        window_to=row.window_to,
    )
