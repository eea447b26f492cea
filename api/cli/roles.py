"""`perusal roles`: what the tenants' PostgreSQL roles may do, printed for a data base administrator or executed.

Passwords are never part of it: set them in psql, or let roles log in by certificate or socket.
Run it again after a tenant came, after roles were named and after every migration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import Connection

from api.cli.failures import Exit, Failure
from api.cli.installation import databases, owner_dir_option, settings_of
from api.cli.output import emit, json_option
from api.migrations import roles
from vault.operators import key_roles, operators
from vault.storage.database import Database, Dialect
from vault.storage.policies import Line


@click.group("roles")
def command() -> None:
    """Rights of the roles that log in for tenants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One of the two data bases and the roles that log in there."""

    line: Line
    database: Database
    roles: list[str]


@command.command("sql")
@owner_dir_option
@json_option
def sql(home: Path | None, as_json: bool) -> None:
    """Print the SQL for both data bases; run each part there as the owner of the tables."""
    printed: dict[str, list[str]] = {}
    lines: list[str] = []
    with databases(settings_of(home)) as pair:
        for part in _parts(*pair):
            with part.database.read() as conn:
                where = roles.place(conn)
            printed[part.line] = roles.statements(part.line, where, part.roles)
            lines += [f"-- {part.line}: data base {where.database}, schema {where.schema}"]
            lines += [f"{statement};" for statement in printed[part.line]]
    emit(printed, as_json=as_json, lines=lines)


@command.command("apply")
@owner_dir_option
@json_option
def apply(home: Path | None, as_json: bool) -> None:
    """Make missing roles and give all of them exactly their rights; nothing changes the second time."""
    done: dict[str, int] = {}
    with databases(settings_of(home)) as pair:
        for part in _parts(*pair):
            with part.database.write() as conn:
                _refuse(conn, part.roles)
                roles.apply(conn, part.line, part.roles)
            done[part.line] = len(part.roles)
    emit(
        {"ok": True, "roles": done},
        as_json=as_json,
        lines=(f"{sum(done.values())} role(s) have exactly their rights; give new ones a way to log in",),
    )


def _parts(data: Database, keys: Database) -> Iterator[_Part]:
    if data.dialect is not Dialect.POSTGRESQL:
        raise Failure("SQLite has no roles", code="one_tenant_per_file", exit_code=Exit.USAGE)
    with data.read() as conn:
        named = [one.role for one in operators(conn) if one.role is not None]
    if not named:
        raise Failure("no tenant has a role yet; say: perusal tenant role NAME", code="no_roles")
    yield _Part(line="data", database=data, roles=named)
    with keys.read() as conn:
        yield _Part(line="keys", database=keys, roles=sorted(key_roles(conn).values()))


def _refuse(conn: Connection, names: list[str]) -> None:
    """A role that no policy would hold must not serve a tenant."""
    if found := roles.dangers(conn, names):
        raise Failure(f"no policy would hold this role: {found[0]}", code="role_too_strong")
