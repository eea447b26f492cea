"""The consent record of ISO/IEC TS 27560:2023, in the terms of the W3C Data Privacy Vocabulary.

It says everything a receipt must say about a consent without a value and without a name of the person:
`pii_principal_id` is their name for this one recipient; what a guardian gave for a ward has the link they gave
it by as a party, named for this recipient too. Everything in it comes from rows that never change, so the same
record is made again whenever it is wanted.

`record(facts, names, since=()) -> dict`: the record as it stood when it was given or refused, or after what came since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from consent.ids import GrantId, RecipientId, grant_text
from consent.instants import instant
from consent.ledger.entries.entry import Kind, parse
from consent.wording.alias_fields import ALIASES
from consent.wording.countries import is_abroad
from consent.wording.purposes import PURPOSES
from vault.fields import FIELDS
from vault.ids import Bucket, SubjectId

SCHEMA: Final = "ISO/IEC TS 27560:2023"

_DPV: Final = "https://w3id.org/dpv#"
_PD: Final = "https://w3id.org/dpv/pd#"
# Terms that every release of the vocabulary since 2.0 has.
_CATEGORIES: Final[Mapping[str, str]] = {
    "address": "PhysicalAddress",
    "bank_card": "PaymentCardNumber",
    "birth_date": "BirthDate",
    "email": "EmailAddress",
    "name": "Name",
    "passport": "Passport",
    "phone": "TelephoneNumber",
    "plate": "VehicleLicense",
    "resident_id": "OfficialID",
}
_BASES: Final[Mapping[str, str]] = {"explicit": "ExpressedConsent"}
"""By kind of consent; every other kind is one that is given by an act of its own."""


type Past = tuple[str, int]
"""A state of the vocabulary that a consent has had, and since when (Unix milliseconds)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFacts:
    """A consent as its rows, its showing, its parties and its ledger entry say; times in Unix milliseconds."""

    bucket: Bucket
    id: GrantId
    subject: SubjectId
    recipient_id: RecipientId
    recipient_name: str
    registration_no: str
    jurisdiction: str
    country: str
    purpose: str
    kind: str
    fields: tuple[str, ...]
    notice_id: str
    notice_version: int
    notice_lang: str
    notice_hash: str
    rights: str
    terms_id: str
    terms_hash: str
    terms_signature: str
    written_hash: str | None
    written_lang: str | None
    written_by: str | None
    retention: str
    max_uses: int
    window_from: int
    window_to: int
    parent: GrantId | None
    onward: tuple[str, ...]
    approval: bytes
    asked_at: int
    decided_at: int
    ledger_year: int
    idx: int
    leaf: bytes
    body: bytes
    signing: int
    link: bytes | None = None
    """Which guardian's link it was given by, for a ward; 16 bytes."""

    @property
    def refused(self) -> bool:
        """Whether it was refused when it was asked for; the person's entry in the ledger says so."""
        return parse(self.body).kind is Kind.REFUSE

    @property
    def abroad(self) -> bool:
        """Whether the data leaves the country under whose law the consent was given."""
        return is_abroad(self.country, self.jurisdiction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Names for one recipient alone: the person's, and that of the link by which a guardian gave it, if one did."""

    principal: str
    link: str = ""


def record(facts: GrantFacts, names: Named, since: Sequence[Past] = ()) -> dict[str, Any]:
    """The record, ready for canonical JSON; `since` are the states it has had since it was decided."""
    return {
        "schema_version": SCHEMA,
        "record_id": grant_text(facts.id),
        "pii_principal_id": names.principal,
        "parties": [_controller(facts), *_guardian(names)],
        "pii_processing": _processing(facts),
        "events": _events(facts, since),
    }


def _controller(facts: GrantFacts) -> dict[str, Any]:
    return {
        "party_id": facts.recipient_id,
        "party_name": facts.recipient_name,
        "party_registration": facts.registration_no,
        "party_role": _DPV + "DataController",
        "party_country": facts.country,
    }


def _guardian(names: Named) -> list[dict[str, Any]]:
    """The link, not the guardian: a recipient who knows them in their own right does not meet them here."""
    return [{"party_id": names.link, "party_role": _DPV + "GuardianOfDataSubject"}] if names.link else []


def _processing(facts: GrantFacts) -> dict[str, Any]:
    return {
        "privacy_notice": {
            "id": facts.notice_id,
            "version": facts.notice_version,
            "language": facts.notice_lang,
            "hash": facts.notice_hash,
        },
        "terms": {
            "id": facts.terms_id,
            "hash": facts.terms_hash,
            "signature": facts.terms_signature,
        },
        "purposes": [_purpose(facts)],
    }


def _purpose(facts: GrantFacts) -> dict[str, Any]:
    known = PURPOSES[facts.purpose]
    return {
        "purpose": facts.purpose,
        "purpose_type": known.dpv_iri,
        "purpose_description": known.title(facts.notice_lang),
        "lawful_basis": _DPV + _BASES.get(facts.kind, "ExplicitlyExpressedConsent"),
        "consent_kind": facts.kind,
        **_written(facts),
        "pii_information": [_information(field) for field in facts.fields],
        "pii_controllers": [facts.recipient_id],
        "recipient_third_parties": list(facts.onward),
        "processing_method": _DPV + "Disclose",
        "uses": facts.max_uses,
        "validity": {"from": instant(facts.window_from), "to": instant(facts.window_to)},
        "retention_period": facts.retention,
        "jurisdictions": [facts.jurisdiction],
        **_apart(facts),
        "withdrawal_method": "one request, without a reason, where it was given",
    }


def _apart(facts: GrantFacts) -> dict[str, Any]:
    """What was agreed to by an act of its own (`separate_acts`): the consent above, and where the data goes abroad."""
    above = {} if facts.parent is None else {"parent_record_id": grant_text(facts.parent)}
    if not facts.abroad:
        return above
    return {**above, "transfer": {"country": facts.country, "rights": facts.rights}}


def _written(facts: GrantFacts) -> dict[str, Any]:
    """The declaration that was signed, by its hash; only what law demands in writing has one."""
    if facts.written_hash is None:
        return {}
    signed = {"hash": facts.written_hash, "language": facts.written_lang, "signed_by": facts.written_by}
    return {"written_declaration": signed}


def _information(field: str) -> dict[str, Any]:
    """One kind of data; an operator's own kinds have a code and no term of the vocabulary."""
    field_or_alias = ALIASES.get(field, field)
    known = field_or_alias in FIELDS
    term = {"pii_type": _PD + _CATEGORIES[field]} if field in _CATEGORIES else {}
    return {**term, "pii_attribute": field, "sensitive": FIELDS[field_or_alias].sensitive if known else True}


def _events(facts: GrantFacts, since: Sequence[Past]) -> list[dict[str, Any]]:
    """Every state it has had, in order. A use is no state of a consent: it has a receipt of its own."""
    decided = "ConsentRefused" if facts.refused else "ConsentGiven"
    states = [("ConsentRequested", facts.asked_at), (decided, facts.decided_at), *since]
    return [{"event_state": _DPV + state, "event_time": instant(at)} for state, at in states]
