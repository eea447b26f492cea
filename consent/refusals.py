"""What asking and approving answer when they turn a request down: a value with a stable code.

`error` is the word OAuth has for it (RFC 6749, 9126, 9396); `code` says exactly what is wrong and is what
problem details and tests rely on; `at` points into the input (JSON pointer) or names the parameter.
"""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    DETAILS_NOT_ONE = "details.not_one"
    DETAILS_WRONG_TYPE = "details.wrong_type"
    DETAILS_MISSING_MEMBER = "details.missing_member"
    DETAILS_UNKNOWN_MEMBER = "details.unknown_member"
    DETAILS_UNKNOWN_TYPE = "details.unknown_type"
    DETAILS_UNKNOWN_ACTION = "details.unknown_action"
    DETAILS_UNKNOWN_LOCATION = "details.unknown_location"
    DETAILS_UNKNOWN_PURPOSE = "details.unknown_purpose"
    DETAILS_UNKNOWN_FIELD = "details.unknown_field"
    DETAILS_EXCESS_FIELD = "details.excess_field"
    DETAILS_DUPLICATE_FIELD = "details.duplicate_field"
    DETAILS_NO_FIELDS = "details.no_fields"
    DETAILS_BAD_USES = "details.bad_uses"
    DETAILS_BAD_WINDOW = "details.bad_window"
    DETAILS_BAD_RETENTION = "details.bad_retention"
    DETAILS_UNKNOWN_ONWARD = "details.unknown_onward"
    DETAILS_UNKNOWN_PARENT = "details.unknown_parent"
    DETAILS_BEYOND_PARENT = "details.beyond_parent"
    DETAILS_CHAIN_TOO_LONG = "details.chain_too_long"
    DETAILS_OTHER_COUNTRY = "details.other_country"
    DETAILS_NOTICE_UNTOLD = "details.notice_untold"
    DETAILS_TRANSFER_UNTOLD = "details.transfer_untold"
    DETAILS_OTHER_RECIPIENT = "details.other_recipient"
    DETAILS_UNKNOWN_NOTICE = "details.unknown_notice"
    DETAILS_UNKNOWN_TERMS = "details.unknown_terms"
    DETAILS_UNSIGNED_TERMS = "details.unsigned_terms"
    DETAILS_TOO_LARGE = "details.too_large"
    DETAILS_CONTROL_CHARACTER = "details.control_character"
    DETAILS_WINDOW_TOO_LATE = "details.window_too_late"
    DETAILS_WIDENED = "details.widened"
    DETAILS_CHANGED = "details.changed"
    REQUEST_REDIRECT = "request.redirect_uri"
    REQUEST_CHALLENGE = "request.code_challenge"
    REQUEST_STATE = "request.state"
    REQUEST_KEY = "request.dpop_jkt"
    CLIENT_SUSPENDED = "client.suspended"
    REQUEST_TOO_SOON = "request.too_soon"
    REQUEST_NUMBER = "request.binding_message"
    REQUEST_HINT = "request.login_hint"
    REQUEST_NOTIFICATION = "request.client_notification_token"
    DELETION_STATEMENT = "deletion.statement"
    DELETION_TIME = "deletion.time"
    DELETION_UNKNOWN = "deletion.unknown_event"
    DELETION_OTHER = "deletion.recorded_otherwise"
    REQUEST_URI_UNKNOWN = "request_uri.unknown"
    SHOWING_UNKNOWN = "showing.unknown"
    SHOWING_EXPIRED = "showing.expired"
    SHOWING_DECIDED = "showing.decided"
    CHOICE_INCOMPLETE = "choice.incomplete"
    CHOICE_EXCESS = "choice.excess"
    ALIAS_NONE_LEFT = "alias.none_left"
    GRANT_NOT_SUSPENDED = "grant.not_suspended"
    GUARDIAN_NEEDED = "guardian.needed"
    GUARDIAN_OVER = "guardian.over"
    PROTECTION_CHANGED = "protection.changed"
    PROTECTION_SELF = "protection.self"
    PROTECTION_STATE = "protection.state"
    DEFERRAL_CLOSED = "deferral.closed"
    PARENT_ENDED = "parent.ended"
    ACT_NEEDED = "act.needed"
    ACT_NAME = "act.name"
    STEP_UP_FAILED = "step_up.failed"
    STEP_UP_NEEDED = "step_up.needed"
    WINDOW_CLOSED = "window.closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`error` for OAuth replies, `code` stable and exact, `at` where in the input, `missing` what is not there."""

    code: RefusalCode
    at: str = ""
    missing: tuple[str, ...] = ()

    @property
    def error(self) -> str:
        """The OAuth error code a client library understands."""
        family = self.code.partition(".")[0]
        return _OAUTH.get(family, "invalid_request")


_OAUTH = {
    "details": "invalid_authorization_details",
    "client": "unauthorized_client",
    "request_uri": "invalid_request_uri",
}
