"""Two operators on one PostgreSQL installation, each logged in by roles of its own: what tests try to cross.

The keys live in a data base of their own, or in a schema of their own beside the data, as `layout` says.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.exc import OperationalError

from api.migrations import roles
from api.migrations.schema import METADATA
from consent.wording import purposes
from tests.backends import Backend, NoPostgres, Server, open_backend
from vault.opening import Vault, create_vault, open_vault
from vault.operators import Roles, add_operator, assign_roles

LAYOUTS = ("two data bases", "two schemas")
KEY_SCHEMA = "perusal_keys"
BUCKETS = 3
_serial = itertools.count()


@dataclass(frozen=True)
class Side:
    """One operator: its roles, its data bases as they see them, its open vault."""

    roles: Roles
    backend: Backend
    vault: Vault


@dataclass(frozen=True)
class Tenancy:
    """The owner's own view, and the two operators that must not see each other."""

    owner: Backend
    north: Side
    south: Side


@contextmanager
def two_tenants(server: Server | NoPostgres, layout: str, provider, now: int) -> Iterator[Tenancy]:
    """Both operators, served by their own roles; skips where there is no PostgreSQL or it wants passwords."""
    if isinstance(server, NoPostgres):
        pytest.skip(str(server))
    names = [server.clone("perusal_data")]
    if layout == LAYOUTS[0]:
        names.append(server.clone("perusal_keys"))
    prefix = f"r{os.getpid()}_{next(_serial)}"
    pairs = [Roles(data=f"{prefix}_{who}", keys=f"{prefix}_{who}_keys") for who in ("north", "south")]
    owner = _owner(server, names)
    opened = [owner]
    try:
        create_vault(
            owner.data, owner.keys, provider, buckets=BUCKETS, ledger_host="north.example/log", now_ms=now, name="north"
        )  # fmt: skip
        with owner.data.write() as conn:
            purposes.seed(conn)
        assign_roles(owner.data, owner.keys, "north", pairs[0])
        add_operator(
            owner.data, owner.keys, provider,
            name="south", buckets=BUCKETS, ledger_host="south.example/log", roles=pairs[1], now_ms=now,
        )  # fmt: skip
        grant(owner, pairs)
        sides = []
        for pair in pairs:
            backend = _as_roles(owner, pair)
            opened.append(backend)
            sides.append(Side(pair, backend, _opened(backend, provider)))
        yield Tenancy(owner, *sides)
    finally:
        for backend in opened:
            backend.close()
        for name in names:
            server.drop(name)
        for pair in pairs:
            for role in (pair.data, pair.keys):
                server.run(f'DROP ROLE IF EXISTS "{role}"')


def grant(owner: Backend, pairs: list[Roles]) -> None:
    """What `perusal roles apply` does."""
    with owner.data.write() as conn:
        roles.apply(conn, "data", [pair.data for pair in pairs])
    with owner.keys.write() as conn:
        roles.apply(conn, "keys", [pair.keys for pair in pairs])


def _owner(server: Server, names: list[str]) -> Backend:
    data = server.url(names[0])
    if len(names) == 2:
        return open_backend("postgresql", data, server.url(names[1]))
    keys = f"{data}&options=-csearch_path%3D{KEY_SCHEMA}"
    owner = open_backend("postgresql", data, keys)
    with owner.data.write() as conn:
        conn.exec_driver_sql(f"CREATE SCHEMA {KEY_SCHEMA}")
    with owner.keys.write() as conn:
        METADATA["keys"].create_all(conn)
    return owner


def as_role(url: str, role: str) -> str:
    """The same data base for another login; the search path is the role's own."""
    parts: URL = make_url(url)
    query = {name: text for name, text in parts.query.items() if name not in {"user", "options"}}
    return parts.set(query={**query, "user": role}).render_as_string(hide_password=False)


def _as_roles(owner: Backend, pair: Roles) -> Backend:
    return open_backend("postgresql", as_role(owner.data_url, pair.data), as_role(owner.keys_url, pair.keys))


def _opened(backend: Backend, provider) -> Vault:
    try:
        return open_vault(backend.data, backend.keys, provider)
    except OperationalError as refused:
        if "password" not in str(refused.orig):
            raise
        pytest.skip("the given server asks new roles for passwords")
