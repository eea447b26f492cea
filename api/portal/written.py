"""The page on which a person signs a consent in writing: the declaration word for word, and two ways to sign it.

By their name, typed, which the vault compares with the one on file; or with a passkey, whose assertion over the
approval is the signature and the proof of presence in one (`consent.grants.written`).
"""

from typing import Any

from litestar import Request, Response

from api.edge.headers import approval_policy, script_policy
from api.edge.sessions import Session
from api.portal import presence
from api.portal.lighter import lighter
from api.portal.render import page, page_texts
from api.portal.ticks import as_ticked
from api.wiring import services_of
from consent.approving import separate_acts
from consent.approving.separate_acts import Act
from consent.asking.ask import Via
from consent.asking.showings import Showing
from consent.grants.written import declaration
from consent.ids import showing_text


def ask_to_sign(
    request: Request[Session, Any, Any], shown: Showing, ticked: frozenset[str], *, wrong: bool
) -> Response[str]:
    """The page; `wrong` says that the name that was typed is not the one on file."""
    texts, wanted = page_texts(request), separate_acts.needed(shown)
    ceremony = presence.ceremony(request, shown, ticked)
    redirect = shown.redirect_uri if shown.via is Via.CODE else ""
    headers = script_policy(redirect) if ceremony else approval_policy(redirect) if redirect else {}
    return page(
        request,
        "written.html",
        status=403 if wrong else 200,
        headers=headers,
        id=showing_text(shown.id),
        step=texts.text("act.step", n=wanted.index(Act.WRITTEN) + 1, count=len(wanted)),
        declaration=declaration(shown, sorted({*shown.fields, *ticked})),
        ward=shown.guardian is not None,
        wrong=wrong,
        ticked=as_ticked(ticked),
        lighter=lighter(services_of(request), shown, ticked, texts),
        ceremony=ceremony,
    )
