"""The public keys of whoever calls: as registered, or fetched from the client's `jwks_uri` when that is due.

Only a signature makes anybody ask there, so a stranger could make us ask in a recipient's name: once a minute for one
client, of few at a time, and only where `fetching` lets anybody be called. What went wrong is told to nobody: the
client is simply not known by the key it used.
"""

from threading import BoundedSemaphore, Lock

from api.fetching import FetchFailed, Guard, guarded_get
from consent import fetched, recipients
from consent.compact import heading
from consent.errors import BadRegistration
from consent.key_sets import PublicKey, key_set
from consent.recipients import Client
from vault.storage import Database

_TYPES = frozenset({"application/json", "application/jwk-set+json"})
_OK = 200
_MOST_WAITING = 8


class ClientKeys:
    """Who fetches and who waits, in one server process."""

    def __init__(self) -> None:
        self._one = Lock()
        self._few = BoundedSemaphore(_MOST_WAITING)

    def of(
        self, data: Database, guard: Guard, client: Client, signed: str, now_ms: int
    ) -> tuple[PublicKey, ...]:
        """The keys that may verify `signed`, a compact JWS of this client."""
        said = heading(signed)
        kid = None if said is None else said[0]
        # Whoever finds too many waiting goes on with what is known, rather than hold a thread of the server.
        if fetched.due(client, kid, now_ms) and self._few.acquire(blocking=False):
            try:
                client = self._renewed(data, guard, client, kid, now_ms)
            finally:
                self._few.release()
        return fetched.usable(client, now_ms)

    def _renewed(self, data: Database, guard: Guard, client: Client, kid: str | None, now_ms: int) -> Client:
        # One at a time: the second of two requests under a new key waits for the first one's answer and reads it here.
        with self._one:
            found = _read(data, client)
            if not (fetched.due(found, kid, now_ms) and fetched.may_try(found, now_ms)):
                return found
            with data.write() as conn:
                mine = fetched.claim_try(conn, client.client_id, now_ms)
            keys = _fetch(found.jwks_uri or "", guard) if mine else None
            if keys is not None:
                with data.write() as conn:
                    fetched.keep(conn, client.client_id, found.jwks_uri or "", keys, now_ms)
            return _read(data, client)


def _read(data: Database, client: Client) -> Client:
    with data.read() as conn:
        return recipients.client(conn, client.client_id) or client


def _fetch(uri: str, guard: Guard) -> tuple[PublicKey, ...] | None:
    try:
        answer = guarded_get(uri, "application/jwk-set+json, application/json", guard=guard)
        if answer.status != _OK or answer.content_type not in _TYPES:
            return None
        return key_set(answer.body.decode(), fetched=True)
    except (FetchFailed, BadRegistration, UnicodeDecodeError):
        return None
