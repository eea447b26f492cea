"""Passkeys on the portal: adding and removing them while freshly signed in, and signing in with one.

The pages of a ceremony are the only ones with a script, a file of ours; their content policy says so and nothing
more. What the script sends is a form like any other. Adding and removing ask for a sign-in of the last five
minutes, so that a session left open is not enough to let somebody else in for good.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.attempts import note_failure, wait_seconds
from api.edge.guards import current_session
from api.edge.headers import script_policy
from api.edge.problems import Problem
from api.edge.sessions import Session, end_other_sessions
from api.events import Event, log_event
from api.portal.entering import enter, fresh, welcome
from api.portal.limited import source_here
from api.portal.posted import posted
from api.portal.render import page, page_lang, page_texts, see_other
from api.portal.requested import request_named
from api.portal.sign_in import sign_in_form, too_many, visitor_of
from api.wiring import Services, services_of
from consent.accounts.authenticators import (
    Relying,
    assertion_options,
    read_assertion,
    read_registration,
    registration_options,
    relying_of,
)
from consent.accounts.keys import present
from consent.accounts.passkey_challenges import Ceremony, new_challenge, use_challenge
from consent.accounts.passkeys import (
    LONGEST_NAME,
    Backwards,
    PasskeyId,
    PasskeyRefusal,
    Proven,
    add,
    assert_one,
    handle_of,
    parse_passkey,
    passkeys_of,
    remove,
)
from consent.accounts.sign_ins import How
from vault.ids import encode_id


@get("/account/passkeys/new", opt=access(Access.CONSUMER), sync_to_thread=True)
def new_passkey_page(request: Request[Session, Any, Any]) -> Response[str]:
    """The page on which the browser makes a passkey."""
    return _new_passkey_form(request)


@post("/account/passkeys/new", opt=access(Access.CONSUMER), sync_to_thread=True)
def add_passkey(request: Request[Session, Any, Any]) -> Response[str]:
    """Keep the passkey the browser has made."""
    services, person, form = services_of(request), request.user, posted(request)
    relying, now_ms = offered(services), services.clock()
    _freshly(request)
    answer = read_registration(form.get("credential", ""))
    name = " ".join(form.get("name", "").split())[:LONGEST_NAME]
    made: PasskeyId | PasskeyRefusal = PasskeyRefusal.NOT_CHECKED
    with services.vault.data.write() as conn:
        who = (person.bucket, person.subject)
        if answer is not None and use_challenge(
            conn, services.vault, Ceremony.REGISTER, answer.challenge, person.secret, now_ms
        ):
            here = present(conn, who)
            name = name or page_texts(request).text("passkeys.unnamed")
            if here is not None:
                made = add(conn, relying, who, answer, name, now_ms)
    if isinstance(made, PasskeyRefusal):
        return _new_passkey_form(request, error=f"passkeys.{made.value}", status=400)
    return see_other(f"/{page_lang(request).value}/account?added")


@post("/account/passkeys/{name:str}/remove", opt=access(Access.CONSUMER), sync_to_thread=True)
def remove_passkey(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """Forget a passkey, at once; whoever signed in with it, or otherwise elsewhere, has to sign in again."""
    services, person = services_of(request), request.user
    offered(services)
    _freshly(request)
    with services.vault.data.write() as conn:
        if not remove(conn, (person.bucket, person.subject), parse_passkey(name)):
            raise Problem(404, "not_found")
        end_other_sessions(conn, person)
    return see_other(f"/{page_lang(request).value}/account?removed")


@get("/sign-in/passkey", opt=access(Access.BROWSER), sync_to_thread=True)
def passkey_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The page on which the browser signs in with a passkey."""
    services = services_of(request)
    offered(services)
    if current_session(services, request.cookies) is not None:
        return see_other(f"/{page_lang(request).value}/grants")
    return _passkey_form(request, request_named(dict(request.query_params)))


@post("/sign-in/passkey", opt=access(Access.BROWSER), sync_to_thread=True)
def sign_in_with_passkey(request: Request[Any, Any, Any]) -> Response[str]:
    """Check what the passkey signed; on to the request that brought the person here, or to their permissions."""
    services, form = services_of(request), posted(request)
    relying, named = offered(services), request_named(form)
    source, now_ms = source_here(request), services.clock()
    before = request.cookies.get(services.jar.session_name, "")
    with services.vault.data.write() as conn:
        wait = wait_seconds(conn, source, now_ms)
        if wait:
            return too_many(request, named, wait)
        answer = read_assertion(form.get("credential", ""))
        proven: Proven | Backwards | None = None
        if answer is not None and use_challenge(
            conn, services.vault, Ceremony.SIGN_IN, answer.challenge, visitor_of(request), now_ms
        ):
            proven = assert_one(conn, services.vault, relying, answer, now_ms)
        secret = None
        if isinstance(proven, Proven):
            secret = enter(conn, proven.who, How.PASSKEY, before, now_ms)
        if secret is None:
            note_failure(conn, source, now_ms)
    tell_of(proven)
    if secret is None:
        return _passkey_form(request, named, error="passkeys.wrong", status=403)
    return welcome(request, secret, named)


def offered(services: Services) -> Relying:
    """Us as authenticators know us; without passkeys under this issuer the address is not there."""
    relying = relying_of(services.issuer)
    if relying is None:
        raise Problem(404, "not_found")
    return relying


def tell_of(proven: Proven | Backwards | None) -> None:
    """An alarm goes into the event log, after its commit."""
    if isinstance(proven, Backwards):
        log_event(Event.PASSKEY_ALARM, alarm=encode_id("pa", proven.alarm))


def _freshly(request: Request[Session, Any, Any]) -> None:
    if not fresh(request.user, services_of(request).clock()):
        raise Problem(403, "sign_in_again")


def _new_passkey_form(
    request: Request[Session, Any, Any], *, error: str = "", status: int = 200
) -> Response[str]:
    services, person, texts = services_of(request), request.user, page_texts(request)
    relying, now_ms = offered(services), services.clock()
    _freshly(request)
    who = (person.bucket, person.subject)
    with services.vault.data.read() as conn:
        known = [one.credential_id for one in passkeys_of(conn, who)]
    handle = handle_of(services.vault, who)
    options = registration_options(
        relying,
        new_challenge(services.vault, Ceremony.REGISTER, person.secret, now_ms),
        handle=handle,
        # What stands beside the key in the person's password manager: enough to tell two accounts apart.
        user=f"{relying.rp_id} {handle[-3:].hex()}",
        service=texts.text("app.name"),
        known=known,
    )
    return page(
        request, "passkey_new.html", status=status, headers=script_policy(), error=error, options=options
    )


def _passkey_form(
    request: Request[Any, Any, Any], named: dict[str, str] | None, *, error: str = "", status: int = 200
) -> Response[str]:
    services = services_of(request)
    relying = offered(services)

    def context(visitor: str) -> dict[str, Any]:
        challenge = new_challenge(services.vault, Ceremony.SIGN_IN, visitor, services.clock())
        return {"options": assertion_options(relying, challenge)}

    return sign_in_form(
        request,
        "sign_in_passkey.html",
        named,
        error=error,
        status=status,
        headers=script_policy(),
        bound=context,
    )
