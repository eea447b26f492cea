"""`perusal keys status`: every layer of keys, how old and how used, and what is being replaced.

Needs no root key: where one can be had without people its provider is asked too, and otherwise the wrapped
keys themselves say under which root they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from api.cli.failures import from_exception
from api.cli.installation import databases, dir_option, settings_of
from api.cli.output import console, emit, json_option, table_of
from api.clock import system_clock
from api.sealing.opening import provider_of
from api.settings import Settings
from consent.signing.keys import Generation, generations
from vault.backups.keys import DAY_MS, epochs_in
from vault.errors import VaultError
from vault.keys.status import KeyStatus, TenantKey, key_status
from vault.keys.tables import MAX_WRAPS
from vault.opening import installation_seen
from vault.providers.base import Provider
from vault.providers.local import LocalProvider, is_pending
from vault.rotation import Job, jobs

_JOBS_SHOWN = 8


@click.command("status")
@dir_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Root, tenant keys, index epochs, people's keys, signing keys, caches, rotations, backups, horizon."""
    settings = settings_of(home)
    now_ms = system_clock()
    with databases(settings) as (data, keys):
        with data.read() as conn:
            tenant = installation_seen(conn)
            signing = generations(conn, tenant.tenant)
        found = key_status(keys, tenant.tenant, now_ms)
        rotations = jobs(keys, tenant.tenant)
    root, provider = _root(settings)
    document = {
        "tenant": tenant.name,
        "root": root,
        "tenant_keys": [_tenant_key(one, provider, now_ms) for one in found.tenant_keys],
        "index_epochs": [
            {"epoch": one.epoch, "state": one.state, "age_days": _days(one.created_at, now_ms)}
            for one in found.index_epochs
        ],
        "people_by_key_epoch": found.people,
        "signing_keys": [_signing_key(one) for one in signing],
        "caches": found.caches,
        "rotations": [_rotation(job) for job in rotations],
        "backup_epochs": [
            {"began": _when(epoch.made_at), "age_days": _days(epoch.made_at, now_ms)}
            for epoch in epochs_in(settings.backup_keys)
        ],
        "horizon_days": settings.horizon.days,
    }
    emit(document, as_json=as_json, lines=() if as_json else _lines(document, found))
    if not as_json:
        for table in _tables(document):
            console().print(table)


def _root(settings: Settings) -> tuple[dict[str, str], Provider | None]:
    """What the provider says about the root; where it says nothing, why."""
    pending = {"change": "begun and not finished"} if is_pending(settings.root_file) else {}
    try:
        provider = provider_of(settings)
        return {**provider.describe(), **pending}, provider
    except (VaultError, OSError) as error:
        return {"not_open": from_exception(error).code, **pending}, None


def _tenant_key(key: TenantKey, provider: Provider | None, now_ms: int) -> dict[str, Any]:
    return {
        "version": key.version,
        "state": key.state,
        "provider": key.provider,
        "root": _root_of(key, provider),
        "age_days": _days(key.created_at, now_ms),
        "wraps": key.wraps,
        "wraps_limit": MAX_WRAPS,
        "rotation_due": key.due,
    }


def _root_of(key: TenantKey, provider: Provider | None) -> str:
    """The version of the root that wrapped a tenant key, as far as anybody here can tell."""
    if not key.wrapped:
        return ""
    try:
        if key.provider == "local":
            return LocalProvider.version_of(key.wrapped)
        if provider is not None and provider.name == key.provider:
            return provider.version_of(key.wrapped)
    except VaultError:
        return "unreadable"
    return "unknown"


def _signing_key(one: Generation) -> dict[str, Any]:
    """A generation that was retired stays: what it signed is verified by it."""
    return {
        "purpose": one.purpose.value,
        "generation": one.number,
        "begun": "" if one.begun_at is None else _when(one.begun_at),
        "retired": "" if one.retired_at is None else _when(one.retired_at),
    }


def _rotation(job: Job) -> dict[str, Any]:
    return {
        "kind": job.kind.value,
        "state": job.state,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "left_over": job.left_over,
        "started": _when(job.started_at),
        "updated": _when(job.updated_at),
    }


def _lines(document: dict[str, Any], found: KeyStatus) -> Iterator[str]:
    yield "root: " + ", ".join(f"{name} {text}" for name, text in document["root"].items())
    epochs = ", ".join(f"{count:,} in epoch {epoch}" for epoch, count in found.people.items())
    yield f"people's keys: {epochs or 'none'}"
    yield f"processes that hold keys now: {found.caches}"
    backups = document["backup_epochs"]
    oldest = f", the oldest {backups[0]['age_days']} days old" if backups else ""
    yield f"backup epochs: {len(backups)}{oldest}"
    yield f"erasure horizon: {document['horizon_days']} days"


def _tables(document: dict[str, Any]) -> Iterator[Any]:
    yield table_of(
        "tenant keys",
        ("version", "state", "under", "age in days", "wraps", "of its limit", ""),
        [
            (
                one["version"],
                one["state"],
                f"{one['provider']} {one['root']}",
                one["age_days"],
                one["wraps"],
                f"{100 * one['wraps'] / one['wraps_limit']:.2f} %",
                "rotate: perusal keys rotate tenant" if one["rotation_due"] else "",
            )
            for one in document["tenant_keys"]
        ],
    )
    yield table_of(
        "index epochs",
        ("epoch", "state", "age in days"),
        [(one["epoch"], one["state"], one["age_days"]) for one in document["index_epochs"]],
    )
    yield table_of(
        "signing keys",
        ("signs", "generation", "since", "until"),
        [
            (one["purpose"], one["generation"], one["begun"] or "the first day", one["retired"] or "now")
            for one in document["signing_keys"]
        ],
    )
    if document["rotations"]:
        yield table_of(
            "rotations",
            ("what", "state", "stage", "done", "of", "left over", "since"),
            [
                tuple(
                    one[name] for name in ("kind", "state", "stage", "done", "total", "left_over", "started")
                )
                for one in document["rotations"][:_JOBS_SHOWN]
            ],
        )


def _days(since_ms: int, now_ms: int) -> int:
    return (now_ms - since_ms) // DAY_MS


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
