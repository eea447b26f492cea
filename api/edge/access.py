"""Who may call a route: every route names one class in its `opt`, and a route that names none answers nobody."""

from enum import StrEnum
from typing import Any


class Access(StrEnum):
    """The classes of callers."""

    PUBLIC = "public"  # anybody: metadata, the transparency log, style sheets
    CLIENT = "client"  # a recipient app that proves itself with a signed assertion inside the request
    TOKEN = "token"  # noqa: S105 - whoever holds a use token and the key it is bound to
    BROWSER = "browser"  # a page for people who have not signed in
    CONSUMER = "consumer"  # a signed-in person
    INVESTIGATOR = "investigator"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    ANY_STAFF = "staff"  # whoever holds a live staff key: what they may do depends on who else agreed


STAFF = frozenset({Access.INVESTIGATOR, Access.OPERATOR, Access.AUDITOR})
"""The roles a staff key can have."""

PORTAL = frozenset({Access.BROWSER, Access.CONSUMER})


def access(who: Access) -> dict[str, Any]:
    """The `opt` of a route."""
    return {"access": who}
