"""The one guard of the app: deny by default.

It reads the class a route names in its `opt`. A route without one is refused, whoever asks. The classes that
prove themselves inside the request (a signed assertion, a token with a proof) pass here and are checked by
their own code; people and staff are identified here and stand in `scope["user"]`. Before all this it turns away
strangers who ask too much (`strangers`).
"""

from typing import Any

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from api.edge.access import STAFF, Access
from api.edge.problems import Problem
from api.edge.sessions import Session, find_session
from api.edge.strangers import peer_of
from api.staff.keys import StaffMember, find_staff
from api.wiring import Services, services_of
from vault.families.merge import survivors

type Connection = ASGIConnection[Any, Any, Any, Any]

_SELF_PROVING = frozenset({Access.PUBLIC, Access.CLIENT, Access.TOKEN, Access.BROWSER})


async def require_access(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let the request through, or raise the problem that says why not."""
    wanted = handler.opt.get("access")
    wait = services_of(connection).strangers.refuse(peer_of(connection.scope), wanted)
    if wait:
        raise Problem(429, "too_many_attempts", headers={"Retry-After": str(wait)})
    if wanted in _SELF_PROVING or connection.scope.get("method") == "OPTIONS":
        return
    if wanted is Access.CONSUMER:
        connection.scope["user"] = await sync_to_thread(_consumer, connection)
    elif wanted in STAFF or wanted is Access.ANY_STAFF:
        connection.scope["user"] = await sync_to_thread(_staff, connection, wanted)
    else:
        raise Problem(403, "forbidden")


def _consumer(connection: Connection) -> Session:
    services = services_of(connection)
    session = current_session(services, connection.cookies)
    if session is None:
        raise Problem(401, "not_authenticated")
    return session


def current_session(services: Services, cookies: dict[str, str]) -> Session | None:
    """The signed-in person behind a browser's cookies, if there is one.

    Whoever was merged into somebody else since they signed in is nobody any more: the survivor signs in.
    """
    text = cookies.get(services.jar.session_name)
    if text is None:
        return None
    session = find_session(services.vault.data, text, services.clock(), services.lifetime)
    if session is None:
        return None
    with services.vault.data.read() as conn:
        merged = survivors(conn, [(session.bucket, session.subject)])
    return None if merged else session


def _staff(connection: Connection, wanted: Access) -> StaffMember:
    services = services_of(connection)
    with services.vault.data.read() as conn:
        member = find_staff(conn, connection.headers.get("authorization", ""))
    if member is None:
        raise Problem(401, "not_authenticated", headers={"WWW-Authenticate": "Bearer"})
    if wanted not in {member.role, Access.ANY_STAFF}:
        raise Problem(403, "forbidden")
    return member
