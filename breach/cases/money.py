"""Money: decimals with a currency, and the agreed part of a claim. No binary fraction ever enters (law_claims.md §3.2).

Single amounts are rounded half up to the currency's minor unit; splits go by largest remainder, so that shares always
sum to the whole. A cap limits what was agreed, never a proven loss: a loss is not part of a draft.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from breach.errors import BreachError
from consent.wording.alias_fields import ALIASES
from consent.wording.currencies import MINOR_UNITS
from consent.wording.terms import Terms
from vault.fields.catalogue import Catalogue


class UnknownCurrency(BreachError):
    """A currency whose smallest unit is not known here."""

    code: str = "unknown_currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A sum in whole minor units of its currency; made by `money`."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:.{MINOR_UNITS[self.currency]}f}"


def money(amount: Decimal, currency: str) -> Money:
    """`amount` rounded half up to the currency's minor unit; raises UnknownCurrency."""
    return Money(amount=amount.quantize(_unit(currency), rounding=ROUND_HALF_UP), currency=currency)


def agreed(of: Terms, fields: Iterable[str], catalogue: Catalogue) -> Money:
    """What the terms owe one person for one leak of these fields, by the class each has: never above the cap."""
    kinds = {ALIASES.get(code, code) for code in fields}
    known = [catalogue.field(code).sensitivity for code in kinds if code in catalogue]
    return money(of.owed(fields=Counter(known)), of.currency)


def split(whole: Money, weights: Mapping[str, Decimal]) -> dict[str, Money]:
    """`whole` in proportion to `weights` (keyed by claim id); equal shares when all weights are zero."""
    if not weights:
        return {}
    unit = _unit(whole.currency)
    total = sum(weights.values())
    parts = weights if total else dict.fromkeys(weights, Decimal(1))
    total = total or Decimal(len(weights))
    exact = {name: whole.amount * weight / total / unit for name, weight in parts.items()}
    units = {name: value.to_integral_value(ROUND_FLOOR) for name, value in exact.items()}
    left = int(whole.amount / unit - sum(units.values()))
    for name in _by_remainder(exact, units)[:left]:
        units[name] += 1
    return {name: Money(amount=count * unit, currency=whole.currency) for name, count in units.items()}


def _by_remainder(exact: Mapping[str, Decimal], units: Mapping[str, Decimal]) -> Sequence[str]:
    """Names by falling remainder; ties by claim id."""
    return sorted(exact, key=lambda name: (units[name] - exact[name], name))


def _unit(currency: str) -> Decimal:
    try:
        return Decimal(1).scaleb(-MINOR_UNITS[currency])
    except KeyError:
        raise UnknownCurrency("no such currency here") from None
