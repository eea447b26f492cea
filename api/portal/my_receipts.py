"""The signed-in person's receipts, to keep: those of one permission, or of all of them, fifty permissions at a time.

Each permission's receipts are a chain of their own, because a digest that two recipients see would tell them that they
serve the same person (`receipts.chain`). With each comes its `head`, our word that none follows: what was cut off at the
end would not show otherwise.
"""

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath, QueryParams

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.wiring import Services, services_of
from consent.export.whole_chain import receipts_of
from consent.grants import history
from consent.grants.history import GrantLine
from consent.ids import GrantId, grant_text, parse_grant
from consent.receipts.head import head

MOST: Final = 50
ALL: Final = "/me/receipts"


@get("/grants/{name:str}/receipts", opt=access(Access.CONSUMER), sync_to_thread=True)
def my_receipts(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """Every receipt of one permission: its giving, each use, its withdrawal; each names the one before it."""
    services = services_of(request)
    chain = _chain(services, request.user, parse_grant(name))
    if chain is None:
        raise Problem(404, "not_found")
    return _file({"jwks_uri": services.url("/jwks"), **chain}, f"receipts-{name}.json")


@get("/receipts", opt=access(Access.CONSUMER), sync_to_thread=True)
def all_my_receipts(request: Request[Session, Any, Any], query: QueryParams) -> Response[dict[str, Any]]:
    """The receipts of all permissions, the newest decision first; `next` is where the older ones are."""
    services, person = services_of(request), request.user
    with services.vault.data.read() as conn:
        lines = history.grants(conn, person.bucket, person.subject)
    if "after" in query:
        lines = _older(lines, parse_grant(query["after"]))
    found = [_chain(services, person, line.id) for line in lines[:MOST]]
    document = {
        "jwks_uri": services.url("/jwks"),
        "chains": [one for one in found if one is not None],
        "next": f"{ALL}?after={grant_text(lines[MOST - 1].id)}" if len(lines) > MOST else None,
    }
    return _file(document, "receipts.json")


def pages(lines: Sequence[GrantLine]) -> list[str]:
    """Where all of a person's receipts are: an address for each fifty of their decisions."""
    more = [f"{ALL}?after={grant_text(lines[at - 1].id)}" for at in range(MOST, len(lines), MOST)]
    return [ALL, *more] if lines else []


def _older(lines: list[GrantLine], after: GrantId) -> list[GrantLine]:
    """The decisions behind one of this person's; raises Problem for nobody's."""
    for at, line in enumerate(lines):
        if line.id == after:
            return lines[at + 1 :]
    raise Problem(404, "not_found")


def _chain(services: Services, person: Session, grant_id: GrantId) -> dict[str, Any] | None:
    """One permission's receipts and their end; None for what has none."""
    # Asked before the chain is read: of a use that comes meanwhile nothing is said.
    now_ms = services.clock()
    chain = receipts_of(services.vault, person.subject, person.bucket, grant_id)
    if not chain:
        return None
    last = head(services.vault, chain, now_ms)
    return {"grant_id": grant_text(grant_id), "receipts": chain, "head": last}


def _file(body: dict[str, Any], name: str) -> Response[dict[str, Any]]:
    """An answer that a browser keeps as a file."""
    keep = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/json", headers=keep)
