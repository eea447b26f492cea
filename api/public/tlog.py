"""The transparency log for outsiders: signed checkpoints, hash tiles, the keys that verify them (C2SP tlog-tiles).

Hashes are public and never change, so full and partial tiles may be cached for ever; that a tile is not there yet is
kept by no cache. A checkpoint is good for a second and can be asked for again by its ETag. Entries carry no
personal data, yet their bundles are for auditors with a key and for no cache: the tags in them would let a
stranger count how often one unnamed person's data is used.
"""

import gzip
from typing import Any, Literal, NamedTuple

from litestar import Request, Response, route
from litestar.params import FromPath

from api.edge.access import Access, access
from api.edge.conditional import entity_tag, has_already
from api.edge.problems import Problem
from api.wiring import Services, services_of
from consent.ledger import published
from consent.ledger.bundles.layout import folder_name
from consent.ledger.errors import Malformed
from consent.ledger.formats.checkpoint import MAX_SIZE
from consent.ledger.formats.tiles import Tile, parse_path
from consent.ledger.indexes import index_tiles
from consent.ledger.origin import LogId, parse_number
from consent.ledger.publishing import given_up
from consent.ledger.publishing.log_keys import told, told_retired
from consent.ledger.publishing.signer import Signer

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_AUDITOR = {"Cache-Control": "private, no-store", "Vary": "Accept-Encoding"}
_MOMENT = {"Cache-Control": "public, max-age=1"}
_BYTES = "application/octet-stream"
_MAX_BUCKET = 4095
_READ: list[Literal["GET", "HEAD"]] = ["GET", "HEAD"]
"""Whoever mirrors a log asks first how much there is (RFC 9110 section 9.1)."""


class _Wanted(NamedTuple):
    tile: Tile
    as_entries: bool


@route("/log/keys", http_method=_READ, opt=access(Access.PUBLIC), sync_to_thread=True)
def log_keys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """One verifier key per log, as signed-note tools read them; none of a log whose key was stolen."""
    services = services_of(request)
    signer, now_ms = Signer.of(services.vault), services.clock()
    with services.vault.data.read() as conn:
        keys = told(conn, signer, now_ms)
    lines = [f"{key}\n" for key in keys]
    return _text(request, "".join(lines).encode())


@route("/log/retired", http_method=_READ, opt=access(Access.PUBLIC), sync_to_thread=True)
def log_retired_keys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The keys that sign no more, each with the last size it signed."""
    services = services_of(request)
    signer, now_ms = Signer.of(services.vault), services.clock()
    with services.vault.data.read() as conn:
        keys = told_retired(conn, signer, now_ms)
    return _text(request, "".join(f"{key}\n" for key in keys).encode())


@route(
    "/log/{year:str}/{bucket:int}/checkpoint",
    http_method=_READ,
    opt=access(Access.PUBLIC),
    sync_to_thread=True,
)
def log_checkpoint(
    request: Request[Any, Any, Any], year: FromPath[str], bucket: FromPath[int]
) -> Response[bytes]:
    """The newest signed checkpoint of a log, with the cosignatures it has, once its witnesses have had their minute."""
    note = services_of(request).shown.of(_log(request, year, bucket, "checkpoint"))
    if note is None:
        raise Problem(404, "not_found")
    return _text(request, note)


@route(
    "/log/{year:str}/{bucket:int}/incident", http_method=_READ, opt=access(Access.PUBLIC), sync_to_thread=True
)
def log_incident(
    request: Request[Any, Any, Any], year: FromPath[str], bucket: FromPath[int]
) -> Response[bytes]:
    """Why a log was given up, where it ended, and which log carries it on: that log has the digest of this text."""
    log, services = _log(request, year, bucket, "incident"), services_of(request)
    with services.vault.data.read() as conn:
        ended = given_up.of(conn, log)
    if ended is None:
        raise Problem(404, "not_found")
    return _text(request, ended.incident.encode())


@route(
    "/log/{year:str}/{bucket:int}/tile/entries/{rest:path}",
    http_method=_READ,
    opt=access(Access.AUDITOR),
    sync_to_thread=True,
)
def log_entries(
    request: Request[Any, Any, Any], year: FromPath[str], bucket: FromPath[int], rest: FromPath[str]
) -> Response[bytes]:
    """The entries beside one level-0 tile, for auditors; compressed for whoever takes gzip."""
    path = f"tile/entries{rest}"
    data = _tile(services_of(request), _log(request, year, bucket, path), _wanted(path))
    if not _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(data, media_type=_BYTES, headers=_AUDITOR)
    headers = {**_AUDITOR, "Content-Encoding": "gzip"}
    return Response(gzip.compress(data, mtime=0), media_type=_BYTES, headers=headers)


@route(
    "/log/{year:str}/{bucket:int}/tile/{level:int}/{rest:path}",
    http_method=_READ,
    opt=access(Access.PUBLIC),
    sync_to_thread=True,
)
def log_tile(
    request: Request[Any, Any, Any],
    year: FromPath[str],
    bucket: FromPath[int],
    level: FromPath[int],
    rest: FromPath[str],
) -> Response[bytes]:
    """One tile of hashes, full or partial."""
    path = f"tile/{level}{rest}"
    data = _tile(services_of(request), _log(request, year, bucket, path), _wanted(path))
    return Response(data, media_type=_BYTES, headers=_FOR_EVER)


@route(
    "/log/{year:str}/{bucket:int}/index/{upto:int}/tile/{rest:path}",
    http_method=_READ,
    opt=access(Access.AUDITOR),
    sync_to_thread=True,
)
def log_index(
    request: Request[Any, Any, Any],
    year: FromPath[str],
    bucket: FromPath[int],
    upto: FromPath[int],
    rest: FromPath[str],
) -> Response[bytes]:
    """The rows of an index that is still kept, or a tile over them, for auditors."""
    path = f"tile{rest}"
    log, wanted = _log(request, year, bucket, f"index/{upto}/{path}"), _wanted(path)
    if not 0 < upto <= MAX_SIZE:
        raise Problem(404, "not_found")
    with services_of(request).vault.data.read() as conn:
        data = index_tiles.served(conn, log, upto, wanted.tile, as_rows=wanted.as_entries)
    if data is None:
        raise Problem(404, "not_found")
    return Response(data, media_type=_BYTES, headers=_AUDITOR)


def _log(request: Request[Any, Any, Any], year: str, bucket: int, rest: str) -> LogId:
    """The log of a request, which must name it, and what of it is wanted, in the one spelling that tlog-tiles has.

    Caches keep what is asked for by its address, so a second spelling of it would be a second copy of everything.
    """
    try:
        log = LogId(bucket, parse_number(year))
    except Malformed:
        raise Problem(404, "not_found") from None
    asked = request.scope["raw_path"].partition(b"?")[0]
    if not 0 <= bucket <= _MAX_BUCKET or asked != f"/{folder_name(log)}/{rest}".encode():
        raise Problem(404, "not_found")
    return log


def _wanted(path: str) -> _Wanted:
    try:
        return _Wanted(*parse_path(path))
    except Malformed:
        raise Problem(404, "not_found") from None


def _tile(services: Services, log: LogId, wanted: _Wanted) -> bytes:
    with services.vault.data.read() as conn:
        data = published.public_tile(conn, log, wanted.tile, as_entries=wanted.as_entries)
    if data is None:
        raise Problem(404, "not_found")
    return data


def _text(request: Request[Any, Any, Any], data: bytes) -> Response[bytes]:
    """A text that may have changed a second later, or 304 for whoever has it already."""
    headers = {**_MOMENT, "ETag": entity_tag(data)}
    if has_already(request, headers["ETag"]):
        return Response(b"", status_code=304, headers=headers, media_type="text/plain")
    return Response(data, headers=headers, media_type="text/plain")


def _takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` names gzip and does not refuse it with a weight of nothing (RFC 9110 §12.5.3)."""
    for part in accepted.lower().split(","):
        coding, _, weight = (piece.strip() for piece in part.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "").rstrip("0") not in {"q=", "q=0."}
    return False
