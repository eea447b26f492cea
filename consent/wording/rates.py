"""Rates of liability terms: what is owed beside the sum per person, by kind of leaked field and by kind of event.

A field costs by its class (`ordinary` or `sensitive`), each distinct leaked field once. Events are counted one
by one; their kinds are a closed list, so that a page can say each in the reader's language and a claim can
count it.

`rates(per_field, per_event, currency) -> Rates` from decimal texts, raises BadTerms; `stored(text)` back from a row.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from consent.errors import BadTerms
from consent.ids import canonical_json
from consent.wording.currencies import MINOR_UNITS
from vault.fields.field import Sensitivity

_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?")


class Liable(StrEnum):
    """Events that may have a rate of their own."""

    HARASSING_CALL = "harassing_call"
    LATE_NOTICE_DAY = "late_notice_day"
    ACCESS_AFTER_WITHDRAWAL = "access_after_withdrawal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Sums by kind, above zero; a kind that is not named costs nothing beyond the sum per person."""

    per_field: Mapping[Sensitivity, Decimal] = field(default_factory=dict)
    per_event: Mapping[Liable, Decimal] = field(default_factory=dict)

    def owed(self, fields: Mapping[Sensitivity, int], events: Mapping[Liable, int]) -> Decimal:
        """What so many distinct fields and so many events come to, before any cap."""
        by_field = sum((rate * fields.get(kind, 0) for kind, rate in self.per_field.items()), Decimal(0))
        return by_field + sum(
            (rate * events.get(kind, 0) for kind, rate in self.per_event.items()), Decimal(0)
        )

    @property
    def highest(self) -> Decimal:
        """The largest single sum, zero when there is none."""
        return max((*self.per_field.values(), *self.per_event.values()), default=Decimal(0))

    def document(self) -> dict[str, dict[str, str]]:
        """As it is stored, hashed and signed: decimal texts by kind, and nothing where there are no rates."""
        parts = {
            "per_field": {kind.value: str(rate) for kind, rate in self.per_field.items()},
            "per_event": {kind.value: str(rate) for kind, rate in self.per_event.items()},
        }
        return {name: sums for name, sums in parts.items() if sums}

    def text(self) -> str:
        """The document in canonical JSON."""
        return canonical_json(self.document())


NO_RATES: Final = Rates()


def rates(per_field: Mapping[str, str], per_event: Mapping[str, str], currency: str) -> Rates:
    """Rates from decimal texts in a currency known here; raises BadTerms for other kinds and for what is no sum."""
    return Rates(
        per_field=_sums(Sensitivity, per_field, currency),
        per_event=_sums(Liable, per_event, currency),
    )


def stored(text: str) -> Rates:
    """Back from canonical JSON."""
    document: dict[str, Any] = json.loads(text)
    return Rates(
        per_field={Sensitivity(kind): Decimal(sum_) for kind, sum_ in document.get("per_field", {}).items()},
        per_event={Liable(kind): Decimal(sum_) for kind, sum_ in document.get("per_event", {}).items()},
    )


def amount(text: str, currency: str) -> str:
    """The sum with the decimals of its currency; a positive amount below a thousand billion. Raises BadTerms."""
    if not _AMOUNT.fullmatch(text):
        raise BadTerms("a sum is a plain decimal number with at most two decimals")
    value, places = Decimal(text), MINOR_UNITS[currency]
    if value != round(value, places):
        raise BadTerms("a sum is in whole units of what its currency can be paid in")
    if value <= 0:
        raise BadTerms("a sum is above zero")
    return f"{value:.{places}f}"


def _sums[K: StrEnum](kinds: type[K], given: Mapping[str, str], currency: str) -> dict[K, Decimal]:
    known = {kind.value: kind for kind in kinds}
    if unknown := sorted(given.keys() - known.keys()):
        raise BadTerms(f"there is no rate for {unknown[0]!r}; there are rates for {', '.join(known)}")
    return {known[kind]: Decimal(amount(text, currency)) for kind, text in sorted(given.items())}
