"""The suite of an installation: chosen when it is made, used by every sealer, and no bar to reading older blobs."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from sqlalchemy import MetaData, select, update
from sqlalchemy.exc import DBAPIError

from api.edge.access import Access
from consent.erasure.orders import By, Reason, order
from tests.flow.installation import open_world
from tests.vault.people.made_up import change, phone, values
from tests.vault.rotation.kit import crowd, read, rotate
from vault.ids import encode_id
from vault.opening import create_vault, open_vault
from vault.rotation import Kind
from vault.sealing.sealed import OVERHEAD, Suite
from vault.storage.database import Dialect
from vault.tables import tenant, value

HOLDERS = {
    "value.blob",
    "ledger_opening.sealed",
    "dual_request.note",
    "kept_person.sealed",
    "erasure_order.sealed",
}
"""Every column that holds what `sealed.seal` made."""


def created(backend, provider, now, suite):
    return create_vault(
        backend.data,
        backend.keys,
        provider,
        buckets=1 if backend.data.dialect is Dialect.SQLITE else 4,
        ledger_host="ledger.example/perusal",
        now_ms=now,
        suite=suite,
    )


@pytest.fixture
def cloned(backend, provider, now):
    """A vault for hosts that are cloned."""
    return created(backend, provider, now, Suite.GCM_SIV)


def suites(vault):
    with vault.data.read() as conn:
        return {blob[1] for blob in conn.execute(select(value.c.blob)).scalars()}


def sealed_columns(vault):
    """By column, the versions and suites of all that it holds."""
    found, tables = {}, MetaData()
    with vault.data.read() as conn:
        tables.reflect(conn)
        for table in tables.sorted_tables:
            for row in conn.execute(table.select()).mappings():
                for name, raw in row.items():
                    place = f"{table.name}.{name}"
                    if place in HOLDERS:
                        assert len(raw) >= OVERHEAD, place
                        found.setdefault(place, set()).add((raw[0], raw[1]))
    return found


def live_a_little(world):
    """Everything that seals: people one by one and in bulk, a change, a use, a note, new keys, an erasure."""
    http, operator = world.http, world.staff_key(Access.OPERATOR)
    app, person = world.app(), world.person()
    assert app.disclose(app.token_for(person)).status_code == 200
    change(world.vault, person.created.subject, "phone", phone(9), world.clock() + 5)
    taken = http.post("/v1/people", json=[values(1)], headers={**operator, "Idempotency-Key": "load-1"})
    assert "subject" in taken.json()["results"][0]
    asked = {
        "subject": encode_id("sub", person.created.subject),
        "fields": ["phone"],
        "reason": "life_at_risk",
        "note": "Found by the river.",
    }
    assert http.post("/v1/emergencies", json=asked, headers=operator).status_code == 201
    rotate(world.vault, Kind.PERSON, world.clock())
    with world.vault.data.write() as conn:
        order(
            conn,
            world.vault,
            [person.created.subject],
            By(actor="self", reason=Reason.REQUESTED),
            world.clock(),
        )


@pytest.mark.parametrize("suite", Suite)
def test_everything_that_is_sealed_is_sealed_by_the_suite_of_the_installation(
    backend, provider, now, suite, tmp_path
):
    vault = created(backend, provider, now, suite)
    world = open_world(vault, tmp_path)
    with world.http:
        live_a_little(world)

    assert sealed_columns(vault) == {place: {(1, suite)} for place in HOLDERS}


def test_a_vault_of_the_second_suite_never_asks_for_the_first_cipher(cloned, now, monkeypatch):
    monkeypatch.setattr("vault.sealing.sealed._CIPHERS", {Suite.GCM_SIV: AESGCMSIV})

    people = crowd(cloned, 5, now)

    assert len(read(cloned, people, now)) == 5
    assert suites(cloned) == {Suite.GCM_SIV}


def test_the_suite_is_there_again_at_the_next_opening(cloned, backend, provider, now):
    again = open_vault(backend.data, backend.keys, provider)

    crowd(again, 3, now)

    assert again.installation == cloned.installation
    assert suites(again) == {Suite.GCM_SIV}


def test_what_was_sealed_by_the_first_suite_still_opens_and_new_keys_seal_it_by_the_second(
    vault, backend, provider, now
):
    people = crowd(vault, 4, now)
    before = read(vault, people, now)
    assert suites(vault) == {Suite.GCM}
    with vault.data.write() as conn:
        conn.execute(update(tenant).values(suite=int(Suite.GCM_SIV)))
    later = open_vault(backend.data, backend.keys, provider)

    assert read(later, people, now) == before
    change(later, people[0].subject, "phone", phone(77), now + 5)
    assert suites(later) == {Suite.GCM, Suite.GCM_SIV}
    assert read(later, people[1:], now + 10) == before[1:]
    rotate(later, Kind.PERSON, now)

    assert suites(later) == {Suite.GCM_SIV}
    assert read(later, people[1:], now + 10) == before[1:]


def test_a_suite_nobody_knows_cannot_be_stored(vault):
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(update(tenant).values(suite=3))
