"""Population scans as they were approved and committed: what exactly two people agreed to, read back and verified.

The scope of a request names field, schemes, how many digests are looked for under how many salts, and the keyed
hashes of both, so that nobody can get one scan approved and run another, or a list of everything approved as one
digest. A run is borne out by its row, both votes, and its entry in the house's chain.
"""

import hmac
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from consent.errors import BadRequest
from consent.house import house_opening
from consent.ids import DisclosureId, DualId, canonical_json, dual_text
from consent.ledger.entries.commitment import Field, commit
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.errors import LedgerError
from consent.ledger.tree import leaf_hash
from consent.permits.committed import Ref
from vault.opening import Vault
from vault.scan.permit import salts_hash, wanted_hash
from vault.scan.running import MOST_SALTS, most_wanted
from vault.scan.schemes import scheme
from vault.sealing.sealed import Unopenable
from vault.storage.rowset import RowSet

_HASH_BYTES: Final = 32
RESUME_MS: Final = 24 * 3_600_000
"""How long a scan that began inside its window may go on, or be taken up again after it broke off."""

_log = logging.getLogger("perusal.consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanScope:
    """What a scan looks for: a field, schemes as `vault.scan.schemes` reads them, digests and salts.

    `wanted` and `salts` are the hashes that `vault.scan.permit` makes of them, the counts how many distinct ones.
    """

    field: str
    schemes: tuple[str, ...]
    wanted: bytes
    wanted_count: int
    salts: bytes
    salt_count: int

    @classmethod
    def of(
        cls,
        vault: Vault,
        field: str,
        schemes: Sequence[str],
        wanted: Sequence[bytes],
        salts: Sequence[bytes],
    ) -> "ScanScope":
        """The scope of a scan of this vault for exactly these digests under exactly these salts."""
        return cls(
            field=field,
            schemes=tuple(schemes),
            wanted=wanted_hash(vault.keyring, wanted),
            wanted_count=len(set(wanted)),
            salts=salts_hash(vault.keyring, salts),
            salt_count=len(set(salts)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRun:
    """One committed scan; `actor` and `approvers` are the MACs of three different people."""

    id: DisclosureId
    request_id: DualId
    scope: ScanScope
    actor: bytes
    approvers: tuple[bytes, bytes]
    until_ms: int


_READ = RowSet(
    "WITH {rows} SELECT d.id, d.request_id, q.scope, d.staff, d.actor, a.actor, b.actor, a.staff, "
    "b.staff, d.wanted, d.committed_at, o.sealed, e.leaf, e.body FROM rows "
    "JOIN scan_run d ON d.bucket = rows.bucket AND d.id = rows.id "
    "JOIN dual_request q ON q.bucket = d.bucket AND q.id = d.request_id AND q.kind = 'population_scan' "
    "AND q.actor = d.actor AND d.committed_at >= q.approved_at AND d.committed_at < q.window_to "
    "JOIN dual_vote a ON a.bucket = q.bucket AND a.request_id = q.id AND a.place = 1 AND a.actor <> q.actor "
    "JOIN dual_vote b ON b.bucket = q.bucket AND b.request_id = q.id AND b.place = 2 AND b.actor <> q.actor "
    "AND b.actor <> a.actor "
    "JOIN ledger_entry e ON e.bucket = d.bucket AND e.year = d.ledger_year AND e.id = d.id "
    "JOIN ledger_opening o ON o.bucket = e.bucket AND o.year = e.year AND o.idx = e.idx",
    bucket="int",
    id="bytes",
)


def check_scope(vault: Vault, scope: ScanScope) -> None:
    """Raises BadRequest for a scan that looks for nothing, or for so much of a field that it would list people's values."""
    if not scope.schemes or not 0 < scope.wanted_count <= most_wanted(vault.catalogue, scope.field):
        raise BadRequest("a scan looks for some digests of a field whose values nobody could list")
    if not 0 <= scope.salt_count <= MOST_SALTS or not len(scope.wanted) == len(scope.salts) == _HASH_BYTES:
        raise BadRequest("a scan names its digests and salts by their hashes, and at most 10,000 salts")
    for name in scope.schemes:
        scheme(name)


def scope_text(scope: ScanScope) -> str:
    """The stored and committed form of a scope."""
    parts = {
        "field": scope.field,
        "schemes": list(scope.schemes),
        "wanted": scope.wanted.hex(),
        "wanted_count": scope.wanted_count,
        "salts": scope.salts.hex(),
        "salt_count": scope.salt_count,
    }
    return canonical_json(parts)


def scope_of(stored: str) -> ScanScope:
    """Back from the stored form. One from before counts were part of it is a scope under which nothing runs."""
    parts = json.loads(stored)
    return ScanScope(
        field=parts["field"],
        schemes=tuple(parts["schemes"]),
        wanted=bytes.fromhex(parts["wanted"]),
        wanted_count=parts.get("wanted_count", 0),
        salts=bytes.fromhex(parts.get("salts", "")),
        salt_count=parts.get("salt_count", 0),
    )


def run_fields(
    *, request: DualId, staff: str, approvers: Sequence[str], scope: str, wanted: int
) -> tuple[Field, ...]:
    """What the entry of a scan commits to; the permission recomputes it from the committed rows."""
    return (
        ("step", "scanned"),
        ("request", dual_text(request)),
        ("staff", staff),
        ("approvers", ",".join(approvers)),
        ("scope", scope),
        ("wanted", str(wanted)),
    )


def committed_run(conn: Connection, vault: Vault, ref: Ref) -> CommittedRun | None:
    """The run behind `ref`; None for what is not committed, not approved by two others, or not in the ledger."""
    for row in _READ(conn, [ref]):
        (run, request, scope, staff, actor, first, second, one, other, wanted, at, sealed, leaf, body) = row
        said = run_fields(
            request=DualId(request), staff=staff, approvers=(one, other), scope=scope, wanted=wanted
        )
        if not _agrees(vault, run, sealed, said, leaf, body):
            _log.critical("the scan under %s and its ledger entry disagree", dual_text(DualId(request)))
            return None
        return CommittedRun(
            id=DisclosureId(run),
            request_id=DualId(request),
            scope=scope_of(scope),
            actor=actor,
            approvers=(first, second),
            until_ms=at + RESUME_MS,
        )
    return None


def _agrees(vault: Vault, run: bytes, sealed: bytes, said: Sequence[Field], leaf: bytes, body: bytes) -> bool:
    try:
        entry = parse(body)
        secret = house_opening(vault, run, sealed, said).secret
    except (LedgerError, Unopenable):
        return False
    return (
        entry.kind is Kind.DISCLOSE
        and entry.id == run
        and leaf_hash(body) == leaf
        and hmac.compare_digest(entry.commitment, commit(secret, said))
    )
