"""The one code of a consent, which its recipient exchanges: new for a browser to carry, or the secret it polls with."""

from typing import Final

from sqlalchemy import Connection, insert, select

from consent.asking.showings import Showing
from consent.ids import GrantId
from consent.schema.tables import auth_code

CODE_PREFIX: Final = "cod"
CODE_LIFETIME_MS: Final = 60_000


def keep_code(conn: Connection, shown: Showing, grant: GrantId, digest: bytes, now_ms: int) -> None:
    """Let the code of this digest be exchanged for the consent, within a minute; the code itself is stored nowhere."""
    conn.execute(
        insert(auth_code).values(
            bucket=shown.bucket,
            hash=digest,
            grant_id=grant,
            recipient_id=shown.recipient.id,
            client_id=shown.client_id,
            via=shown.via.value,
            redirect_uri=shown.redirect_uri,
            code_challenge=shown.code_challenge,
            dpop_jkt=shown.dpop_jkt,
            created_at=now_ms,
            expires_at=now_ms + CODE_LIFETIME_MS,
        )
    )


def has_code(conn: Connection, shown: Showing, grant: GrantId) -> bool:
    """Whether the consent has had its code."""
    own = (auth_code.c.bucket == shown.bucket, auth_code.c.grant_id == grant)
    return conn.execute(select(auth_code.c.hash).where(*own)).first() is not None
