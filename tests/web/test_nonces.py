"""Nonces for proofs of possession: who must carry one, which are fresh, and how a client learns a new one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.oauth.nonces import LIFETIME_S, is_fresh, new_nonce
from api.setting_texts import SettingsError
from api.settings import Settings
from tests.flow.installation import open_world

KEY = b"k" * 32
NOW = 1_795_300_000_000


@pytest.fixture
def asking(vault, tmp_path, request):
    """A world whose server asks for nonces, where the test's parameter says."""
    made = open_world(vault, tmp_path, proof_nonce=request.param)
    with made.http:
        yield made


everywhere = pytest.mark.parametrize("asking", ["all"], indirect=True)
on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def test_a_nonce_is_fresh_for_five_minutes() -> None:
    nonce = new_nonce(KEY, NOW)
    assert is_fresh(KEY, nonce, NOW)
    assert is_fresh(KEY, nonce, NOW + LIFETIME_S * 1000 - 1)
    assert not is_fresh(KEY, nonce, NOW + LIFETIME_S * 1000)


def test_a_nonce_of_the_future_or_of_another_key_is_none() -> None:
    assert is_fresh(KEY, new_nonce(KEY, NOW + 1_000), NOW)  # another worker's clock
    assert not is_fresh(KEY, new_nonce(KEY, NOW + 2_000), NOW)
    assert not is_fresh(KEY, new_nonce(b"o" * 32, NOW), NOW)


@given(st.none() | st.text())
def test_no_text_that_we_did_not_make_is_a_nonce(text: str | None) -> None:
    assert not is_fresh(KEY, text, NOW)


@given(st.integers(0, 29), st.sampled_from("ABCxyz019-_"))
def test_a_nonce_with_one_character_changed_is_none(at: int, character: str) -> None:
    nonce = new_nonce(KEY, NOW)
    changed = nonce[:at] + character + nonce[at + 1 :]
    assert is_fresh(KEY, changed, NOW) == (changed == nonce)


def test_a_nonce_is_written_in_one_way_only() -> None:
    nonce = new_nonce(KEY, NOW)
    digits = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    stray = [nonce[:-1] + digits[digits.index(nonce[-1]) | bits] for bits in (1, 2, 3)]
    assert len(nonce) * 6 > 22 * 8
    assert not any(is_fresh(KEY, text, NOW) for text in [*stray, f"{nonce}=="])


@on_sqlite
@everywhere
def test_an_exchange_without_a_nonce_is_told_one_and_then_succeeds(asking) -> None:
    app, person = asking.app(), asking.person()
    code = person.approve(app.authorize_path())

    first = app.exchange(code)
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")
    nonce = first.headers["dpop-nonce"]

    assert app.exchange(code, proofs=[app.proof("/token", nonce=nonce)]).status_code == 200


@on_sqlite
@everywhere
def test_a_stale_nonce_is_answered_with_a_new_one(asking) -> None:
    app = asking.app()
    stale = app.exchange("cod_x").headers["dpop-nonce"]
    asking.clock.pass_seconds(LIFETIME_S)

    again = app.exchange("cod_x", proofs=[app.proof("/token", nonce=stale)])

    assert again.json()["error"] == "use_dpop_nonce"
    assert again.headers["dpop-nonce"] != stale


@on_sqlite
@everywhere
def test_a_redemption_without_a_nonce_spends_nothing_and_is_told_one(asking) -> None:
    app, person = asking.app(), asking.person()
    code = person.approve(app.authorize_path())
    told = app.exchange(code).headers["dpop-nonce"]
    token = app.exchange(code, proofs=[app.proof("/token", nonce=told)]).json()["access_token"]

    refused = app.disclose(token)
    assert (refused.status_code, refused.json()["code"]) == (401, "use_dpop_nonce")
    assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]

    fresh = app.proof("/v1/disclosures", token=token, nonce=refused.headers["dpop-nonce"])
    answer = app.disclose(token, proofs=[fresh])
    assert answer.status_code == 200
    assert answer.json()["use"] == {"n": 1, "of": 1}


@on_sqlite
@pytest.mark.parametrize("asking", ["token"], indirect=True)
def test_where_only_clients_are_asked_a_use_is_spent_without_a_nonce(asking) -> None:
    app, person = asking.app(), asking.person()
    code = person.approve(app.authorize_path())
    told = app.exchange(code).headers["dpop-nonce"]
    token = app.exchange(code, proofs=[app.proof("/token", nonce=told)]).json()["access_token"]

    assert app.disclose(token).status_code == 200


def test_the_setting_has_three_words(tmp_path) -> None:
    home = {"PERUSAL_HOME": str(tmp_path)}
    assert Settings.from_mapping(home).proof_nonce == "off"
    with pytest.raises(SettingsError):
        Settings.from_mapping({**home, "PERUSAL_PROOF_NONCE": "sometimes"})
