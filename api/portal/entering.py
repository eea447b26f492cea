"""What every way of signing in ends in: a new session, the old one ended, a line in the person's history.

A session's id is always made here and now, so nothing an attacker planted in the browser beforehand, and nothing
left there, is worth anything afterwards.
"""

from typing import Any, Final

from litestar import Request, Response
from sqlalchemy import Connection

from api.edge.answers import answer_problem
from api.edge.problems import Problem
from api.edge.sessions import Session, end_session, find_session, open_session
from api.portal.asked import open_request
from api.portal.render import page_lang, see_other
from api.wiring import services_of
from consent.accounts.keys import present
from consent.accounts.sign_ins import How, note_sign_in
from vault.ids import Bucket, SubjectId

FRESH_MS: Final = 300_000


def fresh(session: Session, now_ms: int) -> bool:
    """Whether the person proved themselves within the last five minutes: every sign-in makes a new session."""
    return now_ms < session.created_at + FRESH_MS


def enter(conn: Connection, who: tuple[Bucket, SubjectId], how: How, before: str, now_ms: int) -> str | None:
    """A new session in place of `before`, the browser's last one; its secret, or None when the person is gone."""
    if present(conn, who) is None:
        return None
    end_session(conn, before)
    note_sign_in(conn, who, how, now_ms)
    return open_session(conn, *who, now_ms)


def welcome(request: Request[Any, Any, Any], secret: str, named: dict[str, str] | None) -> Response[Any]:
    """On to the request that brought the person here, or to their permissions, with the new session's cookie.

    They are signed in even where the request is none any more: then the answer says so.
    """
    services, lang = services_of(request), page_lang(request)
    jar = services.jar
    cookies = (jar.keep(jar.session_name, secret), jar.drop(jar.visitor_name))
    if named is None:
        return see_other(f"/{lang.value}/grants", cookies=cookies)
    session = find_session(services.vault.data, secret, services.clock(), services.lifetime)
    assert session is not None
    try:
        return see_other(open_request(request, session, named), cookies=cookies)
    except Problem as problem:
        answer = answer_problem(request, problem)
        answer.cookies.extend(cookies)
        return answer
