"""Liability terms: what a recipient owes per person if what it was given leaks, fixed before anybody approves.

`publish(conn, recipient_id, version, text, per_record, currency, cap, now_ms) -> Terms`. Sums are decimal
texts, never binary fractions. Terms are turned away (UnfairTerms, quoting the words) when they exclude
liability, ask for blanket consent, or claim consent cannot be taken back: none of that can be given
(Civil Code 506, PIPL 14 to 16). The check reads for known wordings; a clean result is not legal advice.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Connection, insert, select

from consent.errors import BadTerms, UnfairTerms
from consent.ids import RecipientId, TermsId, document_hash, new_reference
from consent.tables import terms_version
from consent.texts import storable

_MAX_CHARS = 20_000
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?")

_CLAUSES = {
    "excludes liability": re.compile(
        r"(no|not|never|without|disclaims?|excludes?|waives?)\b[^.;\n]{0,40}\bliab(le|ility)"
        r"|hold(s)? harmless|at (your|their) own risk"
        r"|不承担[^。;;\n]{0,12}责任|免除[^。;;\n]{0,12}责任|概不负责|不负(任何)?[^。;;\n]{0,8}责任|责任自负|自行承担[^。;;\n]{0,10}(风险|损失)",
        re.IGNORECASE,
    ),
    "blanket consent": re.compile(
        r"(any|all) (other )?purposes?\b|any third part(y|ies)|all (your )?(personal )?(data|information)\b"
        r"|任何(其他)?(目的|用途)|一切(目的|用途)|所有(目的|用途)|任何第三方|(全部|所有)个人信息",
        re.IGNORECASE,
    ),
    "irrevocable consent": re.compile(
        r"irrevocabl[ey]|(cannot|can not|may not|must not) (be )?(withdraw|revoke)n?d?|in perpetuity"
        r"|不可撤(回|销)|不得撤(回|销)|永久(授权|有效|同意)",
        re.IGNORECASE,
    ),
}


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
    hash: str

    def example(self) -> Decimal:
        """What one person would be owed for one leak: the sum the approval page shows."""
        return min(self.per_record, self.cap)


def publish(
    conn: Connection,
    recipient_id: str,
    version: int,
    text: str,
    per_record: str,
    currency: str,
    cap: str,
    now_ms: int,
) -> Terms:
    """Write a version of the terms, or find it again; raises BadTerms and UnfairTerms."""
    body = _checked(text, version)
    names = {"recipient_id": recipient_id, "version": version}
    sums = {"per_record": _amount(per_record), "currency": _currency(currency), "cap": _amount(cap)}
    if Decimal(sums["cap"]) < Decimal(sums["per_record"]):
        raise BadTerms("the cap is below the sum per record")
    digest = document_hash({**names, **sums, "text": body})
    found = conn.execute(select(terms_version).filter_by(**names)).one_or_none()
    if found is not None and found.hash != digest:
        raise BadTerms("this version exists with another content")
    if found is None:
        row = {**names, **sums, "id": new_reference("lt", now_ms), "text": body}
        conn.execute(insert(terms_version).values(**row, hash=digest, created_at=now_ms))
        found = conn.execute(select(terms_version).filter_by(**names)).one()
    return _terms(found)


def terms(conn: Connection, terms_id: str) -> Terms | None:
    """One published version by its id."""
    row = conn.execute(select(terms_version).where(terms_version.c.id == terms_id)).one_or_none()
    return None if row is None else _terms(row)


def unfair(text: str) -> tuple[str, str] | None:
    """The first clause a person cannot agree to: which kind, and the offending words; None when none is found."""
    for clause, pattern in _CLAUSES.items():
        found = pattern.search(text)
        if found:
            return clause, found[0]
    return None


def _checked(text: str, version: int) -> str:
    body = text.strip()
    if not body or len(body) > _MAX_CHARS or not storable(body, lines=True):
        raise BadTerms("terms have between 1 and 20,000 characters, none of them a control character")
    if version < 1:
        raise BadTerms("terms have a version from 1")
    found = unfair(body)
    if found:
        raise UnfairTerms(*found)
    return body


def _amount(text: str) -> str:
    """The sum with two decimals; a positive amount below a thousand billion."""
    if not _AMOUNT.fullmatch(text):
        raise BadTerms("a sum is a plain decimal number with at most two decimals")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise BadTerms("a sum is a plain decimal number") from None
    if amount <= 0:
        raise BadTerms("a sum is above zero")
    return f"{amount:.2f}"


def _currency(code: str) -> str:
    if not _CURRENCY.fullmatch(code):
        raise BadTerms("a currency is three capital letters")
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
        hash=row.hash,
    )
