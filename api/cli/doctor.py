"""`perusal doctor`: is this machine and this installation in a state in which the service may run?

Every check is small, changes nothing and says in one sentence what it saw; with --migrate the schema is brought
up to date first. Without an installation the checks of the machine alone are made.
"""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import make_url, select, text

from api import migrations
from api.cli.failures import Exit, from_exception
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import emit, json_option, table_of
from api.clock import system_clock
from api.jobs.seen_heads import seen_heads
from api.sealing.opening import opened_vault, people_needed
from api.settings import Settings
from api.witnesses import load_witnesses, stations
from consent.delivery.outbox import overdue
from consent.ledger import published
from consent.ledger.origin import origin_of
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import standing
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import witnessed
from vault.storage.database import Database, Dialect
from vault.tables import installation, tenant

FLOORS = ("vault", "consent", "breach", "api")
OLDEST_SQLITE = (3, 40, 0)
CLOCK_SLACK_S = 5.0
FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at; `seen` never holds a secret or a value."""

    name: str
    ok: bool
    seen: str


@click.command("doctor")
@dir_option
@click.option("--migrate", is_flag=True, help="Bring both data bases to the newest schema first.")
@json_option
def command(home: Path | None, migrate: bool, as_json: bool) -> int:
    """Check this machine and, if one is named, an installation; 0 when all is well, 3 when not."""
    checks = list(machine())
    if home is not None:
        settings = settings_of(home)
        if migrate:
            with databases(settings) as (data, keys):
                migrations.upgrade(data, "data")
                migrations.upgrade(keys, "keys")
        checks.extend(_installation(home, settings))
    good = all(check.ok for check in checks)
    rows = [("ok" if check.ok else "WRONG", check.name, check.seen) for check in checks]
    emit(
        {"ok": good, "checks": [{"name": c.name, "ok": c.ok, "seen": c.seen} for c in checks]},
        as_json=as_json,
        table=table_of("doctor", ("", "check", "seen"), rows),
    )
    return Exit.OK if good else Exit.ENVIRONMENT


def machine() -> Iterator[Check]:
    """What can be checked without an installation."""
    yield Check(name="python", ok=sys.version_info >= (3, 12), seen=sys.version.split()[0])
    yield one_parent(FLOORS)
    version = sqlite3.sqlite_version
    yield Check(name="sqlite", ok=sqlite3.sqlite_version_info >= OLDEST_SQLITE, seen=version)
    yield _clock()


def one_parent(packages: tuple[str, ...]) -> Check:
    """The four generic package names must come from one folder, or a stranger's package has taken one of them."""
    parents = {Path(str(importlib.import_module(name).__file__)).resolve().parents[1] for name in packages}
    seen = (
        "one folder"
        if len(parents) == 1
        else f"{len(parents)} different folders: another package shadows ours"
    )
    return Check(name="packages", ok=len(parents) == 1, seen=seen)


def _clock() -> Check:
    """The clock that dates consent must agree with the file system's, and lie after this program was written."""
    with tempfile.TemporaryFile() as file:
        apart = abs(os.fstat(file.fileno()).st_mtime - time.time())
    ok = apart <= CLOCK_SLACK_S and time.time() > datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    return Check(
        name="clock",
        ok=ok,
        seen=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {apart:.1f} s from the file system",
    )


def _installation(home: Path, settings: Settings) -> Iterator[Check]:
    yield _permissions(home, settings)
    yield _free_space(home)
    yield _second_copy(settings)
    with databases(settings) as (data, keys):
        yield _attempt("data base", lambda: _reach(data))
        yield _attempt("data base schema", lambda: _schema(current=migrations.is_current(data, "data")))
        yield _attempt("key data base", lambda: _reach(keys))
        yield _attempt("key data base schema", lambda: _schema(current=migrations.is_current(keys, "keys")))
        yield _attempt("created", lambda: _created(data))
        yield _attempt("events", lambda: _events(data))
        yield _attempt("witnesses", lambda: _witnesses(data, settings))
    opened = _attempt("root key", lambda: _unseal(settings))
    yield opened
    if opened.ok and not (people_needed(settings) and settings.shares is None):
        yield _attempt("ledger", lambda: _ledger(settings))
    yield _port(settings)
    if settings.internal_hosts:
        seen = f"may be called for recipients although not public: {settings.internal_hosts}"
        yield Check(name="internal hosts", ok=True, seen=seen)


def _attempt(name: str, look: Callable[[], tuple[bool, str]]) -> Check:
    try:
        ok, seen = look()
    except Exception as error:  # noqa: BLE001 - a check that cannot be made is a finding, not the end of the others
        ok, seen = False, from_exception(error).message
    return Check(name=name, ok=ok, seen=seen)


def _permissions(home: Path, settings: Settings) -> Check:
    own = [home, settings.root_file, settings.passphrase_file, settings.quarantine]
    open_to_others = [path.name for path in own if path.exists() and path.stat().st_mode & 0o077]
    seen = f"others can read: {', '.join(open_to_others)}" if open_to_others else "for their owner only"
    return Check(name="permissions", ok=not open_to_others, seen=seen)


def _free_space(home: Path) -> Check:
    free = shutil.disk_usage(home).free
    return Check(name="free space", ok=free >= FREE_BYTES, seen=f"{free / 2**30:,.1f} GiB")


def _second_copy(settings: Settings) -> Check:
    """Where the heads that were signed are kept a second time; a default folder has everything, so it is only told."""
    place, data = settings.checkpoint_state, make_url(settings.database)
    beside = data.get_backend_name() == "sqlite" and Path(data.database or "").parent == place.parent
    seen = (
        "beside the data base: one backup of both hides that it was put back; move it (PERUSAL_CHECKPOINT_STATE)"
        if beside
        else "apart from the data base"
    )
    return Check(name="second copy", ok=True, seen=seen)


def _reach(database: Database) -> tuple[bool, str]:
    with database.read() as conn:
        if database.dialect is Dialect.SQLITE:
            mode = conn.execute(text("PRAGMA journal_mode")).scalar_one()
            return mode == "wal", f"SQLite, journal {mode}"
        return True, f"PostgreSQL {conn.execute(text('SHOW server_version')).scalar_one()}"


def _schema(*, current: bool) -> tuple[bool, str]:
    return current, "newest" if current else "older than this program: perusal doctor --migrate"


def _events(data: Database) -> tuple[bool, str]:
    """Recipients who were not told in time: for the operator to look into, no reason not to run."""
    with data.read() as conn:
        late = overdue(conn, system_clock())
    count = sum(one.count for one in late)
    return True, f"{count} overdue, see `perusal events overdue`" if count else "none overdue"


def _witnesses(data: Database, settings: Settings) -> tuple[bool, str]:
    """Logs no quorum covers: like a late event no reason not to run, because signing goes on without."""
    policy = load_witnesses(settings)
    if not policy.witnesses:
        return True, "none named"
    with data.read() as conn:
        told = [witnessed.unwitnessed_since(conn, log, policy) for log in published.logs(conn)]
    since = [at for at in told if at is not None]
    asked = f"{len(policy.witnesses)} named, quorum {policy.quorum}"
    if not since:
        return True, f"{asked}; every log is covered"
    return True, f"{asked}; {len(since)} of {len(told)} log(s) unwitnessed since {_minute(min(since))}"


def _created(data: Database) -> tuple[bool, str]:
    with data.read() as conn:
        row = conn.execute(select(installation.c.created_at)).one()
        buckets = conn.execute(select(tenant.c.buckets)).scalars().all()
    ahead = row.created_at / 1000 > time.time() + CLOCK_SLACK_S
    return not ahead, f"{_minute(row.created_at)}, {sum(buckets)} bucket(s)" + (
        ", after now: check the clock" if ahead else ""
    )


def _minute(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _unseal(settings: Settings) -> tuple[bool, str]:
    if people_needed(settings) and settings.shares is None:
        return True, "opened by people: perusal keys unseal"
    with opened_vault(settings) as vault:
        return True, f"opens, {vault.keyring.provider.name}"


def _ledger(settings: Settings) -> tuple[bool, str]:
    """Whether anything would keep a log from being signed: held against what was signed and what witnesses have seen."""
    remembered, now_ms = Memory(settings.checkpoint_state).load(), system_clock()
    with opened_vault(settings) as vault:
        asked = stations(load_witnesses(settings))
        seen = [one for one in seen_heads(vault, asked, remembered, now_ms) if one.contradicts]
        alarms = standing(vault.data, Signer.of(vault), remembered)
        host = vault.installation.ledger_host
        with vault.data.read() as conn:
            count = len(published.logs(conn))
    told = [str(alarm) for alarm in alarms] + [
        f"{origin_of(host, one.log)}: {one.contradicts}" for one in seen
    ]
    if told:
        return False, f"not signed until somebody has looked: {'; '.join(told)}"
    return True, f"{count} log(s) continue what was signed"


def _port(settings: Settings) -> Check:
    """A port in use is well when our own server is the one that uses it, so it is only told."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            busy = isinstance(error.errno, int) and "in use" in (error.strerror or "").lower()
            return Check(
                name="port", ok=busy, seen=f"{settings.port}: {(error.strerror or 'not usable').lower()}"
            )
    return Check(name="port", ok=True, seen=f"{settings.port} is free")
