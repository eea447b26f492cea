"""Leaked files on their way in: streamed from the socket into the sealed quarantine, then traced by a job.

The raw body is used, not a form: a form parser would spool the plaintext of a leaked file to disk, which
would be a second leak. For investigators with a key.
"""

from typing import Any

from litestar import Request, Response, get, post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.headers import CSP
from api.edge.problems import Problem
from api.i18n import negotiate
from api.jobs.handlers import TRACE
from api.jobs.lease import enqueue, status
from api.staff.keys import StaffMember
from api.tracing.page import page, policy
from api.wiring import Services, services_of
from breach.intake.quarantine import PREFIX as DUMP_PREFIX
from breach.intake.quarantine import Upload, custody
from breach.pipeline.report import PREFIX as TRACE_PREFIX
from breach.pipeline.report import report_json
from breach.pipeline.task import load
from vault.ids import decode_id, encode_id

_JOB = "job"
_PIECE = 1 << 20


@post("/v1/dumps", opt=access(Access.INVESTIGATOR), status_code=202, request_max_body_size=None)
async def receive_dump(request: Request[StaffMember, Any, Any]) -> Response[dict[str, Any]]:
    """Take a file into custody and queue its trace; answers where to watch it."""
    services, actor = services_of(request), request.user.custody_name
    with Upload(services.vault, services.settings.quarantine, limit=services.settings.dump_limit) as upload:
        piece = bytearray()
        async for chunk in request.stream():
            piece += chunk
            if len(piece) >= _PIECE:
                await sync_to_thread(upload.write, bytes(piece))
                piece.clear()
        await sync_to_thread(upload.write, bytes(piece))
        body = await sync_to_thread(_finish, services, upload, actor)
    services.worker.wake()
    return Response(
        body, status_code=202, media_type="application/json", headers={"Location": body["status"]}
    )


@get("/v1/dumps/{name:str}", opt=access(Access.INVESTIGATOR), sync_to_thread=True)
def dump_status(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[dict[str, Any]]:
    """How far the trace of a dump has come."""
    with services_of(request).vault.data.read() as conn:
        found = status(conn, decode_id(_JOB, name))
    if found is None:
        raise Problem(404, "not_found")
    body = {
        "job": name,
        "state": found.state,
        "stage": found.stage,
        "done": found.done,
        "total": found.total,
        "code": found.code,
        "trace": found.result,
    }
    return Response(body, media_type="application/json")


@get("/v1/traces/{name:str}", opt=access(Access.INVESTIGATOR), sync_to_thread=True)
def trace_report(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[str]:
    """The report of a finished trace: ids of recipients, counts and hashes, no personal value."""
    found = load(services_of(request).vault, decode_id(TRACE_PREFIX, name))
    return Response(report_json(found), media_type="application/json")


@get("/v1/traces/{name:str}/page", opt=access(Access.INVESTIGATOR), sync_to_thread=True)
def trace_page(request: Request[StaffMember, Any, Any], name: FromPath[str]) -> Response[str]:
    """The same as a page of one file, with the custody of its dump so far, in the language asked for."""
    vault, lang = services_of(request).vault, negotiate(request.headers.get("Accept-Language", ""))
    body = load(vault, decode_id(TRACE_PREFIX, name)).body
    kept = custody(vault, decode_id(DUMP_PREFIX, body["dump"]["id"]))
    headers = {CSP: policy(), "Content-Language": lang.value, "Vary": "Accept-Language"}
    return Response(page(body, lang, kept), media_type="text/html", headers=headers)


def _finish(services: Services, upload: Upload, actor: str) -> dict[str, Any]:
    now_ms = services.clock()
    kept = upload.finish(now_ms, actor=actor)
    payload = {"dump": kept.name, "actor": actor}
    with services.vault.data.write() as conn:
        job = encode_id(_JOB, enqueue(conn, TRACE, payload, now_ms))
    return {
        "dump": kept.name,
        "sha256": kept.sha256.hex(),
        "size": kept.size,
        "again": kept.again,
        "job": job,
        "status": services.url(f"/v1/dumps/{job}"),
    }
