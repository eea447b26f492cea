"""A recipient's word that it has erased what it received: signed by its own key, kept as it came, one for each event.

The statement is a compact JWS of type `perusal-deletion+jwt` under one of the client's registered keys. Its claims:

| claim                 | meaning                                                                          |
|-----------------------|----------------------------------------------------------------------------------|
| iss, aud              | the client; our issuer, as one text                                              |
| iat                   | when it was signed, in seconds                                                   |
| grant_id, event_id    | the grant, and the `jti` of the event that demanded it                           |
| erased_at             | when everything received under the grant was gone, in seconds                    |
| method                | `deleted`, `overwritten`, `crypto_erased`, `anonymised` or `destroyed`           |

It is a claim, and is shown to the person as one; what makes it worth something is that it can be held against the
recipient when the data turn up later. It stands in the person's ledger, unless the person is erased: then their
chain has ended, and the statement is kept without an entry.

* `read_statement(text, keys, ...) -> Statement | RefusalCode`; `record(conn, vault, client, statement, now_ms) ->
  Recorded | RefusalCode` inside the caller's transaction; `proofs(conn, bucket, grants) -> dict`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from consent.ids import GrantId, event_text, grant_text, parse_event, parse_grant
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.ledgering import entry_item
from consent.recipients.compact import opened
from consent.recipients.key_sets import PublicKey
from consent.recipients.register import Client
from consent.refusals import RefusalCode
from consent.schema.tables import consent_grant, deletion_proof, disclosure, event_outbox, use
from vault.errors import MalformedId
from vault.ids import Bucket, SubjectId, bucket_of, new_id
from vault.opening import Vault

STATEMENT_TYPE: Final = "perusal-deletion+jwt"
_MOST_BYTES: Final = 4096
_SKEW_MS: Final = 10_000
_OLDEST_MS: Final = 86_400_000
_CLAIMS: Final = frozenset({"iss", "aud", "iat", "grant_id", "event_id", "erased_at", "method"})


class Method(StrEnum):
    """How data was erased."""

    DELETED = "deleted"
    OVERWRITTEN = "overwritten"
    CRYPTO_ERASED = "crypto_erased"
    ANONYMISED = "anonymised"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement under a good signature; `text` is the JWS as it came, `erased_at` Unix milliseconds."""

    grant_id: GrantId
    event_id: bytes
    erased_at: int
    method: Method
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A statement as it is kept; times in Unix ms. `repeated` says that it had been given before."""

    grant_id: GrantId
    event_id: bytes
    erased_at: int
    method: Method
    received_at: int
    repeated: bool


def read_statement(
    text: str, keys: Iterable[PublicKey], *, client_id: str, issuer: str, now_ms: int
) -> Statement | RefusalCode:
    """What a client's statement says, if it is the client's own, fresh, and nothing is missing or unknown in it."""
    signed = opened(text, keys, kinds={STATEMENT_TYPE}, most_bytes=_MOST_BYTES)
    claims = None if signed is None else signed.claims()
    if claims is None or claims.keys() != _CLAIMS or (claims["iss"], claims["aud"]) != (client_id, issuer):
        return RefusalCode.DELETION_STATEMENT
    issued, erased = _ms(claims["iat"]), _ms(claims["erased_at"])
    if issued is None or erased is None or claims["method"] not in list(Method):
        return RefusalCode.DELETION_STATEMENT
    if not now_ms - _OLDEST_MS <= issued <= now_ms + _SKEW_MS or erased > issued + _SKEW_MS:
        return RefusalCode.DELETION_TIME
    try:
        grant_id, event_id = parse_grant(claims["grant_id"]), parse_event(claims["event_id"])
    except (MalformedId, TypeError, AttributeError):
        return RefusalCode.DELETION_STATEMENT
    return Statement(
        grant_id=grant_id,
        event_id=event_id,
        erased_at=erased,
        method=Method(claims["method"]),
        text=text,
    )


def record(
    conn: Connection, vault: Vault, client: Client, said: Statement, now_ms: int
) -> Recorded | RefusalCode:
    """Keep a statement, once for its event; saying the same again gives the first answer."""
    row = _event(conn, said, client)
    if row is None:
        return RefusalCode.DELETION_UNKNOWN
    known = conn.execute(_proof(row.bucket, said.event_id)).one_or_none()
    if known is not None:
        same = (known.erased_at, known.method) == (said.erased_at, said.method)
        return _recorded(known, repeated=True) if same else RefusalCode.DELETION_OTHER
    # Seconds are all a NumericDate has.
    if said.erased_at + 999 < _last_disclosed(conn, row.bucket, said.grant_id):
        return RefusalCode.DELETION_TIME
    _write(conn, vault, client, said, row, now_ms)
    return _recorded(conn.execute(_proof(row.bucket, said.event_id)).one(), repeated=False)


def proofs(conn: Connection, bucket: Bucket, grants: Sequence[GrantId]) -> dict[GrantId, Recorded]:
    """The newest statement of each grant that has one."""
    mine = select(deletion_proof).where(
        deletion_proof.c.bucket == bucket, deletion_proof.c.grant_id.in_(grants)
    )
    rows = conn.execute(mine.order_by(deletion_proof.c.received_at))
    return {GrantId(row.grant_id): _recorded(row, repeated=False) for row in rows}


def _event(conn: Connection, said: Statement, client: Client) -> Any:
    """The event, held, if it is about this grant and was for this client's recipient; with the person it is about."""
    event, grant = event_outbox.c, consent_grant.c
    return conn.execute(
        select(event.bucket, event.grant_id, grant.subject)
        .join(consent_grant, (grant.bucket == event.bucket) & (grant.id == event.grant_id))
        .where(
            event.bucket == bucket_of(said.event_id),
            event.id == said.event_id,
            event.grant_id == said.grant_id,
            event.recipient_id == client.recipient.id,
        )
        .with_for_update(of=event_outbox)
    ).one_or_none()


def _proof(bucket: int, event_id: bytes) -> Any:
    own = (deletion_proof.c.bucket == bucket, deletion_proof.c.event_id == event_id)
    return select(deletion_proof).where(*own)


def _last_disclosed(conn: Connection, bucket: int, grant_id: GrantId) -> int:
    newest = (
        select(func.coalesce(func.max(disclosure.c.committed_at), 0))
        .select_from(use)
        .join(disclosure, (disclosure.c.use_id == use.c.id) & (disclosure.c.bucket == use.c.bucket))
        .where(use.c.bucket == bucket, use.c.grant_id == grant_id)
    )
    return int(conn.execute(newest).scalar_one())


def _write(conn: Connection, vault: Vault, client: Client, said: Statement, row: Any, now_ms: int) -> None:
    bucket, subject = Bucket(row.bucket), SubjectId(row.subject)
    key = vault.keyring.subject_keys([(bucket, subject)]).get(subject)
    proof_id = new_id(bucket, now_ms)
    item = None
    if key is not None:
        fields = (
            ("outcome", "recipient_erased"),
            ("recipient", client.recipient.id),
            ("grant", grant_text(said.grant_id)),
            ("event", event_text(said.event_id)),
            ("statement", hashlib.sha256(said.text.encode()).hexdigest()),
        )
        item = entry_item(vault, Kind.ERASE, key, (bucket, subject, proof_id, fields), now_ms)
    conn.execute(
        insert(deletion_proof).values(
            bucket=bucket,
            event_id=said.event_id,
            id=proof_id,
            grant_id=said.grant_id,
            subject=subject,
            recipient_id=client.recipient.id,
            client_id=client.client_id,
            method=said.method.value,
            statement=said.text,
            erased_at=said.erased_at,
            received_at=now_ms,
            ledger_year=None if item is None else item.year,
        )
    )
    if item is not None:
        append(conn, [item], now_ms, vault.installation.ledger_host)


def _recorded(row: Any, *, repeated: bool) -> Recorded:
    return Recorded(
        grant_id=GrantId(row.grant_id),
        event_id=row.event_id,
        erased_at=row.erased_at,
        method=Method(row.method),
        received_at=row.received_at,
        repeated=repeated,
    )


def _ms(seconds: object) -> int | None:
    """A whole NumericDate of this century in milliseconds."""
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < 2**32:
        return None
    return seconds * 1000
