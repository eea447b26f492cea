"""One visit of one app to one person, over HTTP from the first request to the last refusal.

Decides: what is done for each ending, and what must be refused. An attempt that has to fail is recorded together with
whether it was let through, and is judged only at the end, so that a wrong server ends the story with its numbers and
not with a traceback.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from api.demo.apps import App
from api.demo.consumer_client import Browser
from api.demo.plan import Ending
from api.demo.recipient_client import Received, RecipientClient, RefusedByServer, UseToken


class Attempt(StrEnum):
    """What must not succeed, or must not count twice."""

    AFTER_WITHDRAWAL = "after_withdrawal"
    SPENT = "spent"
    STOLEN = "stolen"
    RETRY = "retry"
    RACE = "race"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An app as the service knows it: what `perusal recipient add` printed for it."""

    app: App
    client_id: str
    recipient_id: str
    notices: Mapping[str, Mapping[str, Any]]
    terms: Mapping[str, Any]

    def details(self, language: str, now: datetime) -> dict[str, Any]:
        """The `pii_use` element (RFC 9396) of one request: named fields, a count, a window, and the exact texts."""
        notice = self.notices[language]
        return {
            "type": "pii_use",
            "actions": ["disclose"],
            "recipient": self.recipient_id,
            "purpose": self.app.purpose,
            "datatypes": list(self.app.fields),
            "uses": self._uses(),
            "window": {"from": _instant(now - timedelta(minutes=1)), "to": _instant(now + timedelta(days=1))},
            "retention": self.app.retention,
            "notice": {name: notice[name] for name in ("id", "version", "lang", "hash")},
            "onward": [],
            "liability": {
                "terms": self.terms["id"],
                **{name: self.terms[name] for name in ("hash", "per_record", "currency")},
            },
        }

    def _uses(self) -> dict[str, Any]:
        """Several uses in one visit are spent with one token."""
        most = self.app.uses
        return {"max": most, "ask": "each"} if most == 1 else {"max": most, "ask": "counted", "batch": most}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of one visit: filled in step by step by the one thread that makes the visit."""

    app: int
    person: int
    ending: Ending
    approved: bool = False
    withdrawn: bool = False
    received: list[Received] = field(default_factory=list)
    attempts: list[tuple[Attempt, bool]] = field(default_factory=list)


def visit(browser: Browser, client: RecipientClient, who: Registered, key: str, outcome: Outcome) -> None:
    """Make the visit; raises RefusedByServer or PageProblem when something fails that has to work."""
    pushed = client.push(who.details(browser.language, datetime.now(UTC)))
    callback = browser.decide(pushed.authorize_url, key, approve=outcome.ending is not Ending.REFUSED)
    if outcome.ending is Ending.REFUSED:
        _expect_no_code(client, callback, pushed)
        return
    token = client.exchange(client.code_from(callback, pushed), pushed)
    outcome.approved = True
    _spend(browser, client, who.app.uses, token, outcome)


def _expect_no_code(client: RecipientClient, callback: str, pushed: Any) -> None:
    try:
        client.code_from(callback, pushed)
    except RefusedByServer as refusal:
        if refusal.code == "access_denied":
            return
        raise
    raise RefusedByServer(0, "refusal_gave_a_code")


def _spend(browser: Browser, client: RecipientClient, uses: int, token: UseToken, outcome: Outcome) -> None:
    ending = outcome.ending
    if ending is Ending.WITHDRAWN_IN_FLIGHT:
        _withdraw_and_try(browser, client, token, outcome)
        return
    keys = [secrets.token_urlsafe(12) for _ in range(1 if ending is Ending.WITHDRAWN_LATER else uses)]
    outcome.received.extend(client.disclose(token, key) for key in keys)
    if ending is Ending.RETRIED:
        again = client.disclose(token, keys[-1])
        outcome.attempts.append((Attempt.RETRY, again.body != outcome.received[-1].body))
    elif ending is Ending.SPENT_TWICE:
        outcome.attempts.append((Attempt.SPENT, let_through(client, token)))
    elif ending is Ending.WITHDRAWN_LATER:
        _withdraw_and_try(browser, client, token, outcome)


def _withdraw_and_try(browser: Browser, client: RecipientClient, token: UseToken, outcome: Outcome) -> None:
    browser.withdraw(token.grant_id)
    outcome.withdrawn = True
    outcome.attempts.append((Attempt.AFTER_WITHDRAWAL, let_through(client, token)))


def let_through(client: RecipientClient, token: UseToken) -> bool:
    """Whether a token that is worth nothing any more still delivers."""
    try:
        client.disclose(token, secrets.token_urlsafe(12))
    except RefusedByServer:
        return False
    return True


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def languages(notices: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Notices of one app by language."""
    return {notice["lang"]: notice for notice in notices}
