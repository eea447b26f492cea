"""A consent is to what was shown, to whom it was shown: the data base compares every name and hash (consent.md
§6, 18, 19).
"""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from consent.approving import approve as deciding
from consent.approving import grant_drafts
from consent.schema.tables import consent_grant

BENT = [
    {"notice_hash": "sha-256:other"},
    {"notice_id": "ntc_other"},
    {"terms_hash": "sha-256:other"},
    {"terms_id": "lt_other"},
    {"purpose": "account"},
    {"recipient_id": "org_other"},
    {"client_id": "app_other"},
    {"showing_id": b"s" * 16},
    {"subject": "another person's"},
]


@pytest.fixture
def bend(monkeypatch):
    """Lets the next consents be written with other columns than they should have."""

    def by(**columns):
        written = grant_drafts._grant_row
        monkeypatch.setattr(grant_drafts, "_grant_row", lambda *given: {**written(*given), **columns})

    return by


@pytest.mark.parametrize("columns", BENT, ids=lambda one: next(iter(one)))
def test_the_data_base_takes_no_consent_to_anything_else_than_was_shown(world, bend, columns):
    app, person, other = world.app(), world.person(), world.person()
    shown = world.show(app, person)
    if "subject" in columns:
        columns = {"subject": other.subject}
    bend(**columns)

    with pytest.raises(IntegrityError):
        deciding.approve(world.vault, person, shown.id, None, world.now)

    with world.vault.data.read() as conn:
        assert conn.execute(select(consent_grant.c.id)).all() == []


def test_unbent_the_same_consent_is_taken(world, bend):
    app, person = world.app(), world.person()
    shown = world.show(app, person)
    bend()

    assert isinstance(deciding.approve(world.vault, person, shown.id, None, world.now), deciding.Approved)
    with world.vault.data.read() as conn:
        (row,) = conn.execute(select(consent_grant)).all()
    assert (row.notice_hash, row.terms_hash) == (app.notice.hash, app.terms.hash)
