"""The composition root: `create_app(settings)` is the only place where the parts are put together.

Tests call the same function; they may hand it an opened vault and a clock.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from functools import partial

from litestar import Litestar, Router
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from api.alarms import alarm_seen, list_alarms
from api.answers import answer_problem
from api.batcher import Batcher
from api.clock import Clock, system_clock
from api.disclosures import redeem
from api.dumps import dump_status, receive_dump, trace_report
from api.emergencies import (
    approve_request,
    ask_for,
    list_waiting,
    open_request,
    refuse_request,
    show_request,
)
from api.erasing import resume_erasures
from api.events import Event, log_event
from api.fetching import guarded_post
from api.guards import require_access
from api.headers import security_headers
from api.health import health
from api.horizon import erasure_horizon
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
from api.oauth.authorize import authorize
from api.oauth.backchannel import authorize_backchannel
from api.oauth.deletions import report_deletion
from api.oauth.device import authorize_device
from api.oauth.grants import end_grant, query_grant
from api.oauth.introspect import introspect_token
from api.oauth.metadata import authorization_server, jwks, protected_resource
from api.oauth.par import push
from api.oauth.questions import Asked, Outcome, answer_many
from api.oauth.revoke import revoke_token
from api.oauth.status import one_status_list, status_lists
from api.oauth.status_lists import StatusLists
from api.oauth.token import issue_token
from api.opening import opened_vault
from api.people import add_people, change_people, look_up
from api.portal.account import account_page
from api.portal.asked import answer_request, answered_page, request_page
from api.portal.asked_again import answer_asked_again, asked_again_page
from api.portal.deferred import continue_deferred, deferred_page, take_deferred_back
from api.portal.device import device_door, device_page, enter_code
from api.portal.erase import erase_myself, erase_page, erasure_certificate, erasure_page
from api.portal.for_whom import answer_for_whom, for_whom_page
from api.portal.grants import confirm_own_grant, grants_page, withdraw_grant
from api.portal.guardian_needed import answer_guardian_needed, guardian_needed_page
from api.portal.mine import my_grants, my_receipts, withdraw_many, withdraw_mine
from api.portal.own_data import own_copy
from api.portal.pages import front_door, language_door, static_file
from api.portal.passkeys import (
    add_passkey,
    new_passkey_page,
    passkey_page,
    remove_passkey,
    sign_in_with_passkey,
)
from api.portal.posted import check_post
from api.portal.presence import send_presence_code
from api.portal.proof import explain_proof, explain_use, proof_page
from api.portal.protected import answer_protected, ask_protection, move_protection, protected_page
from api.portal.recovery import (
    ask_for_both,
    check_both,
    recovery_page,
    stop_by_link,
    stop_own,
    stop_page,
)
from api.portal.sign_in import sign_in, sign_in_page, sign_out
from api.portal.sign_in_code import ask_for_code, code_page, sign_in_with_code
from api.portal.told import notices_seen
from api.portal.uses import use_bundle, uses_page
from api.portal.waiting import let_ask, pick_number, waiting_page
from api.portal.wards import confirm_for_ward, let_ask_ward, ward_page, wards_page, withdraw_for_ward
from api.portal.whole import all_accesses
from api.portal.withdrawals import withdraw_several, withdrawals_page
from api.problems import affects_all
from api.sealing import seal_installation
from api.senders.message import Senders
from api.senders.plugged import senders_of
from api.senders.post_room import PostRoom
from api.settings import Settings
from api.staff_reads import read_for_staff
from api.strangers import Strangers, note_failures
from api.tlog import log_checkpoint, log_entries, log_keys, log_tile
from api.wiring import Services
from api.witnesses import load_witnesses
from consent.denials import Denied
from consent.disclose import Disclosure, disclose_many
from consent.ledger.memory import Memory
from consent.redeem import RedeemRequest
from vault.opening import Vault

PUBLIC = (front_door, static_file, health, erasure_horizon, log_keys, log_checkpoint, log_tile)
PROTOCOL = (
    authorization_server,
    protected_resource,
    jwks,
    push,
    authorize,
    authorize_device,
    authorize_backchannel,
    device_door,
    issue_token,
    introspect_token,
    revoke_token,
    report_deletion,
    query_grant,
    end_grant,
    status_lists,
    one_status_list,
    redeem,
)
STAFF = (
    receive_dump,
    dump_status,
    trace_report,
    log_entries,
    seal_installation,
    ask_for,
    list_waiting,
    show_request,
    approve_request,
    refuse_request,
    open_request,
    read_for_staff,
    list_alarms,
    alarm_seen,
    add_people,
    change_people,
    look_up,
)
PORTAL = (
    language_door,
    sign_in_page,
    sign_in,
    code_page,
    ask_for_code,
    sign_in_with_code,
    recovery_page,
    ask_for_both,
    check_both,
    stop_page,
    stop_by_link,
    stop_own,
    passkey_page,
    sign_in_with_passkey,
    sign_out,
    account_page,
    new_passkey_page,
    add_passkey,
    send_presence_code,
    remove_passkey,
    waiting_page,
    pick_number,
    let_ask,
    device_page,
    enter_code,
    request_page,
    answer_request,
    answered_page,
    asked_again_page,
    answer_asked_again,
    for_whom_page,
    answer_for_whom,
    guardian_needed_page,
    answer_guardian_needed,
    deferred_page,
    continue_deferred,
    take_deferred_back,
    protected_page,
    ask_protection,
    move_protection,
    answer_protected,
    wards_page,
    ward_page,
    withdraw_for_ward,
    confirm_for_ward,
    let_ask_ward,
    grants_page,
    withdraw_grant,
    confirm_own_grant,
    withdrawals_page,
    withdraw_several,
    uses_page,
    use_bundle,
    explain_use,
    all_accesses,
    proof_page,
    explain_proof,
    own_copy,
    erase_page,
    erase_myself,
    erasure_page,
    erasure_certificate,
    notices_seen,
)

MINE = (my_grants, my_receipts, withdraw_mine, withdraw_many)
"""The signed-in person's own, as JSON."""


def create_app(
    settings: Settings,
    *,
    vault: Vault | None = None,
    clock: Clock = system_clock,
    seal: Callable[[], None] | None = None,
    senders: Senders | None = None,
) -> Litestar:
    """The application of one installation; without `vault` it opens the one the settings name, and closes it.

    `seal` is what an operator's request to seal calls; without it there is nothing to seal. `senders` deliver
    one-time codes; without them those do that the settings name.
    """
    owned = ExitStack()
    opened = vault or owned.enter_context(opened_vault(settings))
    post_room = PostRoom(senders_of(settings) if senders is None else senders)
    services = _services(settings, opened, clock, seal, post_room)
    portals = [
        Router(path=f"/{lang.value}", route_handlers=PORTAL, before_request=check_post) for lang in Lang
    ]
    portals.append(Router(path="/me", route_handlers=MINE, before_request=check_post))
    return Litestar(
        route_handlers=[*PUBLIC, *PROTOCOL, *STAFF, *portals],
        guards=[require_access],
        exception_handlers={Exception: answer_problem},
        before_send=[security_headers(secure=settings.secure), note_failures],
        request_max_body_size=settings.body_limit,
        lifespan=[_lifespan(services, owned)],
        state=State({"services": services}),
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

    services = Services(
        settings=settings,
        vault=vault,
        clock=clock,
        disclosures=_batched(settings, disclose),
        introspections=_batched(settings, introspect),
        statuses=_batched(settings, StatusLists(vault, clock, settings.issuer)),
        strangers=Strangers(settings.stranger_rate, clock),
        worker=Worker(vault.data, clock, work_of(settings, vault, clock)),
        witnesses=load_witnesses(settings),
        post_room=post_room,
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
            await sync_to_thread(resume_erasures, services.vault, services.clock())
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
