"""Opening: created once, the same afterwards, refused when it is something else."""

import pytest
from sqlalchemy import update

from tests.vault.people.made_up import enrol
from vault.opening import (
    InstallationExists,
    InstallationMissing,
    UnknownFormat,
    create_vault,
    open_vault,
)
from vault.reading.records import count_people, masked
from vault.tables import installation


def test_a_reopened_vault_is_the_same_vault(vault, backend, provider, now):
    (person,) = enrol(vault, range(1), now)
    again = open_vault(backend.data, backend.keys, provider)
    assert again.installation == vault.installation
    assert masked(again, person.subject, ["phone"]) == {"phone": "199****0000"}


def test_there_is_one_installation_only(vault, backend, provider, now):
    with pytest.raises(InstallationExists):
        create_vault(backend.data, backend.keys, provider, buckets=1, ledger_host="other.example", now_ms=now)
    assert (
        open_vault(backend.data, backend.keys, provider).installation.ledger_host == "ledger.example/perusal"
    )


def test_an_empty_data_base_is_no_installation(backend, provider):
    with pytest.raises(InstallationMissing):
        open_vault(backend.data, backend.keys, provider)


def test_an_installation_of_another_generation_is_refused(vault, backend, provider):
    with backend.data.write() as conn:
        conn.execute(update(installation).values(format=2))
    with pytest.raises(UnknownFormat):
        open_vault(backend.data, backend.keys, provider)


def test_an_impossible_number_of_buckets_is_refused(backend, provider, now):
    for buckets in (0, 4_097):
        with pytest.raises(ValueError, match="buckets"):
            create_vault(backend.data, backend.keys, provider, buckets=buckets, ledger_host="x", now_ms=now)


def test_a_new_installation_is_empty(vault):
    with vault.data.read() as conn:
        assert count_people(conn) == 0
