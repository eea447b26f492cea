"""What was granted, as clients are told it: the authorization details with maybe fewer fields than were asked for."""

from collections.abc import Sequence
from typing import Any

from consent.asking.ask import details_of
from consent.asking.details import ACTION, DETAILS_TYPE, Details
from consent.instants import instant


def granted_details(row: Any, fields: Sequence[str]) -> dict[str, Any]:
    """The `pii_use` object of a grant for `fields` of it.

    `row` has the columns of `consent_grant` and the `details` of its showing.
    """
    asked = details_of(row.details)
    uses = {"max": row.max_uses, "ask": asked.ask, **({"batch": asked.batch} if asked.batch > 1 else {})}
    return {
        "type": DETAILS_TYPE,
        "actions": [ACTION],
        "recipient": row.recipient_id,
        "purpose": row.purpose,
        "datatypes": list(fields),
        "uses": uses,
        "window": {"from": instant(row.window_from), "to": instant(row.window_to)},
        "retention": row.retention,
        "notice": {"id": row.notice_id, "hash": row.notice_hash},
        "liability": {"terms": row.terms_id, "hash": row.terms_hash},
        **_further(asked),
    }


def _further(asked: Details) -> dict[str, Any]:
    """What most grants have not: whom it may be passed on to, what it stands under, and the country it leaves for."""
    said = {"onward": list(asked.onward), "parent_grant": asked.parent_grant, "country": asked.country}
    return {name: value for name, value in said.items() if value}
