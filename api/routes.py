"""Every route of the server by who it is for; the pages of the portal stand under each language (`app`)."""

from api.disclosures import redeem
from api.oauth.authorize import authorize
from api.oauth.backchannel import authorize_backchannel
from api.oauth.deletions import report_deletion
from api.oauth.device import authorize_device
from api.oauth.grants import end_grant, query_grant
from api.oauth.introspect import introspect_token
from api.oauth.metadata import authorization_server, jwks, protected_resource
from api.oauth.par import push
from api.oauth.revoke import revoke_token
from api.oauth.status import one_status_list, status_lists
from api.oauth.token import issue_token
from api.portal.account import account_page
from api.portal.aliases import aliases_page
from api.portal.asked import answer_request, answered_page, request_page
from api.portal.asked_again import answer_asked_again, asked_again_page
from api.portal.deferred import continue_deferred, deferred_page, take_deferred_back
from api.portal.denied_service import say_service_denied
from api.portal.device import device_door, device_page, enter_code
from api.portal.erase import erase_myself, erase_page, erasure_certificate, erasure_page
from api.portal.for_whom import answer_for_whom, for_whom_page
from api.portal.grants import confirm_own_grant, grants_page, withdraw_grant
from api.portal.guardian_needed import answer_guardian_needed, guardian_needed_page
from api.portal.leak_check import leak_check_page
from api.portal.marks import choose_marks
from api.portal.mine import my_disclosures, my_grants, withdraw_many, withdraw_mine
from api.portal.my_receipts import all_my_receipts, my_receipts
from api.portal.own_data import own_copy
from api.portal.pages import front_door, language_door, static_file
from api.portal.passkeys import (
    add_passkey,
    new_passkey_page,
    passkey_page,
    remove_passkey,
    sign_in_with_passkey,
)
from api.portal.presence import send_presence_code
from api.portal.proof import explain_proof, explain_use, proof_page
from api.portal.protected import answer_protected, ask_protection, move_protection, protected_page
from api.portal.recovery import ask_for_both, check_both, recovery_page, stop_by_link, stop_own, stop_page
from api.portal.sign_in import sign_in, sign_in_page, sign_out
from api.portal.sign_in_code import ask_for_code, code_page, sign_in_with_code
from api.portal.told import notices_seen
from api.portal.uses import use_bundle, uses_page
from api.portal.waiting import let_ask, pick_number, waiting_page
from api.portal.wards import confirm_for_ward, let_ask_ward, ward_page, wards_page, withdraw_for_ward
from api.portal.whole import all_accesses
from api.portal.withdrawals import withdraw_several, withdrawals_page
from api.public.health import health
from api.public.horizon import erasure_horizon
from api.public.leak_check import check_leak, leak_list
from api.public.marking import marking_rules
from api.public.tlog import (
    log_checkpoint,
    log_entries,
    log_incident,
    log_index,
    log_keys,
    log_retired_keys,
    log_tile,
)
from api.public.track_records import recipient_record
from api.sealing.seal import seal_installation
from api.staff.alarms import alarm_seen, list_alarms
from api.staff.alias_hits import report_hit
from api.staff.dumps import dump_status, receive_dump, trace_page, trace_report
from api.staff.emergencies import (
    approve_request,
    ask_for,
    list_waiting,
    open_request,
    refuse_request,
    show_request,
)
from api.staff.people import add_people, change_people, look_up
from api.staff.reads import read_for_staff

PUBLIC = (
    front_door,
    static_file,
    health,
    erasure_horizon,
    recipient_record,
    log_keys,
    log_retired_keys,
    log_checkpoint,
    log_incident,
    log_tile,
    marking_rules,
    leak_list,
    check_leak,
)
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
    trace_page,
    log_entries,
    log_index,
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
    report_hit,
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
    say_service_denied,
    withdrawals_page,
    withdraw_several,
    uses_page,
    use_bundle,
    explain_use,
    all_accesses,
    proof_page,
    leak_check_page,
    explain_proof,
    own_copy,
    aliases_page,
    choose_marks,
    erase_page,
    erase_myself,
    erasure_page,
    erasure_certificate,
    notices_seen,
)

MINE = (my_grants, my_receipts, all_my_receipts, my_disclosures, withdraw_mine, withdraw_many)
"""The signed-in person's own, as JSON."""
