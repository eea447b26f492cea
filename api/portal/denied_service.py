"""Saying that a service was refused for want of data it does not need: one press beside the permission (PIPL 16)."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.i18n import Catalogue
from api.portal.render import page_lang, see_other
from api.portal.words import field_labels
from api.wiring import services_of
from consent.grants import service_denials
from consent.grants.service_denials import Denial
from consent.ids import parse_grant
from vault.fields import Catalogue as Fields


@post("/grants/{name:str}/service-denied", opt=access(Access.CONSUMER), sync_to_thread=True)
def say_service_denied(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Keep the person's word; nothing of the permission changes."""
    services, person = services_of(request), request.user
    who = (person.bucket, person.subject)
    with services.vault.data.write() as conn:
        kept = service_denials.say(conn, who, parse_grant(name), services.clock())
    if not kept:
        raise Problem(404, "not_found")
    return see_other(f"/{page_lang(request).value}/grants#{name}")


def denial_lines(said: Denial | None, texts: Catalogue, fields: Fields) -> tuple[str, ...]:
    """The line about what was said, if anything was."""
    if said is None:
        return ()
    names = texts.listed(field_labels(said.fields, texts, fields))
    return (texts.text("grants.service_denied", date=texts.date(said.said_at), fields=names),)
