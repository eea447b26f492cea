"""The consent floor's errors: one root, a stable code on each, and never a personal value in the text.

Only input that is no input at all raises. A request that is understood and turned down is a value:
`denials.Denied` (redeeming, exchanging) or `refusals.Refusal` (asking, approving).
"""

from collections.abc import Sequence
from typing import ClassVar

from consent.clauses import Finding
from consent.denials import DenialCode, Denied

__all__ = [
    "BadNotice",
    "BadRegistration",
    "BadRequest",
    "BadTerms",
    "ConsentError",
    "DenialCode",
    "Denied",
    "UnfairNotice",
    "UnfairTerms",
    "UnknownPurpose",
    "UnknownRecipient",
    "UnknownText",
    "UnsuitableCarrier",
]


class ConsentError(Exception):
    """Root of everything the consent floor raises; `code` is stable and safe to show to anybody."""

    code: ClassVar[str] = "consent_error"


class BadRegistration(ConsentError):
    """A recipient's registration lacks something the approval page must show or the protocol needs."""

    code = "bad_registration"


class UnknownRecipient(ConsentError):
    """The named recipient is not registered."""

    code = "unknown_recipient"


class UnknownText(ConsentError):
    """The named notice or liability terms were never published."""

    code = "unknown_text"


class UnknownPurpose(ConsentError):
    """The named purpose is not in the closed vocabulary."""

    code = "unknown_purpose"


class BadNotice(ConsentError):
    """A notice without text, in an unknown language, or a version that exists with another text."""

    code = "bad_notice"


class BadTerms(ConsentError):
    """Liability terms without text or with sums that are no money."""

    code = "bad_terms"


class UnsuitableCarrier(ConsentError):
    """A carrier of marks that there is not, or of a field that the purpose never asks for."""

    code = "unsuitable_carrier"


class BadRequest(ConsentError):
    """A request of staff that cannot be meant: without a reason in words, without fields, or about the wrong one."""

    code = "bad_dual_request"


class _Unfair(ConsentError):
    """A text that takes or asks for what nobody can give away; `findings` quotes every offending clause."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{one.clause}: {one.words}" for one in findings))
        self.findings = tuple(findings)


class UnfairTerms(_Unfair, BadTerms):
    """Terms that take away what the person cannot give away; `findings` quotes every offending clause."""

    code = "unfair_terms"


class UnfairNotice(_Unfair, BadNotice):
    """A notice that asks for what nobody can give; `findings` quotes every offending clause."""

    code = "unfair_notice"
