"""Grant Management for recipients: look at one's own consent, or end it (Grant Management for OAuth 2.0, §6).

The holder shows a management token and a proof under its key (RFC 9449 §7). Without them it is 401, without the scope
403; a consent that is another client's is 403, one that is unknown, was refused or has ended is 404. Ending it is
204, and cannot be undone.
"""

from typing import Any, Final, NoReturn

from litestar import Request, Response, delete, get
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.problems import Problem
from api.oauth.dpop import ALGORITHMS, Proof, ProofFault, check_proof
from api.oauth.nonces import new_nonce
from api.wiring import Services, services_of
from consent.grants import management as grant_management
from consent.grants.management import Managed, Refused
from consent.grants.management_tokens import Holder, Scope, holder
from consent.ids import GrantId, grant_text, parse_grant
from consent.instants import instant
from consent.signing import replay
from vault.errors import MalformedId

PATH: Final = "/grants"
ACTIONS: Final = ("query", "revoke")
_ALGS: Final = f'algs="{" ".join(ALGORITHMS)}"'
_STATUS: Final = {Refused.UNKNOWN: (404, "not_found"), Refused.FOREIGN: (403, "forbidden")}


# Asynchronous, because the framework wraps a handler twice when two methods share a path of the app itself.
@get(f"{PATH}/{{name:str}}", opt=access(Access.TOKEN))
async def query_grant(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """What was granted and what is left of it."""
    found = await sync_to_thread(_query, services_of(request), request, name)
    return Response(_document(found), media_type="application/json")


@delete(f"{PATH}/{{name:str}}", opt=access(Access.TOKEN), status_code=204)
async def end_grant(request: Request[Any, Any, Any], name: FromPath[str]) -> None:
    """End a consent, with everything that was passed on under it."""
    await sync_to_thread(_end, services_of(request), request, name)


def _query(services: Services, request: Request[Any, Any, Any], name: str) -> Managed:
    who = _holder(services, request, f"{PATH}/{name}", Scope.QUERY)
    with services.vault.data.glance() as conn:
        found = grant_management.query(conn, who.client_id, _grant(name), services.clock())
    if isinstance(found, Refused):
        raise Problem(*_STATUS[found])
    return found


def _end(services: Services, request: Request[Any, Any, Any], name: str) -> None:
    who = _holder(services, request, f"{PATH}/{name}", Scope.REVOKE)
    done = grant_management.terminate(services.vault, who.client_id, _grant(name), services.clock())
    if isinstance(done, Refused):
        raise Problem(*_STATUS[done])


def _grant(name: str) -> GrantId:
    try:
        return parse_grant(name)
    except MalformedId:
        raise Problem(*_STATUS[Refused.UNKNOWN]) from None


def _document(found: Managed) -> dict[str, Any]:
    """`scopes` and `claims` belong to the standard's answer; here everything is in the authorization details."""
    return {
        "scopes": [],
        "claims": [],
        "authorization_details": [found.details],
        "grant_id": grant_text(found.grant_id),
        "state": found.state.value,
        "use": {"n": found.used, "of": found.max_uses},
        "created_at": instant(found.decided_at),
    }


def _holder(services: Services, request: Request[Any, Any, Any], path: str, scope: Scope) -> Holder:
    """Whoever shows a living management token with a fresh proof under its key, and may do this."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "dpop" or not token:
        raise Problem(401, "not_authenticated", headers={"WWW-Authenticate": f"DPoP {_ALGS}"})
    now_ms = services.clock()
    proof = _proof(services, request, path, token, now_ms)
    with services.vault.data.write() as conn:
        who = holder(conn, token, proof.jkt, now_ms)
        # Strangers' proofs are not worth a row.
        fresh = who is not None and replay.remember(
            conn, services.vault.installation.buckets, "dpop", proof.digest, proof.expires
        )
    if who is None:
        _refuse(401, "invalid_token")
    if not fresh:
        _refuse(401, "invalid_dpop_proof")
    if scope not in who.scopes:
        _refuse(403, "insufficient_scope", f', scope="{scope}"')
    return who


def _proof(services: Services, request: Request[Any, Any, Any], path: str, token: str, now_ms: int) -> Proof:
    key = services.nonce_key()
    checked = check_proof(
        request.headers.getall("dpop", []),
        method=request.method,
        url=services.url(path),
        now_ms=now_ms,
        token=token,
        nonce_key=key,
    )
    if checked is ProofFault.NONCE and key is not None:
        _refuse(401, "use_dpop_nonce", nonce=new_nonce(key, now_ms))
    if isinstance(checked, ProofFault):
        _refuse(401, "invalid_dpop_proof")
    return checked


def _refuse(status: int, error: str, more: str = "", *, nonce: str | None = None) -> NoReturn:
    """A refusal that also speaks RFC 6750 and RFC 9449 §7.1."""
    headers = {"WWW-Authenticate": f'DPoP error="{error}"{more}, {_ALGS}'}
    if nonce is not None:
        headers["DPoP-Nonce"] = nonce
    raise Problem(status, error, headers=headers)
