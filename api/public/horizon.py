"""The published erasure horizon: how long backups may still hold something of a person who was erased."""

from typing import Any

from litestar import Request, Response, get

from api.edge.access import Access, access
from api.wiring import services_of
from consent.instants import instant
from vault.backups.keys import DAY_MS, epochs_in
from vault.keys.status import oldest_index_root


@get("/.well-known/perusal-erasure", opt=access(Access.PUBLIC), sync_to_thread=True)
def erasure_horizon(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """The horizon in days as it is promised, and whether what must be gone by now is: old backups' and index keys."""
    services = services_of(request)
    horizon, now_ms = services.settings.horizon, services.clock()
    epochs = epochs_in(services.settings.backup_keys)
    oldest = epochs[0].made_at if epochs else None
    keyring = services.vault.keyring
    root = oldest_index_root(keyring.database, keyring.tenant)
    backups_kept = oldest is None or now_ms <= oldest + (horizon.backup_days + 1) * DAY_MS
    document = {
        "horizon_days": horizon.days,
        "values_days": horizon.values_days,
        "tags_days": horizon.tags_days,
        "oldest_backup_key": None if oldest is None else instant(oldest),
        "oldest_index_key": instant(root),
        # A day's grace: keys expire when an operator or a timer says so, not by the minute.
        "kept": backups_kept and now_ms <= root + (horizon.index_days + 1) * DAY_MS,
    }
    return Response(document, media_type="application/json")
