"""Liability terms: what a recipient owes per person if what it was given leaks, fixed before anybody approves.

A sum per person and leak, rates by kind of field and of event where the recipient gives them (`rates`), and a cap on
all of it: `min(cap, per_record + rate of each leaked field + rate of each event)`, law_claims.md §3.2.

`publish(conn, recipient_id, version, text, per_record, currency, cap, now_ms) -> Terms`. Sums are decimal
texts, never binary fractions. Terms with a clause nobody can agree to (`clauses`) are turned away: UnfairTerms.

The hash is over canonical JSON: recipient, version, text and sums; with rates also `"format": 2` and the rates. Terms
without rates have no `format` and keep the hash they were signed under.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from consent.clauses import findings
from consent.errors import BadTerms, UnfairTerms
from consent.ids import RecipientId, TermsId, document_hash, new_reference
from consent.schema.tables import terms_signature, terms_version
from consent.texts import storable
from consent.wording.currencies import MINOR_UNITS
from consent.wording.rates import NO_RATES, Liable, Rates, amount, stored
from vault.fields.field import Sensitivity

_MAX_CHARS = 20_000
_WITH_RATES: Final = 2
"""The format of the hashed document of terms that have rates."""

_SIGNED = select(terms_version, terms_signature.c.hash.label("signature_hash")).outerjoin(
    terms_signature, terms_signature.c.terms_id == terms_version.c.id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`per_record` is owed per person and leak, all of a person's claims together at most `cap`."""

    id: TermsId
    recipient_id: RecipientId
    version: int
    text: str
    per_record: Decimal
    currency: str
    cap: Decimal
    rates: Rates
    hash: str
    signature_hash: str | None = None
    """Names the recipient's signature under these terms (`terms_signing`); None where each request has to be signed."""

    def owed(
        self,
        leaks: int = 1,
        *,
        fields: Mapping[Sensitivity, int] | None = None,
        events: Mapping[Liable, int] | None = None,
    ) -> Decimal:
        """What one person is owed for so many leaks of so many distinct fields by class, and for events: at most the cap.

        The cap limits what was agreed, never a loss that the person can prove (Civil Code 497, 506).
        """
        return min(self.per_record * leaks + self.rates.owed(fields or {}, events or {}), self.cap)

    def signature(self, in_request: str | None) -> str | None:
        """What names the recipient's signature under a consent to these terms: that in the request, if it had one."""
        return in_request or self.signature_hash


def publish(  # noqa: PLR0913 - each argument is a fact of its own
    conn: Connection,
    recipient_id: str,
    version: int,
    text: str,
    per_record: str,
    currency: str,
    cap: str,
    now_ms: int,
    *,
    rates: Rates = NO_RATES,
) -> Terms:
    """Write a version of the terms, or find it again; raises BadTerms and UnfairTerms.

    `rates` are in the currency of the terms (`rates.rates`).
    """
    body = _checked(text, version)
    names = {"recipient_id": recipient_id, "version": version}
    unit = _currency(currency)
    sums = {"per_record": amount(per_record, unit), "currency": unit, "cap": amount(cap, unit)}
    if Decimal(sums["cap"]) < max(Decimal(sums["per_record"]), rates.highest):
        raise BadTerms("the cap is below a sum that it limits")
    further = {"format": _WITH_RATES, **rates.document()} if rates != NO_RATES else {}
    digest = document_hash({**names, **sums, "text": body, **further})
    found = conn.execute(select(terms_version).filter_by(**names)).one_or_none()
    if found is not None and found.hash != digest:
        raise BadTerms("this version exists with another content")
    if found is None:
        row = {**names, **sums, "id": new_reference("lt", now_ms), "text": body, "rates": rates.text()}
        conn.execute(insert(terms_version).values(**row, hash=digest, created_at=now_ms))
    this = (terms_version.c.recipient_id == recipient_id, terms_version.c.version == version)
    return _terms(conn.execute(_SIGNED.where(*this)).one())


def terms(conn: Connection, terms_id: str) -> Terms | None:
    """One published version by its id."""
    row = conn.execute(_SIGNED.where(terms_version.c.id == terms_id)).one_or_none()
    return None if row is None else _terms(row)


def _checked(text: str, version: int) -> str:
    body = text.strip()
    if not body or len(body) > _MAX_CHARS or not storable(body, lines=True):
        raise BadTerms("terms have between 1 and 20,000 characters, none of them a control character")
    if version < 1:
        raise BadTerms("terms have a version from 1")
    if found := findings(body):
        raise UnfairTerms(found)
    return body


def _currency(code: str) -> str:
    if code not in MINOR_UNITS:
        raise BadTerms(f"a currency is one of {', '.join(MINOR_UNITS)}")
    return code


def _terms(row: Any) -> Terms:
    return Terms(
        id=TermsId(row.id),
        recipient_id=RecipientId(row.recipient_id),
        version=row.version,
        text=row.text,
        per_record=Decimal(row.per_record),
        currency=row.currency,
        cap=Decimal(row.cap),
        rates=stored(row.rates),
        hash=row.hash,
        signature_hash=row.signature_hash,
    )
