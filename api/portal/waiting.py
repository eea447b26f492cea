"""What waits for a person who was asked directly, and whom they let ask them so.

Each question shows three numbers. The right one, which the recipient tells the person, opens the ordinary request
page; any other, and "none of these", ends the request. Recipients the person has dealt with can be let to ask
directly, and stopped, by one press each. A guardian sees what waits for the wards they decide for beside their own; a
ward sees it too, and who can answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, get, post

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.asked import person_of
from api.portal.called import told_apart
from api.portal.guardian_needed import guardians_of
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.whom import MYSELF, WHOM, deciding, ward_meant
from api.wiring import Services, services_of
from consent.accounts.keys import Consumer
from consent.asking.guarding import link_text, needs_guardian, ward_of
from consent.decoupled import backchannel, handles
from consent.grants import history
from consent.ids import RecipientId, parse_request, request_text, showing_text
from consent.refusals import Refusal, RefusalCode


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionView:
    """One request that waits."""

    id: str
    recipient: str
    purpose: str
    until: str
    choices: tuple[str, ...]
    whom: str
    ward: str
    """What the ward is called for whom the guardian answers; empty for the person's own questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskerView:
    """A recipient the person knows; `handle` is empty when it may not ask directly."""

    id: str
    name: str
    handle: str


@get("/waiting", opt=access(Access.CONSUMER), sync_to_thread=True)
def waiting_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The open questions and the recipients that may ask."""
    return _page(request)


@post("/waiting", opt=access(Access.CONSUMER), sync_to_thread=True)
def pick_number(request: Request[Session, Any, Any]) -> Response[str]:
    """On to the request when the number is right; else the request is over."""
    services, person, form = (
        services_of(request),
        person_of(request.user, page_lang(request)),
        posted(request),
    )
    number = form.get("number", "")
    shown = backchannel.pick(
        services.vault,
        person,
        parse_request(form.get("request", "")),
        None if number == "none" else number,
        services.clock(),
        ward_meant(services, request.user, form),
    )
    if not isinstance(shown, Refusal):
        return see_other(f"/{person.lang}/requests/{showing_text(shown.id)}")
    if shown.code is RefusalCode.REQUEST_NUMBER:
        return _page(request, said="waiting.ended")
    if shown.code in {RefusalCode.GUARDIAN_NEEDED, RefusalCode.GUARDIAN_OVER}:
        return _page(request, status=403)
    return _page(request, status=404, said="waiting.gone")


@post("/waiting/askers", opt=access(Access.CONSUMER), sync_to_thread=True)
def let_ask(request: Request[Session, Any, Any]) -> Response[str]:
    """Let a recipient ask directly, or stop it."""
    services, person, form = (
        services_of(request),
        person_of(request.user, page_lang(request)),
        posted(request),
    )
    with services.vault.data.read() as conn:
        guarded = needs_guardian(conn, services.vault, (person.bucket, person.subject), services.clock())
    if guarded and form.get("decision") == "allow":
        return _page(request, status=403)
    change_asker(services, person, form)
    return see_other(f"/{person.lang}/waiting")


def change_asker(services: Services, person: Consumer, form: Mapping[str, str]) -> None:
    """Let a recipient whom the person knows ask directly, or stop it; raises 400 `invalid_input`."""
    recipient, decision = RecipientId(form.get("recipient", "")), form.get("decision")
    if recipient not in _known(services, person) or decision not in {"allow", "stop"}:
        raise Problem(400, "invalid_input")
    change = handles.allow if decision == "allow" else handles.stop
    with services.vault.data.write() as conn:
        change(conn, services.vault, person, recipient, services.clock())


def _page(request: Request[Session, Any, Any], *, status: int = 200, said: str = "") -> Response[str]:
    services, texts = services_of(request), page_texts(request)
    person = person_of(request.user, texts.lang)
    ties = deciding(services, request.user)
    with services.vault.data.read() as conn:
        now_ms = services.clock()
        guarded = needs_guardian(conn, services.vault, (person.bucket, person.subject), now_ms)
        mine = backchannel.waiting(conn, services.vault, person, now_ms)
        wards = [backchannel.waiting(conn, services.vault, ward_of(tie, person.lang), now_ms) for tie in ties]
    questions = [_question(one, texts) for one in mine]
    for tie, asked in zip(ties, wards, strict=True):
        name = told_apart(services.vault, (tie.bucket, tie.ward)) or texts.text("wards.unnamed")
        questions += [_question(one, texts, whom=link_text(tie), ward=name) for one in asked]
    return page(
        request,
        "waiting.html",
        status=status,
        said=said,
        member=WHOM,
        guarded=guarded,
        guardians=guardians_of(services, request.user) if guarded else [],
        questions=questions,
        askers=[] if guarded else askers_of(services, person),
        askers_path="waiting/askers",
    )


def askers_of(services: Services, person: Consumer) -> list[AskerView]:
    """The recipients this person has answered, and which of them may ask directly."""
    known = _known(services, person)
    with services.vault.data.read() as conn:
        allowed = handles.allowed(conn, services.vault, person, known)
    return [AskerView(id=who, name=name, handle=allowed.get(who, "")) for who, name in known.items()]


def _known(services: Services, person: Consumer) -> dict[RecipientId, str]:
    """The recipients this person has answered, by name."""
    with services.vault.data.read() as conn:
        lines = history.grants(conn, person.bucket, person.subject)
    return {line.recipient_id: line.recipient for line in lines}


def _question(
    question: backchannel.Question, texts: Catalogue, *, whom: str = MYSELF, ward: str = ""
) -> QuestionView:
    return QuestionView(
        id=request_text(question.id),
        recipient=question.recipient,
        purpose=question.purpose.title(texts.lang.value),
        until=texts.moment(question.expires_at),
        choices=question.choices,
        whom=whom,
        ward=ward,
    )
