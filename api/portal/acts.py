"""The questions of their own that some approvals take, each on a page and with a button of its own (`separate_acts`).

The first press of *Approve* leads to the first of them. A yes to one leads to the next, and the last to the approval,
or to the proof of presence it takes (`presence`). A no to any of them refuses the request.
"""

from typing import Any

from litestar import Request, Response

from api.edge.headers import approval_policy
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.lighter import lighter
from api.portal.render import page, page_texts
from api.portal.ticks import as_ticked
from api.portal.words import field_labels
from api.portal.written import ask_to_sign
from api.wiring import Services, services_of
from consent.accounts.keys import Consumer
from consent.approving import approve, separate_acts
from consent.approving.separate_acts import Act
from consent.asking.ask import Via
from consent.asking.showings import Showing
from consent.ids import ShowingId, showing_text
from consent.refusals import Refusal
from consent.wording import countries


def agree(
    services: Services,
    person: Consumer,
    showing_id: ShowingId,
    chosen: set[str] | None,
    act: str,
    name: str,
) -> Refusal | None:
    """Take the yes to one of them, under a `name` where it is signed."""
    if act not in set(Act):
        raise Problem(400, "invalid_input")
    now_ms = services.clock()
    return approve.agree(services.vault, person, showing_id, chosen, Act(act), now_ms, name=name)


def ask_for_act(
    request: Request[Session, Any, Any],
    shown: Showing,
    ticked: frozenset[str],
    act: Act,
    *,
    wrong: bool = False,
) -> Response[str]:
    """The page of one question; `wrong` where a name did not fit."""
    if act is Act.WRITTEN:
        return ask_to_sign(request, shown, ticked, wrong=wrong)
    services, texts = services_of(request), page_texts(request)
    wanted, recipient = separate_acts.needed(shown), shown.recipient
    codes = sorted({*shown.fields, *ticked})
    return page(
        request,
        "act.html",
        headers=approval_policy(shown.redirect_uri) if shown.via is Via.CODE else {},
        id=showing_text(shown.id),
        act=act.value,
        step=texts.text("act.step", n=wanted.index(act) + 1, count=len(wanted)),
        source="" if shown.parent is None else shown.parent.recipient,
        recipient=recipient.legal_name,
        contact=recipient.contact,
        registration=recipient.registration_no,
        country=countries.title(recipient.country, texts.lang.value),
        purpose=shown.purpose.title(texts.lang.value),
        labels=field_labels(codes, texts, services.vault.catalogue),
        method=shown.notice.method,
        rights=shown.notice.rights,
        notice_lang=shown.notice.lang,
        lighter=lighter(services, shown, ticked, texts),
        hidden={"act": act.value, **as_ticked(ticked)},
    )
