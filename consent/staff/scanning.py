"""The population scan as staff run it: asked for digest by digest, approved by two others, every find ledgered.

The run is committed before anybody is opened, and only the permission read back from it lets the vault scan. After
each page whoever was found has it in their chain, and the run's row says how far it has come: a scan that breaks
off goes on from there under the same approval, for a day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from consent.denials import DenialCode, Denied
from consent.dual.control import Question, ask
from consent.dual.requests import DualRequest, approvers, find, with_key
from consent.dual.steps import deny, deny_unknown, step_item
from consent.ids import DisclosureId, DualId
from consent.ledger.append import append
from consent.ledger.entries.entry import Kind
from consent.permits.issue import scan_permission
from consent.permits.scan_runs import RESUME_MS, ScanScope, run_fields, scope_of, scope_text
from consent.schema.dual_tables import scan_run
from consent.staff.lookup import note_lookups, record_lookups
from consent.staff_members import DualKind, DualReason, DualState, Staffer, actor_mac
from vault.honey.watch import Source
from vault.ids import Bucket, SubjectId, bucket_of, new_id
from vault.opening import Vault
from vault.scan.running import Cursor, ScanHit, ScanProgress, ScanRefused, scan

type Report = Callable[[ScanProgress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A finished scan: the finds of this run (after a resumption, those since)."""

    request_id: DualId
    hits: tuple[ScanHit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    bucket: Bucket
    id: DisclosureId
    after: Cursor | None


def ask_scan(
    vault: Vault, staffer: Staffer, scope: ScanScope, reason: DualReason, note: str, now_ms: int
) -> DualRequest | Denied:
    """Ask for exactly this scan; raises BadRequest, or UnknownScheme of the vault."""
    question = Question(
        kind=DualKind.POPULATION_SCAN,
        reason=reason,
        note=note,
        fields=(scope.field,),
        scope=scope_text(scope),
    )
    return ask(vault, staffer, question, now_ms)


def run_scan(  # each argument is a fact of its own
    vault: Vault,
    staffer: Staffer,
    request_id: DualId,
    wanted: Sequence[bytes],
    now_ms: int,
    *,
    salts: Sequence[bytes] = (),
    report: Report | None = None,
) -> Scanned | Denied:
    """Run an approved scan, or take it up where it broke off; `report` sees every page after it is on record."""
    request, _ = with_key(vault, request_id)
    if request is None or request.kind is not DualKind.POPULATION_SCAN:
        return deny_unknown(vault, bucket_of(request_id), DenialCode.UNKNOWN_REQUEST, now_ms)
    with vault.data.write() as conn:
        now = find(conn, request_id, lock=True)
        assert now is not None
        run = _settle(conn, vault, (now, staffer, wanted, salts), now_ms)
        if isinstance(run, DenialCode):
            return deny(conn, vault, None, (now, staffer, run), now_ms)
    permission = scan_permission(vault, (run.bucket, run.id))
    if permission is None:
        return Denied(code=DenialCode.UNREADABLE)

    def page(done: ScanProgress) -> None:
        _record(vault, staffer, (request, run), done, now_ms)
        if report:
            report(done)

    hits = scan(vault, permission, wanted, now_ms, salts=salts, after=run.after, report=page)
    if isinstance(hits, ScanRefused):
        return Denied(code=DenialCode.UNREADABLE)
    with vault.data.write() as conn:
        conn.execute(update(scan_run).where(*_mine(run)).values(finished_at=now_ms))
    return Scanned(request_id=request_id, hits=tuple(hits))


type _Attempt = tuple[DualRequest, Staffer, Sequence[bytes], Sequence[bytes]]
"""The request, who runs it, the digests and the salts they bring."""


def _settle(conn: Connection, vault: Vault, attempt: _Attempt, now_ms: int) -> _Run | DenialCode:
    """Decide under the request's lock; begin the run, or find the one that broke off."""
    request, staffer, wanted, salts = attempt
    approved = scope_of(request.scope)
    if request.staff != staffer.name or request.actor != actor_mac(vault, staffer):
        return DenialCode.NOT_REQUESTER
    if approved != ScanScope.of(vault, approved.field, approved.schemes, wanted, salts):
        return DenialCode.FIELD_NOT_REQUESTED
    begun = _begun(conn, request, now_ms)
    if begun is not None:
        return begun
    if not request.usable(now_ms):
        late = request.window_to is not None and now_ms >= request.window_to
        return DenialCode.WINDOW if late else DenialCode.NOT_APPROVED
    try:
        with conn.begin_nested():
            return _begin(conn, vault, attempt, now_ms)
    except IntegrityError:
        return DenialCode.NOT_APPROVED


def _begun(conn: Connection, request: DualRequest, now_ms: int) -> _Run | DenialCode | None:
    """The run that broke off; None when there was none yet."""
    c = scan_run.c
    mine = select(scan_run).where(c.bucket == request.bucket, c.request_id == request.id)
    row = conn.execute(mine).one_or_none()
    if row is None:
        return None
    stopped = row.finished_at is not None or request.state is not DualState.APPROVED
    if stopped or now_ms >= row.committed_at + RESUME_MS:
        return DenialCode.REQUEST_CLOSED
    at = row.cursor_bucket
    after = None if at is None else Cursor(Bucket(at), SubjectId(row.cursor_subject))
    return _Run(bucket=request.bucket, id=DisclosureId(row.id), after=after)


def _begin(conn: Connection, vault: Vault, attempt: _Attempt, now_ms: int) -> _Run:
    request, staffer, wanted, _ = attempt
    run_id = DisclosureId(new_id(request.bucket, now_ms))
    many = len(set(wanted))
    said = run_fields(
        request=request.id,
        staff=staffer.name,
        approvers=approvers(conn, request.id),
        scope=request.scope,
        wanted=many,
    )
    item = step_item(vault, None, Kind.DISCLOSE, (request.bucket, run_id, said), now_ms)
    conn.execute(
        insert(scan_run).values(
            bucket=request.bucket,
            id=run_id,
            request_id=request.id,
            staff=staffer.name,
            actor=request.actor,
            wanted=many,
            committed_at=now_ms,
            opened=0,
            found=0,
            ledger_year=item.year,
        )
    )
    append(conn, [item], now_ms, vault.installation.ledger_host)
    return _Run(bucket=request.bucket, id=run_id, after=None)


def _record(
    vault: Vault, staffer: Staffer, under: tuple[DualRequest, _Run], done: ScanProgress, now_ms: int
) -> None:
    """A page is on record before anybody hears of it: finds in people's chains, progress in the run's row."""
    request, run = under
    found = {(hit.bucket, hit.subject): (hit.field,) for hit in done.found}
    progress = update(scan_run).where(*_mine(run))
    moved = progress.values(
        opened=scan_run.c.opened + done.opened,
        found=scan_run.c.found + len(found),
        cursor_bucket=done.cursor.bucket,
        cursor_subject=done.cursor.subject,
    )
    entries = record_lookups(
        vault, staffer, ("scan", request.reason), found, now_ms, also=lambda conn: conn.execute(moved)
    )
    note_lookups(vault, staffer, Source.SCAN, entries, now_ms)


def _mine(run: _Run) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return scan_run.c.bucket == run.bucket, scan_run.c.id == run.id
