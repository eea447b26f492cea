"""The same answer without what is sensitive and optional, for whoever ticked it by mistake (PIPL 29, consent.md §6, 31).

The pages that ask about sensitive data apart would otherwise leave nobody a way to take one tick back: refusing there
refuses what is needed too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from api.i18n import Catalogue
from api.portal.ticks import as_ticked
from api.portal.words import field_labels
from api.wiring import Services
from consent.asking.showings import Showing
from vault.people.ages import sensitive_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighter:
    """What would be left out, by its names, and the members of the form that leaves it out."""

    labels: tuple[str, ...]
    hidden: Mapping[str, str]


def lighter(services: Services, shown: Showing, ticked: frozenset[str], texts: Catalogue) -> Lighter | None:
    """The answer without the sensitive ones of `ticked`; None when none of them is."""
    optional = ticked - set(shown.fields)
    left_out = sensitive_fields(services.vault, shown.subject, sorted(optional), services.clock()) & optional
    if not left_out:
        return None
    return Lighter(
        labels=field_labels(sorted(left_out), texts, services.vault.catalogue),
        hidden=as_ticked(ticked - left_out),
    )
