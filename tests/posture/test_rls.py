"""No row crosses from tenant to tenant: every table of both data bases is tried, whoever added it and when.

The rows are invented from the columns' types, with the tables' own rules out of the way, so that a table that
nobody has written a test for is tried like all others.
"""

import secrets

import pytest
from sqlalchemy import UniqueConstraint, and_, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from api.migrations.roles import HIDDEN, READ_ONLY
from api.migrations.schema import METADATA, SHARED
from tests.tenants import LAYOUTS, two_tenants
from vault.storage.policies import Scope, foreign_keys, scope_of

TABLES = [
    pytest.param(line, table, id=f"{line}-{table.name}")
    for line in METADATA
    for table in sorted(METADATA[line].tables.values(), key=lambda t: t.name)
]
ROLE_TABLES = {"tenant", "tenant_role"}
REFUSED = {"42501", "23514", "23503"}
"""Insufficient privilege or a policy; a trigger or a rule of the table, where it speaks first."""


def kept_apart(line, table):
    return (
        scope_of(table, line, SHARED[line]) in {Scope.BUCKET, Scope.TENANT} and table.name not in ROLE_TABLES
    )


APART = [param for param in TABLES if kept_apart(*param.values)]


@pytest.mark.parametrize(("line", "table"), TABLES)
def test_every_table_belongs_to_a_tenant_or_is_on_the_reviewed_list(line, table):
    assert scope_of(table, line, SHARED[line]) is not Scope.CLOSED, (
        f"{table.name} has no bucket and no tenant: add vault.storage.tenancy.tenant_column() (or a `tenant` column "
        "in the key data base), or put it on the list in api.migrations.schema"
    )


GUESSABLE = {"sha256", "name", "code", "number", "title", "label", "kind", "version", "lang", "role"}
"""Columns that two tenants may well give the same value; ids, hashes of secrets and keyed digests are not."""


@pytest.mark.parametrize(("line", "table"), APART)
def test_no_unique_key_lets_one_tenant_feel_what_another_one_has(line, table):
    if scope_of(table, line, SHARED[line]) is not Scope.TENANT:
        return  # a bucket belongs to one tenant, and every key below starts with it
    unique = [key for key in table.constraints if isinstance(key, UniqueConstraint)] + [table.primary_key]
    for names in [{column.name for column in key.columns} for key in unique]:
        assert "tenant" in names or not names <= GUESSABLE, (table.name, names)


def test_a_persons_rows_are_told_apart_by_the_first_column_of_their_key():
    for table in METADATA["data"].tables.values():
        if scope_of(table, "data", SHARED["data"]) is Scope.BUCKET:
            for key in [c for c in table.constraints if isinstance(c, UniqueConstraint)] + [
                table.primary_key
            ]:
                assert "bucket" in key.columns, table.name


def test_no_policy_has_to_look_into_its_own_table():
    for line, metadata in METADATA.items():
        for table in metadata.tables.values():
            assert table not in [key.referred_table for key in foreign_keys(table, line, SHARED[line])], table


@pytest.fixture(scope="module")
def loose(postgres, provider):
    """Two tenants, with the tables' own checks gone, and one invented row of each in every table."""
    with two_tenants(postgres, LAYOUTS[0], provider, 1_795_300_000_000) as made:
        for line, database in (("data", made.owner.data), ("keys", made.owner.keys)):
            with database.write() as conn:
                loosen(conn, line)
                for side in (made.north, made.south):
                    conn.exec_driver_sql(
                        "SET LOCAL session_replication_role = replica"
                    )  # no triggers, no keys
                    for table in METADATA[line].tables.values():
                        if kept_apart(line, table):
                            conn.execute(insert(table).values(row_of(table, side)))
        yield made


def loosen(conn, line):
    for table in METADATA[line].tables.values():
        checks = conn.execute(
            text(
                "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = CAST(:name AS regclass)"
            ),
            {"name": f'"{table.name}"'},
        )
        for name in checks.scalars().all():
            conn.exec_driver_sql(f'ALTER TABLE "{table.name}" DROP CONSTRAINT "{name}"')


def row_of(table, side, **given):
    """A row of this tenant with random ids; nothing is left empty."""
    place = side.vault.installation
    own = {"bucket": place.buckets.first, "tenant": place.tenant, "marks": "[]"}
    row = {}
    for column in table.columns:
        kind = column.type.python_type
        row[column.name] = own.get(column.name, _INVENTED[kind]())
    return row | given


_INVENTED = {
    bytes: lambda: secrets.token_bytes(32),
    str: lambda: secrets.token_hex(8),
    int: lambda: secrets.randbelow(30_000) + 1,
    bool: lambda: True,
}


def database_of(side, line):
    return side.backend.data if line == "data" else side.backend.keys


def mine(table, side):
    """The condition that picks a side's rows, as somebody who knows its ids would write it."""
    own = side.vault.installation
    in_bucket = table.c.bucket.between(own.buckets.first, own.buckets.first + own.buckets.many - 1) if (
        "bucket" in table.c
    ) else None  # fmt: skip
    return table.c.tenant == own.tenant if "tenant" in table.c else in_bucket


def count(database, table, where=None):
    with database.read() as conn:
        query = select(func.count()).select_from(table)
        return conn.execute(query if where is None else query.where(where)).scalar_one()


def attempt(database, statement):
    """How many rows a change touched, or the data base's refusal; undone in either case."""
    with database.engine.connect() as conn:
        try:
            return conn.execute(statement).rowcount
        except DBAPIError as refused:
            return refused.orig.sqlstate
        finally:
            conn.rollback()


@pytest.mark.parametrize(("line", "table"), APART)
def test_a_tenants_role_sees_its_own_rows_and_no_others(loose, line, table):
    for side, other in ((loose.north, loose.south), (loose.south, loose.north)):
        database = database_of(side, line)
        assert count(database, table, mine(table, side)) >= 1
        assert count(database, table, mine(table, other)) == 0
        assert count(database, table) == count(database, table, mine(table, side))


@pytest.mark.parametrize(("line", "table"), APART)
def test_knowing_another_tenants_ids_finds_changes_and_deletes_nothing(loose, line, table):
    owner = loose.owner.data if line == "data" else loose.owner.keys
    with owner.read() as conn:
        theirs = conn.execute(select(table).where(mine(table, loose.north))).mappings().first()
    exactly = and_(*[column == theirs[column.name] for column in table.primary_key.columns])
    database = database_of(loose.south, line)
    free = next(c for c in reversed(table.columns) if c.name not in {"bucket", "tenant"})

    assert count(owner, table, exactly) == 1
    assert count(database, table, exactly) == 0
    assert attempt(database, update(table).where(exactly).values({free.name: theirs[free.name]})) in {
        0,
        "42501",
    }
    assert attempt(database, delete(table).where(exactly)) in {0, "42501", "23514"}
    everything = attempt(database, update(table).values({free.name: theirs[free.name]}))
    assert isinstance(everything, str) or everything == count(database, table)


@pytest.mark.parametrize(("line", "table"), APART)
def test_nothing_can_be_written_into_another_tenants_place(loose, line, table):
    database = database_of(loose.south, line)
    before = count(loose.owner.data if line == "data" else loose.owner.keys, table)

    assert attempt(database, insert(table).values(row_of(table, loose.north))) in REFUSED
    place = {"bucket", "tenant"} & set(table.c.keys())
    theirs = loose.north.vault.installation
    moved = {"bucket": theirs.buckets.first, "tenant": theirs.tenant}
    changed = {name: moved[name] for name in place}
    assert attempt(database, update(table).values(changed)) in REFUSED
    assert count(loose.owner.data if line == "data" else loose.owner.keys, table) == before


@pytest.mark.parametrize(("line", "table"), [param for param in TABLES if not kept_apart(*param.values)])
def test_what_tenants_share_they_cannot_change(loose, line, table):
    database = database_of(loose.south, line)
    if table.name in HIDDEN[line]:
        assert attempt(database, select(table)) == "42501"
    else:
        seen = attempt(database, select(table))
        assert isinstance(seen, int)
    first = next(iter(table.columns))
    assert table.name in SHARED[line] | READ_ONLY[line] | HIDDEN[line]
    assert attempt(database, update(table).values({first.name: first})) == "42501"
    assert attempt(database, delete(table)) == "42501"
    assert attempt(database, insert(table).values(row_of(table, loose.south))) == "42501"


def test_a_tenant_sees_only_itself_among_the_tenants(loose):
    for side in (loose.north, loose.south):
        with side.backend.data.read() as conn:
            assert conn.execute(select(METADATA["data"].tables["tenant"].c.role)).scalars().all() == [
                side.roles.data
            ]


def test_the_data_base_holds_every_declared_policy(loose):
    for line, database in (("data", loose.owner.data), ("keys", loose.owner.keys)):
        with database.read() as conn:
            secured = set(conn.exec_driver_sql("SELECT relname FROM pg_class WHERE relrowsecurity").scalars())
            policies = set(conn.exec_driver_sql("SELECT tablename FROM pg_policies").scalars())
        assert secured == set(METADATA[line].tables) - SHARED[line]
        assert policies == secured
