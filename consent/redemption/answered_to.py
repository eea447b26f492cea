"""Whose answer it will be, asked before anything is spent: the client a token was given to, for who holds its key.

Nothing is decided here. A stranger to the token, or to its key, is nobody, and a redemption denies them as ever.
"""

from sqlalchemy import Connection, select

from consent.recipients.register import Client, client
from consent.redemption.decide import RedeemRequest
from consent.schema.tables import token


def answered_to(conn: Connection, request: RedeemRequest) -> Client | None:
    """The client whose token this is, if the proof was made with the token's key."""
    mine = select(token.c.client_id).where(
        token.c.bucket == request.bucket, token.c.hash == request.token_hash, token.c.jkt == request.jkt
    )
    owner = conn.execute(mine).scalar_one_or_none()
    return None if owner is None else client(conn, owner)
