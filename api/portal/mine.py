"""The signed-in person's own permissions and their uses for programs: the portal's session, its CSRF rules,
JSON instead of pages.

What is posted is a form like the portal's own, with the `csrf` token that `GET /me/grants` gives; the answers say the
same as the pages do. Withdrawing asks for no reason; asking again gives the first answer.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.csrf import csrf_token
from api.edge.problems import Problem
from api.edge.sessions import Session
from api.portal.posted import posted
from api.portal.withdrawals import scope_of
from api.wiring import services_of
from consent.export.rows import annulled
from consent.grants import history
from consent.grants.history import GrantLine, UseLine
from consent.ids import disclosure_text, grant_text, parse_grant
from consent.instants import instant
from consent.ledger.origin import origin_of
from consent.protection.ending import Scope, end_all
from consent.withdrawal.withdraw import Withdrawn


@get("/grants", opt=access(Access.CONSUMER), sync_to_thread=True)
def my_grants(request: Request[Session, Any, Any]) -> Response[dict[str, Any]]:
    """Everyone this person has answered, newest first, and the token their forms need."""
    services, person = services_of(request), request.user
    with services.vault.data.read() as conn:
        lines = history.grants(conn, person.bucket, person.subject)
    token = csrf_token(services.csrf_key, person.secret)
    return _json({"csrf": token, "grants": [_grant(line, services.clock()) for line in lines]})


@get("/disclosures", opt=access(Access.CONSUMER), sync_to_thread=True)
def my_disclosures(request: Request[Session, Any, Any]) -> Response[dict[str, Any]]:
    """Every use of this person's data, newest first, with its place in the ledger."""
    services, person = services_of(request), request.user
    with services.vault.data.read() as conn:
        lines = history.uses(conn, person.bucket, person.subject)
    host = services.vault.installation.ledger_host
    return _json({"disclosures": [_disclosure(line, host) for line in lines]})


@post("/grants/{name:str}/withdrawal", status_code=200, opt=access(Access.CONSUMER), sync_to_thread=True)
def withdraw_mine(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """Take one permission back; whatever was passed on under it ends too."""
    return _withdrawn(request, Scope(grant_id=parse_grant(name)))


@post("/withdrawals", status_code=200, opt=access(Access.CONSUMER), sync_to_thread=True)
def withdraw_many(request: Request[Session, Any, Any]) -> Response[dict[str, Any]]:
    """Take back all of one `recipient`'s, all for one `purpose`, or `everything` (`yes`)."""
    return _withdrawn(request, scope_of(posted(request)))


def _withdrawn(request: Request[Session, Any, Any], scope: Scope) -> Response[dict[str, Any]]:
    services, person = services_of(request), request.user
    done = end_all(services.vault, (person.bucket, person.subject), scope, services.clock())
    if not done:
        raise Problem(409, "not_withdrawable")
    taken_back = [grant_text(one) for one in done.taken_back]
    return _json({"withdrawn": [_ended(one) for one in done.withdrawn], "taken_back": taken_back})


def _grant(line: GrantLine, now_ms: int) -> dict[str, Any]:
    return {
        "grant_id": grant_text(line.id),
        "state": line.state_at(now_ms).value,
        "recipient": {"id": line.recipient_id, "name": line.recipient, "contact": line.contact},
        "purpose": line.purpose,
        "datatypes": list(line.fields),
        "used": line.used,
        "of": line.max_uses,
        "window": {"from": instant(line.window_from), "to": instant(line.window_to)},
        "retention": line.retention,
        "parent_grant": None if line.parent is None else grant_text(line.parent),
        "onward": list(line.onward),
        "abroad": line.abroad,
        "decided_at": instant(line.decided_at),
        "withdrawn_at": None if line.withdrawn_at is None else instant(line.withdrawn_at),
        "annulled": annulled(line),
    }


def _disclosure(line: UseLine, host: str) -> dict[str, Any]:
    return {
        "disclosure_id": disclosure_text(line.id),
        "grant_id": grant_text(line.grant_id),
        "recipient": {"id": line.recipient_id, "name": line.recipient},
        "purpose": line.purpose,
        "datatypes": list(line.fields),
        "use": {"n": line.slot, "of": line.quota},
        "disclosed_at": instant(line.committed_at),
        "redelivered": line.redelivered,
        "ledger": {"log": origin_of(host, line.log), "index": line.idx},
    }


def _ended(one: Withdrawn) -> dict[str, Any]:
    return {
        "grant_id": grant_text(one.grant_id),
        "recipient": one.recipient_id,
        "withdrawn_at": instant(one.at),
        "disclosures": one.disclosures,
        "repeated": one.repeated,
        "receipt": one.receipt,
    }


def _json(body: dict[str, Any]) -> Response[dict[str, Any]]:
    return Response(body, media_type="application/json")
