"""What a refresh token or a management token is worth at this moment, told to its own client (RFC 7662 §2).

They are rare and live long, so each is looked up by itself, in the transaction that answers (`introspection`). A
refresh token is worth what it would mint now: it is inactive as soon as a refresh would be denied.

`worth(conn, vault, kind, client_id, bucket, digest, now_ms) -> Worth`; Worth() for nobody's and other clients'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from sqlalchemy import Connection, literal_column, select

from consent.denials import DenialCode
from consent.grants.granted import granted_details
from consent.ids import GrantId, fields_of, grant_text
from consent.recipients.pairwise import pairwise
from consent.schema.grant_chains import stands
from consent.schema.tables import consent_grant, management_token, notice_showing, recipient, refresh_token
from consent.tokens.minting import closed
from vault.ids import Bucket, SubjectId
from vault.opening import Vault


class TokenKind(Enum):
    """What a text claims to be by its prefix."""

    ACCESS = auto()
    REFRESH = auto()
    MANAGEMENT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """`members` of a living token, or what its own client may know of one that has ended."""

    members: dict[str, Any] | None = None
    inactive: Mapping[str, Any] = field(default_factory=dict)


def worth(  # each argument is a separate fact of the question
    conn: Connection,
    vault: Vault,
    kind: TokenKind,
    client_id: str,
    bucket: Bucket,
    digest: bytes,
    now_ms: int,
) -> Worth:
    """What this client's token is worth."""
    if kind is TokenKind.MANAGEMENT:
        return _management(conn, client_id, digest, now_ms)
    row = conn.execute(_refresh(bucket, digest, client_id)).one_or_none()
    return Worth() if row is None else _minting(vault, row, now_ms)


def _management(conn: Connection, client_id: str, digest: bytes, now_ms: int) -> Worth:
    own = (management_token.c.hash == digest, management_token.c.client_id == client_id)
    row = conn.execute(select(management_token).where(*own)).one_or_none()
    if row is None:
        return Worth()
    if now_ms >= row.expires_at:
        return Worth(inactive={"reason": DenialCode.EXPIRED.value})
    return Worth(members={"token_type": "DPoP", "scope": row.scope, **_times(row)})


def _refresh(bucket: Bucket, digest: bytes, client_id: str) -> Any:
    kept, grant, shown = refresh_token.c, consent_grant.c, notice_showing.c
    return (
        select(
            consent_grant,
            shown.details,
            literal_column(stands("consent_grant")).label("above"),
            recipient.c.kind.label("recipient_kind"),
            kept.jkt,
            kept.minted_at,
            kept.expires_at,
            kept.voided_at,
        )
        .join(consent_grant, (grant.bucket == kept.bucket) & (grant.id == kept.grant_id))
        .join(notice_showing, (shown.bucket == grant.bucket) & (shown.id == grant.showing_id))
        .join(recipient, recipient.c.id == grant.recipient_id)
        .where(kept.bucket == bucket, kept.hash == digest, kept.client_id == client_id)
    )


def _minting(vault: Vault, row: Any, now_ms: int) -> Worth:
    about = {"grant_id": grant_text(GrantId(row.id)), "use": {"n": row.used, "of": row.max_uses}}
    ended = closed(row, now_ms) or _over(row, now_ms)
    if ended is not None:
        return Worth(inactive={"reason": ended.value, **about})
    members = {
        "sub": pairwise(vault, row.recipient_id, SubjectId(row.subject)),
        "authorization_details": [granted_details(row, fields_of(row.fields))],
        **_times(row),
        **about,
    }
    return Worth(members=members)


def _over(row: Any, now_ms: int) -> DenialCode | None:
    if row.voided_at is not None:
        return DenialCode.VOIDED
    if row.used >= row.max_uses:
        return DenialCode.SPENT
    return DenialCode.EXPIRED if now_ms >= row.expires_at else None


def _times(row: Any) -> dict[str, Any]:
    return {"iat": row.minted_at // 1000, "exp": row.expires_at // 1000, "cnf": {"jkt": row.jkt}}
