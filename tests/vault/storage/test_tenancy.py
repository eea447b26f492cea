"""Two operators on one installation: each works under a role that cannot reach the other, whatever it says."""

import hashlib
import secrets

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from api.jobs import lease
from api.migrations import roles
from api.migrations.schema import METADATA
from breach.tables import dump
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.publishing.signer import Signer
from consent.recipients.register import recipients
from consent.redemption.disclose import Disclosure, disclose_many
from consent.schema.tables import client, consent_request, recipient
from consent.withdrawal.withdraw import withdraw
from tests.backends import open_backend
from tests.consent.world import World
from tests.tenants import LAYOUTS, as_role, grant, two_tenants
from tests.vault.people import made_up as people
from vault.ids import Buckets
from vault.opening import InstallationMissing, TenantsExposed, open_vault
from vault.operators import (
    BadTenant,
    OneTenantPerFile,
    Roles,
    TenantExists,
    UnknownTenant,
    add_operator,
    assign_roles,
    operators,
)
from vault.tables import person, tenant


@pytest.fixture(params=LAYOUTS)
def tenancy(request, postgres, provider, now):
    with two_tenants(postgres, request.param, provider, now) as made:
        yield made


@pytest.fixture
def apart(postgres, provider, now):
    """For tests to which it does not matter where the keys live."""
    with two_tenants(postgres, LAYOUTS[0], provider, now) as made:
        yield made


class Served(World):
    """A world whose role may not write the vocabulary: the owner did."""

    def __post_init__(self) -> None:
        pass


def refusal(database, statement):
    """The SQLSTATE with which a statement is refused; fails when it is not."""
    with database.engine.connect() as conn, pytest.raises(DBAPIError) as refused:
        conn.exec_driver_sql(statement) if isinstance(statement, str) else conn.execute(statement)
    return refused.value.orig.sqlstate


def answer(database, *statements):
    """What the last statement answers, after the others in the same session."""
    with database.engine.connect() as conn:
        *before, last = statements
        for statement in before:
            conn.exec_driver_sql(statement)
        return conn.exec_driver_sql(last).scalar_one()


def test_people_are_enrolled_and_uses_redeemed_under_the_roles_of_two_tenants(tenancy, now):
    for side in (tenancy.north, tenancy.south):
        world = Served(side.vault, now)
        app = world.app()
        one, other = world.people(2)
        issued = world.token(app, one, uses=2)

        (got,) = disclose_many(side.vault, [world.request(issued, key="k")], now)
        (again,) = disclose_many(side.vault, [world.request(issued, key="k")], now)

        assert isinstance(got, Disclosure)
        assert got.values["phone"].endswith(people.phone(0))
        assert again.receipt == got.receipt
        withdraw(side.vault, one.subject, one.bucket, issued.grant_id, now)
        (late,) = disclose_many(side.vault, [world.request(issued)], now)
        assert not isinstance(late, Disclosure)
        assert {one.bucket, other.bucket} <= set(side.vault.installation.buckets.every())
    with tenancy.owner.data.read() as conn:
        per_tenant = conn.execute(
            select(func.count()).select_from(person).group_by(person.c.tenant)
        ).scalars()
        assert list(per_tenant) == [2, 2]


def test_both_tenants_hold_the_same_phone_number_and_each_finds_its_own_person(tenancy, now):
    (north,) = people.enrol(tenancy.north.vault, range(1), now)
    (south,) = people.enrol(tenancy.south.vault, range(1), now)

    assert north.subject != south.subject
    for side, own, other in ((tenancy.north, north, south), (tenancy.south, south, north)):
        keys = side.vault.keyring.subject_keys([(own.bucket, own.subject), (other.bucket, other.subject)])
        assert list(keys) == [own.subject]


def test_a_tenant_may_hold_the_very_dump_another_one_holds(apart, now):
    row = {"sha256": hashlib.sha256(b"same file").digest(), "size": 9, "file": "f", "received_at": now}
    for side in (apart.north, apart.south):
        with side.backend.data.write() as conn:
            conn.execute(insert(dump).values(id=secrets.token_bytes(16), **row))
    with apart.north.backend.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(dump)).scalar_one() == 1


def test_a_worker_takes_only_jobs_of_its_own_tenant(apart, now):
    with apart.north.backend.data.write() as conn:
        lease.enqueue(conn, "trace", {}, now)

    assert lease.take(apart.south.backend.data, "w", now) is None
    assert lease.take(apart.north.backend.data, "w", now) is not None


ESCAPES = {
    "becoming the owner": "SET ROLE postgres",
    "another session": "SET SESSION AUTHORIZATION postgres",
    "switching policies off for a table": "ALTER TABLE person DISABLE ROW LEVEL SECURITY",
    "dropping a policy": "DROP POLICY own ON person",
    "another policy": "CREATE POLICY all_of_it ON person USING (true)",
    "a view of its own": "CREATE VIEW everybody AS SELECT * FROM person",
    "a function of its own": "CREATE FUNCTION perusal_peek() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "another body": "CREATE OR REPLACE FUNCTION perusal_home() RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'",
    "a table in front of ours": "CREATE TEMPORARY TABLE tenant (tenant bytea, role text, first_bucket int)",
    "another tenant's row": "UPDATE tenant SET role = session_user WHERE first_bucket = 0",
    "emptying a table": "TRUNCATE person",
    "switching triggers off": "SET session_replication_role = replica",
    "the server's files": "COPY person TO PROGRAM 'cat'",
    "new roles": "CREATE ROLE perusal_friend",
}


@pytest.mark.parametrize("statement", ESCAPES.values(), ids=ESCAPES.keys())
def test_no_statement_leads_out_of_the_tenant(apart, now, statement):
    people.enrol(apart.north.vault, range(2), now)

    assert refusal(apart.south.backend.data, statement) == "42501"


def test_a_tenant_cannot_pass_its_rights_on(apart):
    granted = "SELECT count(*) FROM information_schema.table_privileges WHERE grantee = 'PUBLIC' AND table_name = 'person'"

    # Without the right to it, GRANT is a warning and does nothing.
    assert answer(apart.south.backend.data, "GRANT SELECT ON person TO PUBLIC", granted) == 0


@pytest.mark.parametrize(
    "before",
    [
        "SELECT 1",
        "SET perusal.tenant = 'north'",
        "SET application_name = 'north'",
        "SET search_path = pg_temp, pg_catalog, public",
        "SET row_security = on",
    ],
)
def test_nothing_a_session_sets_changes_what_it_sees(apart, now, before):
    people.enrol(apart.north.vault, range(2), now)
    people.enrol(apart.south.vault, range(1), now)
    south = apart.south.vault.installation

    assert answer(apart.south.backend.data, before, "SELECT count(*) FROM public.person") == 1
    assert (
        answer(apart.south.backend.data, before, "SELECT lower(public.perusal_buckets())")
        == south.buckets.first
    )
    assert bytes(answer(apart.south.backend.data, before, "SELECT public.perusal_tenant()")) == south.tenant


def test_asking_for_rows_without_policies_is_an_error_and_not_an_answer(apart, now):
    people.enrol(apart.north.vault, range(1), now)

    with apart.south.backend.data.engine.connect() as conn:
        conn.exec_driver_sql("SET row_security = off")
        with pytest.raises(DBAPIError, match="row-level security"):
            conn.exec_driver_sql("SELECT count(*) FROM person")


def test_a_condition_that_fails_on_a_value_never_meets_another_tenants_value(apart, now):
    Served(apart.north.vault, now).app()
    loud = "SELECT count(*) FROM recipient WHERE CAST(legal_name AS integer) = 1"

    assert refusal(apart.north.backend.data, loud) == "22P02"
    assert answer(apart.south.backend.data, loud) == 0


def test_the_planners_statistics_of_other_tenants_are_not_shown(apart, now):
    Served(apart.north.vault, now).app()
    with apart.owner.data.write() as conn:
        conn.exec_driver_sql("ANALYZE recipient")
    seen = "SELECT count(*) FROM pg_stats WHERE tablename = 'recipient'"

    assert answer(apart.owner.data, seen) > 0
    assert answer(apart.south.backend.data, seen) == 0


def test_a_foreign_key_does_not_tell_whether_another_tenants_row_is_there(apart, now):
    theirs = Served(apart.north.vault, now).app().client
    row = {"client_id": "app_x", "jwks": "{}", "redirect_uris": "[]", "created_at": now}
    bucket = apart.south.vault.installation.buckets.first
    asked = {
        "bucket": bucket, "id": secrets.token_bytes(16), "secret_hash": bytes(32), "redirect_uri": "u",
        "state": "s", "code_challenge": "c", "details": "{}", "created_at": now, "expires_at": now + 1,
    }  # fmt: skip
    answers = {
        refusal(apart.south.backend.data, statement)
        for known in (theirs.recipient.id, "org_nobody")
        for statement in (
            insert(client).values({**row, "recipient_id": known}),
            insert(consent_request).values({**asked, "client_id": theirs.client_id, "recipient_id": known}),
        )
    }

    assert answers == {"42501"}
    with apart.south.backend.data.read() as conn:
        assert recipients(conn) == []
    with apart.owner.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(recipient)).scalar_one() == 1


def test_the_role_of_the_data_reaches_no_key_and_the_role_of_the_keys_no_data(tenancy, now):
    people.enrol(tenancy.north.vault, range(1), now)
    crossed = open_backend(
        "postgresql",
        as_role(tenancy.owner.data_url, tenancy.north.roles.keys),
        as_role(tenancy.owner.keys_url, tenancy.north.roles.data),
    )
    schema = "perusal_keys" if "options" in tenancy.owner.keys_url else "public"
    try:
        for database, names, where in (
            (crossed.keys, METADATA["keys"].tables, schema),
            (crossed.data, METADATA["data"].tables, "public"),
        ):
            for name in names:
                with pytest.raises((OperationalError, DBAPIError), match="permission denied"):
                    answer(database, f"SELECT count(*) FROM {where}.{name}")
    finally:
        crossed.close()


def test_a_role_that_serves_no_tenant_sees_nothing_even_with_every_right(apart, postgres, now):
    people.enrol(apart.north.vault, range(1), now)
    stranger = Roles(data=f"{apart.north.roles.data}_x", keys=f"{apart.north.roles.data}_y")
    grant(apart.owner, [stranger])
    seen = open_backend(
        "postgresql",
        as_role(apart.owner.data_url, stranger.data),
        as_role(apart.owner.keys_url, stranger.keys),
    )
    try:
        assert answer(seen.data, "SELECT count(*) FROM person") == 0
        assert answer(seen.keys, "SELECT count(*) FROM subject_key") == 0
        with pytest.raises(InstallationMissing):
            open_vault(seen.data, seen.keys, None)
    finally:
        seen.close()
        for role, database in ((stranger.data, apart.owner.data), (stranger.keys, apart.owner.keys)):
            with database.write() as conn:
                conn.exec_driver_sql(f"DROP OWNED BY {role}")
                conn.exec_driver_sql(f"DROP ROLE {role}")


def test_the_owner_who_sees_every_tenant_cannot_serve(apart, provider):
    with pytest.raises(TenantsExposed):
        open_vault(apart.owner.data, apart.owner.keys, provider)


def test_the_owner_cannot_leave_a_row_without_a_tenant(apart, now):
    row = {"id": "org_x", "legal_name": "n", "contact": "c", "registration_no": "r", "created_at": now}

    assert refusal(apart.owner.data, insert(recipient).values(row)) == "23502"


def test_the_log_of_each_tenant_is_whole_by_itself(apart, now):
    for side in (apart.north, apart.south):
        Served(side.vault, now).people(3)
        found = list(fsck(side.backend.data, Signer.of(side.vault)))
        assert found != []
        assert not any(isinstance(one, Finding) for one in found)


def test_giving_the_same_rights_again_changes_nothing(apart):
    rights = "SELECT string_agg(relname || coalesce(relacl::text, ''), ',' ORDER BY relname) FROM pg_class"
    before = answer(apart.owner.data, rights)

    grant(apart.owner, [apart.north.roles, apart.south.roles])

    assert answer(apart.owner.data, rights) == before


def test_a_role_that_no_policy_would_hold_is_named(apart):
    with apart.owner.data.write() as conn:
        assert roles.dangers(conn, [apart.north.roles.data]) == []
        conn.exec_driver_sql(f"GRANT pg_read_all_data TO {apart.north.roles.data}")
        assert roles.dangers(conn, [apart.north.roles.data]) == [
            f"{apart.north.roles.data} is a member of another role"
        ]
        conn.exec_driver_sql(f"ALTER ROLE {apart.south.roles.data} BYPASSRLS")
        assert roles.dangers(conn, [apart.south.roles.data]) == [
            f"{apart.south.roles.data} bypasses row security"
        ]


def test_a_new_tenant_gets_the_next_buckets_and_nobody_elses_name_or_role(apart, provider, now):
    def add(name, roles, buckets=5):
        return add_operator(
            apart.owner.data, apart.owner.keys, provider,
            name=name, buckets=buckets, ledger_host="w.example/log", roles=roles, now_ms=now,
        )  # fmt: skip

    west = add("west", Roles(data="west", keys="west_keys"))

    assert west.buckets == Buckets(6, 5)
    with apart.owner.data.read() as conn:
        assert [one.name for one in operators(conn)] == ["north", "south", "west"]
    for name, taken in (
        ("west", Roles(data="a", keys="b")),
        ("east", Roles(data="west", keys="b")),
        ("east", Roles(data="a", keys="west_keys")),
    ):
        with pytest.raises(TenantExists):
            add(name, taken)
    for name, buckets in (("East", 1), ("", 1), ("../x", 1), ("east", 0), ("east", 4086)):
        with pytest.raises(BadTenant):
            add(name, Roles(data="a", keys="b"), buckets)


@pytest.mark.parametrize(("data", "keys"), [("a", "a"), ("A", "b"), ('a"b', "c"), ("", "b"), ("a", "b;c")])
def test_a_pair_of_roles_is_two_plain_names(data, keys):
    with pytest.raises(BadTenant):
        Roles(data=data, keys=keys)


def test_the_data_base_refuses_tenants_whose_buckets_overlap(apart, now):
    row = {
        "tenant": secrets.token_bytes(16), "name": "east", "first_bucket": 5, "buckets": 2,
        "ledger_host": "e", "created_at": now,
    }  # fmt: skip

    assert refusal(apart.owner.data, insert(tenant).values(row)) == "23P01"


def test_a_tenant_moves_to_other_roles_and_the_old_ones_see_nothing_more(apart, provider, now):
    people.enrol(apart.north.vault, range(1), now)
    with pytest.raises(UnknownTenant):
        assign_roles(apart.owner.data, apart.owner.keys, "nobody", Roles(data="a", keys="b"))
    with pytest.raises(TenantExists):
        assign_roles(apart.owner.data, apart.owner.keys, "north", apart.south.roles)

    assign_roles(apart.owner.data, apart.owner.keys, "north", Roles(data="other", keys="other_keys"))

    assert answer(apart.north.backend.data, "SELECT count(*) FROM person") == 0
    assert answer(apart.north.backend.keys, "SELECT count(*) FROM subject_key") == 0


def test_a_tenant_never_changes_its_buckets_and_never_goes(vault):
    for statement in (
        "UPDATE tenant SET buckets = buckets + 1",
        "UPDATE tenant SET ledger_host = 'x'",
        "DELETE FROM tenant",
    ):
        with pytest.raises(IntegrityError, match="for ever"), vault.data.write() as conn:
            conn.exec_driver_sql(statement)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_second_tenant_does_not_fit_into_a_file(backend, vault, provider, now):
    with pytest.raises(OneTenantPerFile):
        add_operator(
            backend.data, backend.keys, provider,
            name="east", buckets=1, ledger_host="e", roles=Roles(data="a", keys="b"), now_ms=now,
        )  # fmt: skip
    row = {
        "tenant": secrets.token_bytes(16), "name": "east", "first_bucket": 9, "buckets": 1,
        "ledger_host": "e", "created_at": now,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="one file holds one tenant"), backend.data.write() as conn:
        conn.execute(insert(tenant).values(row))
