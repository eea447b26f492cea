"""Currencies whose smallest unit is known: nothing is agreed in any other, because nobody could say what it comes to."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

MINOR_UNITS: Mapping[str, int] = MappingProxyType(
    {"CNY": 2, "EUR": 2, "USD": 2, "SGD": 2, "HKD": 2, "INR": 2, "JPY": 0, "KRW": 0}
)
"""Decimal places of each currency known here (ISO 4217)."""


def written(amount: Decimal, currency: str) -> str:
    """A sum for people: the currency and the amount with its places, such as `CNY 1,500.00` and `JPY 30,000`."""
    return f"{currency} {amount:,.{MINOR_UNITS[currency]}f}"
