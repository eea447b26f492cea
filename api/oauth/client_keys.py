"""The public keys of whoever calls: as registered, or fetched from the client's `jwks_uri` when that is due.

Only a signature makes anybody ask there, so a stranger could make us ask in a recipient's name: every five
seconds for one client, and only where `fetching` lets anybody be called. Clients do not wait for each other,
only for their own keys, and of each a few at a time. What went wrong is told to nobody: the client is simply
not known by the key it used.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from api.outward.fetching import FetchFailed, Guard, guarded_get
from consent.errors import BadRegistration
from consent.ids import ClientId
from consent.recipients import fetched_keys as fetched
from consent.recipients import register as recipients
from consent.recipients.compact import heading
from consent.recipients.encryption_keys import whole_set
from consent.recipients.key_sets import Key, PublicKey
from consent.recipients.register import Client
from vault.storage.database import Database

_TYPES = frozenset({"application/json", "application/jwk-set+json"})
_OK = 200
MOST_FOR_ONE: Final = 6
MOST_WAITING: Final = 10
"""Of one client, and of all: each holds one of the server's threads (`api.serve.THREADS`), which others need."""


@dataclass(slots=True)
class _Queue:
    """Requests of one client: one fetches, the others wait for it; `size` counts both, under the lock of all."""

    turn: Lock = field(default_factory=Lock)
    size: int = 0


class ClientKeys:
    """Who fetches and who waits, in one server process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._queues: dict[ClientId, _Queue] = {}  # guarded by _lock; a client is in it while anybody waits

    def of(
        self, data: Database, guard: Guard, client: Client, signed: str, now_ms: int
    ) -> tuple[PublicKey, ...]:
        """The keys that may verify `signed`, a compact JWS of this client."""
        said = heading(signed)
        kid = None if said is None else said[0]
        return fetched.usable(self.renewed(data, guard, client, kid, now_ms), now_ms)

    def renewed(self, data: Database, guard: Guard, client: Client, kid: str | None, now_ms: int) -> Client:
        """The client with its keys as they are at their address, if it is time to ask there or `kid` is not among them."""
        if fetched.due(client, kid, now_ms):
            with self._queued(client.client_id) as queue:
                # Whoever finds too many waiting goes on with what is known, rather than hold a thread of the server.
                if queue is not None:
                    with queue.turn:
                        client = _renewed(data, guard, client, kid, now_ms)
        return client

    @contextmanager
    def _queued(self, client_id: ClientId) -> Iterator[_Queue | None]:
        """A place in the client's queue; None when that is too long, or all are together."""
        with self._lock:
            queue = self._queues.setdefault(client_id, _Queue())
            full = (
                queue.size >= MOST_FOR_ONE or sum(one.size for one in self._queues.values()) >= MOST_WAITING
            )
            queue.size += not full
        try:
            yield None if full else queue
        finally:
            with self._lock:
                queue.size -= not full
                if queue.size == 0:
                    self._queues.pop(client_id, None)


def _renewed(data: Database, guard: Guard, client: Client, kid: str | None, now_ms: int) -> Client:
    """The client as it is known once its turn has come: the one before may have fetched what this one is after."""
    found = _read(data, client)
    cause = fetched.why(found, kid, now_ms) if found.jwks_uri is not None else None
    if cause is None:
        return found
    with data.write() as conn:
        mine = fetched.claim_try(conn, client.client_id, cause, now_ms)
    keys = _fetch(found.jwks_uri or "", guard) if mine else None
    if keys is not None:
        with data.write() as conn:
            fetched.keep(conn, client.client_id, found.jwks_uri or "", keys, now_ms)
    return _read(data, client)


def _read(data: Database, client: Client) -> Client:
    with data.read() as conn:
        return recipients.client(conn, client.client_id) or client


def _fetch(uri: str, guard: Guard) -> Sequence[Key] | None:
    try:
        answer = guarded_get(uri, "application/jwk-set+json, application/json", guard=guard)
        if answer.status != _OK or answer.content_type not in _TYPES:
            return None
        return whole_set(answer.body.decode(), fetched=True)
    except (FetchFailed, BadRegistration, UnicodeDecodeError):
        return None
