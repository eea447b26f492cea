"""`perusal tenant` and `perusal roles`: several operators in one installation, from adding them to serving one."""

from __future__ import annotations

import itertools
import json
import os

import pytest
from sqlalchemy import create_engine, make_url

from api.cli.failures import Exit
from api.demo.city import citizens
from tests.backends import NoPostgres

_serial = itertools.count()


@pytest.fixture
def servers(perusal, tmp_path, postgres):
    """A PostgreSQL installation and names for roles that nobody else uses; the roles go when the test ends."""
    if isinstance(postgres, NoPostgres):
        pytest.skip(str(postgres))
    names = [postgres.clone("template0"), postgres.clone("template0")]
    data, keys = (postgres.url(name) for name in names)
    made = perusal(
        "init", "--dir", tmp_path / "home", "--database-url", data, "--key-database-url", keys, "--buckets", 4
    )
    assert made.code == 0, made.err
    prefix = f"c{os.getpid()}_{next(_serial)}"
    yield tmp_path / "home", prefix
    for name in names:
        postgres.drop(name)
    for who in ("main", "east"):
        for suffix in ("", "_keys"):
            postgres.run(f"DROP ROLE IF EXISTS {prefix}_{who}{suffix}")


def roles_of(prefix, who):
    return ("--role", f"{prefix}_{who}", "--key-role", f"{prefix}_{who}_keys")


def enrol(perusal, tmp_path, home, *more):
    people = tmp_path / "people.jsonl"
    if not people.exists():
        lines = [json.dumps({**person.values(), "lang": person.lang}) for person in citizens(3, 5)]
        people.write_text("\n".join(lines) + "\n", encoding="utf-8")
    keys = tmp_path / f"keys-{next(_serial)}.jsonl"
    return perusal("enrol", people, "--keys-out", keys, "--dir", home, *more, "--json")


def test_two_operators_take_in_the_same_people_through_roles_of_their_own(perusal, tmp_path, servers):
    home, prefix = servers
    assert perusal("tenant", "role", "main", "--dir", home, *roles_of(prefix, "main")).code == 0
    added = perusal(
        "tenant", "add", "east", "--dir", home, "--buckets", 2, *roles_of(prefix, "east"), "--json"
    )
    assert added.code == 0, added.out + added.err
    assert (added.json["first_bucket"], added.json["buckets"]) == (4, 2)
    assert perusal("roles", "apply", "--dir", home).code == 0

    for name in ("main", "east"):
        said = enrol(perusal, tmp_path, home, "--tenant", name)
        assert said.code == 0, said.out + said.err
        assert perusal("ledger", "fsck", "--dir", home, "--tenant", name).code == 0

    # The owner sees both and therefore serves neither.
    refused = enrol(perusal, tmp_path, home)
    assert refused.json["error"]["code"] == "tenants_exposed"


def test_the_list_names_buckets_ledgers_and_roles(perusal, servers):
    home, prefix = servers
    perusal(
        "tenant", "add", "east", "--dir", home, "--ledger-host", "east.example/log", *roles_of(prefix, "east")
    )

    (main, east) = perusal("tenant", "list", "--dir", home, "--json").json["tenants"]

    assert (main["tenant"], main["first_bucket"], main["buckets"], main["role"]) == ("main", 0, 4, None)
    assert (east["tenant"], east["first_bucket"], east["buckets"]) == ("east", 4, 16)
    assert (east["ledger_host"], east["key_role"]) == ("east.example/log", f"{prefix}_east_keys")


def test_the_printed_sql_is_what_is_applied_and_holds_no_password(perusal, servers):
    home, prefix = servers
    assert "[no_roles]" in perusal("roles", "sql", "--dir", home).err
    perusal("tenant", "role", "main", "--dir", home, *roles_of(prefix, "main"))

    printed = perusal("roles", "sql", "--dir", home)

    assert printed.code == 0
    assert "password" not in printed.out.lower()
    settings = dict(line.split("=", 1) for line in (home / "settings.env").read_text().splitlines())
    for name, line in (("PERUSAL_DATABASE", "data"), ("PERUSAL_KEYS", "keys")):
        statements = perusal("roles", "sql", "--dir", home, "--json").json[line]
        assert all(f"{statement};" in printed.out for statement in statements)
        engine = create_engine(make_url(settings[name]))
        with engine.begin() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)
        engine.dispose()
    assert perusal("ledger", "fsck", "--dir", home, "--tenant", "main").code == 0


def test_a_role_that_no_policy_would_hold_is_refused(perusal, servers, postgres):
    home, prefix = servers
    postgres.run(f"CREATE ROLE {prefix}_main LOGIN BYPASSRLS")
    perusal("tenant", "role", "main", "--dir", home, *roles_of(prefix, "main"))

    said = perusal("roles", "apply", "--dir", home)

    assert said.code == Exit.WRONG
    assert "[role_too_strong]" in said.err


def test_in_sqlite_another_operator_gets_files_and_a_root_key_of_its_own(perusal, tmp_path, home):
    added = perusal("tenant", "add", "east", "--dir", home, "--json")
    assert added.code == 0, added.err
    own = home / "tenants" / "east"
    assert {"data.db", "keys.db", "root.sealed", "passphrase"} <= {path.name for path in own.iterdir()}
    assert (own / "root.sealed").read_bytes() != (home / "root.sealed").read_bytes()

    assert enrol(perusal, tmp_path, home, "--tenant", "east").code == 0

    listed = perusal("tenant", "list", "--dir", home, "--json").json["tenants"]
    assert [one["tenant"] for one in listed] == ["main", "east"]
    assert perusal("doctor", "--dir", home, "--tenant", "east").code == 0


def test_the_environment_may_name_the_tenant(perusal, home, monkeypatch):
    perusal("tenant", "add", "east", "--dir", home)
    (home / "tenants" / "east" / "passphrase").unlink()

    assert perusal("ledger", "fsck", "--dir", home).code == 0
    monkeypatch.setenv("PERUSAL_TENANT", "east")
    assert perusal("ledger", "fsck", "--dir", home).code != 0


@pytest.mark.parametrize("name", ["../main", "East", "a/b", "", ".."])
def test_a_name_that_would_leave_the_folder_is_refused(perusal, home, name):
    assert perusal("tenant", "add", name, "--dir", home).code != 0
    assert perusal("ledger", "fsck", "--dir", home, "--tenant", name).code == Exit.USAGE
    assert not (home / "tenants").exists()


def test_an_operator_is_added_once(perusal, home):
    assert perusal("tenant", "add", "east", "--dir", home).code == 0
    before = (home / "tenants" / "east" / "root.sealed").read_bytes()

    assert "[already_there]" in perusal("tenant", "add", "east", "--dir", home).err
    assert (home / "tenants" / "east" / "root.sealed").read_bytes() == before


@pytest.mark.parametrize("arguments", [("roles", "sql"), ("roles", "apply"), ("tenant", "role", "main")])
def test_sqlite_has_no_roles_to_name_or_to_grant_to(perusal, home, arguments):
    said = perusal(*arguments, "--dir", home)

    assert said.code == Exit.USAGE
    assert "[one_tenant_per_file]" in said.err
