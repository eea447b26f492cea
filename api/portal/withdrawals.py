"""Taking several permissions back at once: all of one recipient's, all for one purpose, or every one.

The page before it says exactly what will end; then one press ends it. That is two actions, as many as giving takes
(follow the recipient's link, approve). No reason is asked, and repeating it changes nothing. What still waits for a
trusted person's answer ends with the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import QueryParams

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.words import field_labels, purpose_title
from api.wiring import services_of
from consent.grants import history
from consent.grants.history import GrantLine
from consent.ids import RecipientId, grant_text
from consent.protection.ending import Scope, end_all
from vault.fields import Catalogue as Fields

_EVERYTHING = "everything"
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceView:
    """One way to take several back: `name` and `value` are the form's member, `count` how many it ends."""

    name: str
    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingView:
    """One permission that would end."""

    id: str
    recipient: str
    purpose: str
    fields: tuple[str, ...]


@get("/withdrawals", opt=access(Access.CONSUMER), sync_to_thread=True)
def withdrawals_page(request: Request[Session, Any, Any], query: QueryParams) -> Response[str]:
    """What would end, and the button that ends it."""
    scope = scope_of({name: query.getall(name)[-1] for name in query})
    services, texts = services_of(request), page_texts(request)
    with services.vault.data.read() as conn:
        lines = history.grants(conn, request.user.bucket, request.user.subject)
    ending = [line for line in lines if line.endable and _covers(scope, line)]
    if not ending:
        raise Problem(409, "not_withdrawable")
    return page(
        request,
        "withdrawals.html",
        ending=[_view(line, texts, services.vault.catalogue) for line in ending],
        heading=_heading(scope, ending, texts),
        chosen=_chosen(scope),
        query="=".join(_chosen(scope)),
    )


@post("/withdrawals", opt=access(Access.CONSUMER), sync_to_thread=True)
def withdraw_several(request: Request[Session, Any, Any]) -> Response[str]:
    """Take them back, at once."""
    services, person = services_of(request), request.user
    scope = scope_of(posted(request))
    done = end_all(services.vault, (person.bucket, person.subject), scope, services.clock())
    if not done:
        raise Problem(409, "not_withdrawable")
    return see_other(f"/{page_lang(request).value}/grants?withdrawn")


def scope_of(members: Mapping[str, str]) -> Scope:
    """Exactly one of `recipient`, `purpose` and `everything=yes`; raises 400 `invalid_input`."""
    if len(members) == 1:
        ((name, value),) = members.items()
        if name == _EVERYTHING and value == "yes":
            return Scope()
        if 0 < len(value) <= _MOST and value.isprintable() and value.isascii():
            if name == "recipient":
                return Scope(recipient_id=RecipientId(value))
            if name == "purpose":
                return Scope(purpose=value)
    raise Problem(400, "invalid_input")


def choices(lines: Sequence[GrantLine], texts: Catalogue) -> list[ChoiceView]:
    """The ways to take back several of these at once; none where there is at most one to take back."""
    live = [line for line in lines if line.endable]
    if len(live) < 2:
        return []
    recipients = {line.recipient_id: line.recipient for line in live}
    purposes = {line.purpose: purpose_title(line.purpose, texts) for line in live}
    found = [_choice("recipient", key, label, live) for key, label in recipients.items()]
    found += [_choice("purpose", key, label, live) for key, label in purposes.items()]
    several = [one for one in found if one.count > 1]
    everything = ChoiceView(
        name=_EVERYTHING, value="yes", label=texts.text("withdrawals.everything"), count=len(live)
    )
    return [*several, everything]


def _choice(name: str, value: str, label: str, live: Sequence[GrantLine]) -> ChoiceView:
    scope = scope_of({name: value})
    return ChoiceView(name=name, value=value, label=label, count=sum(_covers(scope, line) for line in live))


def _covers(scope: Scope, line: GrantLine) -> bool:
    wanted = scope.recipient_id in {None, line.recipient_id}
    return wanted and scope.purpose in {None, line.purpose}


def _chosen(scope: Scope) -> tuple[str, str]:
    if scope.recipient_id is not None:
        return "recipient", scope.recipient_id
    return ("purpose", scope.purpose) if scope.purpose is not None else (_EVERYTHING, "yes")


def _heading(scope: Scope, ending: Sequence[GrantLine], texts: Catalogue) -> str:
    if scope.recipient_id is not None:
        return texts.text("withdrawals.of_recipient", name=ending[0].recipient)
    if scope.purpose is not None:
        return texts.text("withdrawals.for_purpose", name=purpose_title(scope.purpose, texts))
    return texts.text("withdrawals.of_everybody")


def _view(line: GrantLine, texts: Catalogue, fields: Fields) -> EndingView:
    return EndingView(
        id=grant_text(line.id),
        recipient=line.recipient,
        purpose=purpose_title(line.purpose, texts),
        fields=field_labels(line.fields, texts, fields),
    )
