"""Operator and authority end a consent by command."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.sealing.opening import opened_vault
from consent.ids import grant_text
from consent.schema.tables import annulment
from tests.races.town import found, token


@pytest.fixture
def standing(home):
    """The name of a consent that stands."""
    at = time.time_ns() // 1_000_000
    with opened_vault(settings_of(home)) as vault:
        town = found(vault, at, people=1, seed=98)
        return grant_text(token(town, 0, at).grant_id)


def test_a_consent_is_revoked_once_and_then_there_is_none(perusal, home, standing):
    done = perusal("grant", "revoke", standing, "--reason", "false registration", "--dir", home, "--json")
    again = perusal("grant", "revoke", standing, "--reason", "once more", "--dir", home)

    assert (done.code, done.json["state"], done.json["grants"]) == (Exit.OK, "revoked", [standing])
    assert (again.code, "not_standing" in again.err) == (Exit.WRONG, True)


def test_an_authority_s_decision_names_the_authority(perusal, home, standing):
    said = ("--authority", "Court of Yuhang", "--reason", "decision 2026-17", "--dir", home)
    done = perusal("grant", "invalidate", standing, *said)

    assert (done.code, done.out.strip()) == (Exit.OK, f"{standing} is invalidated")
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        row = conn.execute(select(annulment)).one()
    assert (row.kind, row.authority, row.reason) == ("invalidated", "Court of Yuhang", "decision 2026-17")


def test_what_is_no_name_of_a_consent_is_refused_before_anything_is_opened(perusal, home):
    said = perusal("grant", "revoke", "gr_nothing", "--reason", "none", "--dir", home)

    assert (said.code, "malformed_id" in said.err) == (Exit.USAGE, True)
