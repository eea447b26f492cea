"""Consent: recipients ask, people decide, uses are spent once, everything enters the ledger.

These names are what the floors above may rely on. Verbs that share their module's name are called through
it: `approve.approve`, `withdraw.withdraw`. The way of a use: `push`, `claim`, `approve`, `exchange`,
`disclose_many` (which is `redeem_many`, the commit, and only then the reading).
"""

from consent.accounts import Consumer, sign_in
from consent.approve import Approved, Refused
from consent.ask import Pending, Pushed, PushParams, pending, push
from consent.denials import DenialCode, Denied
from consent.details import DETAILS_TYPE, Details, parse_details
from consent.disclose import Disclosure, disclose_many
from consent.errors import ConsentError
from consent.grants import GrantState
from consent.keeping import Enrolled, correct, enrol_people
from consent.purposes import PURPOSES, Purpose
from consent.recipients import Client, Recipient, Registered, Registration
from consent.redeem import Disclosed, IdempotencyKey, RedeemRequest, redeem_many
from consent.refusals import Refusal, RefusalCode
from consent.showings import Showing, claim, showing
from consent.tokens import CodeExchange, Issued, exchange
from consent.withdraw import Withdrawn

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
