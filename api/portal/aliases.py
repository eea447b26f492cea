"""A person's aliases: which recipient has which, and where one turned up that only that recipient could have known."""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.edge.sessions import Session
from api.portal.render import page, page_texts
from api.wiring import services_of
from consent.marks.alias_lookup import aliases_of


@get("/aliases", opt=access(Access.CONSUMER), sync_to_thread=True)
def aliases_page(request: Request[Session, Any, Any]) -> Response[str]:
    """Every alias of the signed-in person."""
    vault, texts = services_of(request).vault, page_texts(request)
    with vault.data.read() as conn:
        given = aliases_of(conn, vault, (request.user.bucket, request.user.subject))
    lines = [
        {
            "to": one.recipient,
            "text": one.text,
            "since": texts.moment(one.issued_at),
            "seen": [
                texts.text(f"aliases.seen_{each.source}", at=texts.moment(each.seen_at)) for each in one.seen
            ],
        }
        for one in given
    ]
    return page(request, "aliases.html", lines=lines)
