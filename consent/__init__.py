"""Consent: recipients ask, people decide, uses are spent once, everything enters the ledger.

These names are what the floors above may rely on. Verbs that share their module's name are called through
it: `approve.approve`, `withdraw.withdraw`. The way of a use: `push`, `claim`, `approve`, `exchange`,
`disclose_many` (which is `redeem_many`, the commit, and only then the reading).
"""

from consent.accounts.keys import Consumer, sign_in
from consent.approving.approve import Approved, Refused
from consent.asking.ask import Pending, Pushed, PushParams, pending, push
from consent.asking.details import DETAILS_TYPE, Details, parse_details
from consent.asking.showings import Showing, claim, showing
from consent.denials import DenialCode, Denied
from consent.errors import ConsentError
from consent.people.keeping import Enrolled, correct, enrol_people
from consent.recipients.register import Client, Recipient, Registered, Registration
from consent.redemption.disclose import Disclosure, disclose_many
from consent.redemption.redeem import Disclosed, IdempotencyKey, RedeemRequest, redeem_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.grant_states import GrantState
from consent.tokens.exchange import CodeExchange, Issued, exchange
from consent.withdrawal.withdraw import Withdrawn
from consent.wording.purposes import PURPOSES, Purpose

__all__ = [
    "DETAILS_TYPE",
    "PURPOSES",
    "Approved",
    "Client",
    "CodeExchange",
    "ConsentError",
    "Consumer",
    "DenialCode",
    "Denied",
    "Details",
    "Disclosed",
    "Disclosure",
    "Enrolled",
    "GrantState",
    "IdempotencyKey",
    "Issued",
    "Pending",
    "Purpose",
    "PushParams",
    "Pushed",
    "Recipient",
    "RedeemRequest",
    "Refusal",
    "RefusalCode",
    "Refused",
    "Registered",
    "Registration",
    "Showing",
    "Withdrawn",
    "claim",
    "correct",
    "disclose_many",
    "enrol_people",
    "exchange",
    "parse_details",
    "pending",
    "push",
    "redeem_many",
    "showing",
    "sign_in",
]
