"""A page for people that checks a proof and explains it step by step: of an uploaded file, or of a use of their own.

What is uploaded is checked in memory and kept nowhere: not in the data base, not on the disk, not in a log.
"""

import secrets
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.sessions import Session
from api.portal.posted import MOST_UPLOADED, check_upload, posted, uploaded
from api.portal.proof_drawn import drawing
from api.portal.proof_told import failure, told
from api.portal.render import page, page_texts
from api.portal.sign_in import visitor_of
from api.portal.uses import bundle_of
from api.wiring import services_of
from consent.ledger.bundles.explain import explain
from consent.ledger.bundles.verify import Verdict, verify_bundle
from consent.ledger.origin import parse_origin
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.signer import Signer

_LONGEST_NUMBER = 19


@get("/proof", opt=access(Access.BROWSER), sync_to_thread=True)
def proof_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The form for a proof file."""
    return _with_form(request)


@post(
    "/proof",
    opt=access(Access.BROWSER),
    status_code=200,
    request_max_body_size=MOST_UPLOADED,
    before_request=check_upload,
    sync_to_thread=True,
)
def explain_proof(request: Request[Any, Any, Any]) -> Response[str]:
    """The uploaded file's verdict and the way of one entry; 422 for a file that does not hold or lacks that entry."""
    data, texts = uploaded(request), page_texts(request)
    if not data:
        return _with_form(request, status=422, error=texts.text("proof.no_file"))
    verdict = verify_bundle(data)
    if not verdict.ok:
        return _with_form(request, status=422, **failure(verdict, texts))
    if not verdict.entries:
        return _with_form(request, good=texts.text("proof.only_index"))
    which = _place(verdict, posted(request).get("entry", "").strip())
    if which is None:
        return _with_form(request, status=422, error=texts.text("proof.no_such_entry"))
    return _with_form(request, **_explained(request, data, verdict, which))


@get("/uses/{name:str}/proof", opt=access(Access.CONSUMER), sync_to_thread=True)
def explain_use(request: Request[Session, Any, Any], name: FromPath[str]) -> Response[str]:
    """The same of one use of the signed-in person; raises `ledger.not_yet_published` in the second before it is signed."""
    data = bundle_of(request, name)
    return page(
        request, "proof.html", **_blank(), **_explained(request, data, verify_bundle(data), 0), name=name
    )


def _explained(request: Request[Any, Any, Any], data: bytes, verdict: Verdict, which: int) -> dict[str, Any]:
    texts, found = page_texts(request), explain(data, verdict, which)
    services, log = services_of(request), parse_origin(found.checkpoint.origin)[1]
    vault = services.vault
    with vault.data.glance() as conn:
        ours = not set(found.keys).isdisjoint(log_keys.every(conn, Signer.of(vault), log))
    numbers = [str(one.index) for one in verdict.entries]
    return {
        "good": texts.text("proof.holds", count=len(verdict.checks)),
        "told": told(found, texts, ours=ours, known={one.key for one in services.witnesses.witnesses}),
        "drawing": drawing(found, texts),
        "numbers": texts.listed(numbers) if len(numbers) > 1 else "",
    }


def _place(verdict: Verdict, number: str) -> int | None:
    """Where the entry of this number stands in the verdict: the first when none is named, None for an unknown one."""
    if not number:
        return 0
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return None
    places = [at for at, one in enumerate(verdict.entries) if one.index == int(number)]
    return places[0] if places else None


def _blank() -> dict[str, Any]:
    return {"error": "", "place": ""}


def _with_form(request: Request[Any, Any, Any], *, status: int = 200, **context: Any) -> Response[str]:
    """The page with its form, bound to the visitor's cookie whether they are signed in or not."""
    jar, visitor = services_of(request).jar, visitor_of(request) or secrets.token_urlsafe(32)
    empty = {**_blank(), "good": "", "told": None, "drawing": None, "numbers": "", "name": ""}
    answer = page(request, "proof.html", status=status, binding=visitor, **{**empty, **context})
    answer.cookies.append(jar.keep(jar.visitor_name, visitor))
    return answer
