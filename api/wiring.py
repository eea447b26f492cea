"""What a running server holds, built once by `create_app` and found through the request, never through a global."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.types import Scope

from api.batcher import Batcher
from api.clock import Clock
from api.edge.callers import Callers
from api.edge.sessions import CookieJar, Lifetime
from api.edge.strangers import Strangers
from api.jobs.worker import Worker
from api.oauth.asking import Asked, Outcome
from api.oauth.client_keys import ClientKeys
from api.oauth.status_lists import SignedList
from api.public.shown import ShownCheckpoints
from api.senders.post_room import PostRoom
from api.settings import Settings
from consent.denials import Denied
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.redemption.disclose import Disclosure
from consent.redemption.redeem import RedeemRequest
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts every handler may use."""

    settings: Settings
    vault: Vault
    clock: Clock
    disclosures: Batcher[RedeemRequest, Disclosure | Denied]
    introspections: Batcher[Asked, Outcome]
    statuses: Batcher[int, SignedList | None]
    strangers: Strangers
    callers: Callers
    worker: Worker
    post_room: PostRoom
    shown: ShownCheckpoints
    client_keys: ClientKeys = field(default_factory=ClientKeys)
    witnesses: Policy = NO_WITNESSES
    seal: Callable[[], None] | None = None

    @property
    def issuer(self) -> str:
        return self.settings.issuer

    @property
    def jar(self) -> CookieJar:
        return CookieJar(self.settings.secure)

    @property
    def lifetime(self) -> Lifetime:
        return Lifetime(idle=self.settings.session_idle * 1000, longest=self.settings.session_max * 1000)

    @property
    def csrf_key(self) -> bytes:
        return self.vault.keyring.service_key("csrf")

    def nonce_key(self, *, spending: bool = False) -> bytes | None:
        """The key of the nonces that proofs must carry here; None where none is asked for."""
        asked = {"all"} if spending else {"all", "token"}
        return self.vault.keyring.service_key("id") if self.settings.proof_nonce in asked else None

    def url(self, path: str) -> str:
        """The public address of a path of this server."""
        return self.settings.issuer + path


def services_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Services:
    """The services of the app that serves this request."""
    return cast("Services", connection.app.state.services)


def services_of_scope(scope: Scope) -> Services:
    """The same, for a raw route."""
    return cast("Services", scope["litestar_app"].state.services)
