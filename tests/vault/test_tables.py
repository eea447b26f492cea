"""What the data base itself refuses."""

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from tests.vault.people.made_up import enrol, erase
from vault.storage.database import metadata
from vault.tables import installation, person, value


@pytest.fixture
def one(vault, now):
    return enrol(vault, range(1), now)[0]


FROZEN = {
    "bucket": None,
    "subject": b"x" * 16,
    "record": b"x" * 16,
    "field": "other",
    "version": 9,
    "schema": 9,
    "epoch": 0,
    "blob": b"x" * 100,
    "blob_sha256": b"x" * 32,
    "valid_from": 1,
}


def test_nothing_of_a_value_version_can_be_changed(vault, one, now):
    for column, new in {**FROZEN, "bucket": 3 - one.bucket}.items():
        change = update(value).where(value.c.field == "phone").values(**{column: new, "valid_to": now + 1})
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(change)


def test_a_version_may_be_sealed_again_only_under_a_later_key(vault, one):
    phone = update(value).where(value.c.field == "phone")
    with vault.data.write() as conn:
        conn.execute(phone.values(epoch=2, blob=b"y" * 100, blob_sha256=b"y" * 32))
    for epoch in (1, 2):
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(phone.values(epoch=epoch, blob=b"z" * 100, blob_sha256=b"z" * 32))


def test_a_version_is_struck_out_once_and_stays_empty(vault, one, now):
    phone = update(value).where(value.c.field == "phone")
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(phone.values(blob=b"", struck_at=now + 1))  # still the current version
    with vault.data.write() as conn:
        conn.execute(phone.values(blob=b"", struck_at=now + 1, valid_to=now + 1))
    for change in ({"struck_at": None}, {"blob": b"x" * 100}, {"epoch": 9}, {"struck_at": now + 2}):
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(phone.values(**change))


def test_a_version_is_closed_once_and_never_reopened(vault, one, now):
    phone = update(value).where(value.c.field == "phone")
    with vault.data.write() as conn:
        conn.execute(phone.values(valid_to=now + 1))
    for later in (now + 2, None):
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(phone.values(valid_to=later))


def test_a_version_cannot_end_before_it_began(vault, one, now):
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(update(value).where(value.c.field == "phone").values(valid_to=now - 1))


def test_values_of_an_active_person_cannot_be_deleted(vault, one):
    with pytest.raises(DBAPIError, match="stay"), vault.data.write() as conn:
        conn.execute(value.delete())
    if vault.data.engine.dialect.name == "postgresql":
        with pytest.raises(DBAPIError, match="stay"), vault.data.write() as conn:
            conn.execute(text("TRUNCATE value"))


def test_values_of_an_erased_person_can_be_deleted(vault, one, now):
    erase(vault, one, now)
    with vault.data.write() as conn:
        conn.execute(value.delete())
    with vault.data.read() as conn:
        assert conn.execute(select(value.c.field)).all() == []


def test_a_field_has_one_current_version(vault, one, now):
    with vault.data.read() as conn:
        row = conn.execute(select(value).where(value.c.field == "phone")).one()
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(value.insert().values(**{**row._mapping, "version": 2}))


def test_a_value_belongs_to_a_person(vault, one):
    with vault.data.read() as conn:
        row = conn.execute(select(value).where(value.c.field == "phone")).one()
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(value.insert().values(**{**row._mapping, "subject": b"n" * 16}))


def test_a_person_is_active_or_erased_at_a_time(vault, one):
    for change in ({"state": "asleep"}, {"state": "erased"}, {"erased_at": 5}, {"subject": b"short"}):
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(update(person).values(**change))


def test_there_is_one_installation_row(vault, now):
    row = {"created_at": now, "format": 1}
    for number in (1, 2):
        with pytest.raises(DBAPIError), vault.data.write() as conn:
            conn.execute(installation.insert().values(id=number, **row))


@pytest.mark.parametrize("name", ["person", "value", "unique_key"])
def test_every_row_of_a_person_starts_its_key_with_the_bucket(name):
    assert next(iter(metadata.tables[name].primary_key.columns)).name == "bucket"
