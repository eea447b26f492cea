"""The composition root: `create_app(settings)` is the only place where the parts are put together.

Tests call the same function; they may hand it an opened vault and a clock.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial

from litestar import Litestar, Router
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from api.batcher import Batcher
from api.clock import Clock, system_clock
from api.edge.answers import answer_problem
from api.edge.callers import Callers
from api.edge.guards import require_access
from api.edge.headers import security_headers
from api.edge.problems import affects_all
from api.edge.strangers import Strangers, note_failures
from api.events import Event, log_event
from api.i18n import Lang
from api.jobs.cosigning import Cosigning
from api.jobs.courier import Courier
from api.jobs.event_queue import EventQueue
from api.jobs.handlers import work_of
from api.jobs.holds import Holds
from api.jobs.ping_queue import PingQueue
from api.jobs.publisher import Publisher
from api.jobs.start_guard import StartGuard
from api.jobs.worker import Worker
from api.oauth.asking import Asked, Outcome
from api.oauth.questions import answer_many
from api.oauth.status_lists import StatusLists
from api.outward.fetching import guarded_post
from api.portal.posted import check_post
from api.public.shown import ShownCheckpoints
from api.routes import MINE, PORTAL, PROTOCOL, PUBLIC, STAFF
from api.sealing.opening import opened_vault
from api.senders.message import Senders
from api.senders.plugged import senders_of
from api.senders.post_room import PostRoom
from api.settings import Settings
from api.staff.erasing import resume_erasures
from api.wiring import Services
from api.witnesses import load_witnesses
from consent.denials import Denied
from consent.ledger.publishing.memory import Memory
from consent.redemption.disclose import Disclosure, disclose_many
from consent.redemption.redeem import RedeemRequest
from vault.opening import Vault


def create_app(
    settings: Settings,
    *,
    vault: Vault | None = None,
    clock: Clock = system_clock,
    seal: Callable[[], None] | None = None,
    senders: Senders | None = None,
    onto: Litestar | None = None,
) -> Litestar:
    """The application of one installation; without `vault` it opens the one the settings name, and closes it.

    `seal` is what an operator's request to seal calls; without it there is nothing to seal. `senders` deliver
    one-time codes; without them those do that the settings name. `onto` is what `routed` made of the same settings,
    and no other installation runs on.
    """
    owned = ExitStack()
    opened = vault or owned.enter_context(opened_vault(settings))
    post_room = PostRoom(senders_of(settings) if senders is None else senders)
    services = _services(settings, opened, clock, seal, post_room)
    app = onto or routed(secure=settings.secure, body_limit=settings.body_limit)
    app.state = State({"services": services, "lifespan": _lifespan(services, owned)})
    return app


def routed(*, secure: bool, body_limit: int) -> Litestar:
    """Every route behind its guards, and no installation behind them yet."""
    portals = [
        Router(path=f"/{lang.value}", route_handlers=PORTAL, before_request=check_post) for lang in Lang
    ]
    portals.append(Router(path="/me", route_handlers=MINE, before_request=check_post))
    return Litestar(
        route_handlers=[*PUBLIC, *PROTOCOL, *STAFF, *portals],
        guards=[require_access],
        exception_handlers={Exception: answer_problem},
        before_send=[security_headers(secure=secure), note_failures],
        request_max_body_size=body_limit,
        lifespan=[lambda app: app.state.lifespan],
        openapi_config=None,
        logging_config=None,
    )


def _services(
    settings: Settings, vault: Vault, clock: Clock, seal: Callable[[], None] | None, post_room: PostRoom
) -> Services:
    vault.watch.on_alarm(lambda alarm: log_event(Event.HONEY_ALARM, alarm=alarm))

    def disclose(requests: Sequence[RedeemRequest]) -> Sequence[Disclosure | Denied]:
        return disclose_many(vault, requests, clock())

    def introspect(asked: Sequence[Asked]) -> Sequence[Outcome]:
        return answer_many(services, asked)

    witnesses = load_witnesses(settings)
    services = Services(
        settings=settings,
        vault=vault,
        clock=clock,
        disclosures=_batched(settings, disclose),
        introspections=_batched(settings, introspect),
        statuses=_batched(settings, StatusLists(vault, clock, settings.issuer)),
        strangers=Strangers(settings.stranger_rate, clock),
        callers=Callers(settings.client_rate, clock),
        worker=Worker(vault.data, clock, work_of(settings, vault, clock)),
        witnesses=witnesses,
        post_room=post_room,
        shown=ShownCheckpoints(vault, clock, witnesses),
        seal=seal,
    )
    return services


def _batched[Item, Answer](
    settings: Settings, run: Callable[[Sequence[Item]], Sequence[Answer]]
) -> Batcher[Item, Answer]:
    return Batcher(run, cap=settings.batch_cap, most=settings.batch_queue, hopeless=affects_all)


def _lifespan(services: Services, owned: ExitStack) -> AbstractAsyncContextManager[None]:
    settings = services.settings
    memory, holds = Memory(settings.checkpoint_state), Holds()
    publisher = Publisher(
        services.vault,
        services.clock,
        memory,
        services.lifetime,
        settings.publish_every,
        holds,
        before=StartGuard(services.vault, services.clock, memory, services.witnesses, holds),
    )
    cosigning = Cosigning(
        services.vault, services.clock, memory, services.witnesses, holds, settings.witness_every
    )

    post = partial(guarded_post, guard=settings.guard)
    events = Courier(EventQueue(services.vault, post), services.clock)
    pings = Courier(PingQueue(services.vault, post), services.clock, name="pinger")

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        if settings.background:
            await sync_to_thread(resume_erasures, settings, services.vault, services.clock())
            publisher.start()
            cosigning.start()
            services.worker.start()
            events.start()
            pings.start()
        try:
            yield
        finally:
            await services.disclosures.close()
            await services.introspections.close()
            await services.statuses.close()
            await sync_to_thread(services.post_room.stop)
            if settings.background:
                await sync_to_thread(pings.stop)
                await sync_to_thread(events.stop)
                await sync_to_thread(services.worker.stop)
                await sync_to_thread(publisher.stop)
                await sync_to_thread(cosigning.stop)
            owned.close()

    return running()
