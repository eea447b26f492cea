"""`/revoke` over HTTP: 200 for whatever a client gives back, never a word about other people's tokens."""

import pytest
from joserfc.jwk import ECKey

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def give_back(app, token, **changes):
    form = {**app.identity(), "token": token, **changes}
    form = {name: value for name, value in form.items() if value is not None}
    return app.world.http.post("/revoke", data=form)


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
def test_a_token_given_back_redeems_nothing(world, hint):
    app, person = world.app(), world.person()
    token = app.token_for(person)

    answer = give_back(app, token, token_type_hint=hint)

    assert (answer.status_code, answer.content) == (200, b"")
    assert app.disclose(token).status_code == 401


def test_a_token_that_is_unknown_foreign_or_none_is_answered_alike(world):
    app, thief, person = world.app(), world.app("Thief"), world.person()
    token = app.token_for(person)
    answers = [
        give_back(thief, text) for text in ("cut_" + "A" * 51, token, "x", "cod_x", "\u5f20", "x" * 3000)
    ]

    assert {(one.status_code, one.content) for one in answers} == {(200, b"")}
    assert app.disclose(token).status_code == 200


def test_giving_back_takes_a_client_that_proves_itself_once(world):
    app, person = world.app(), world.person()
    token = app.token_for(person)
    assertion = app.assertion()

    nobody = give_back(app, token, client_assertion=None, client_assertion_type=None)
    forged = give_back(app, token, client_assertion=app.assertion(key=ECKey.generate_key("P-256")))
    first = give_back(app, "x", client_assertion=assertion)
    copy = give_back(app, token, client_assertion=assertion)

    assert [one.status_code for one in (nobody, forged, first, copy)] == [401, 401, 200, 401]
    assert {one.json()["error"] for one in (nobody, forged, copy)} == {"invalid_client"}
    assert app.disclose(token).status_code == 200


def test_without_a_token_there_is_nothing_to_give_back(world):
    app = world.app()
    for token in (None, ""):
        answer = give_back(app, token)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_portal_still_shows_the_consent_as_given(world):
    app, person = world.app(), world.person()
    give_back(app, app.token_for(person))

    page = person.get("/en/grants")

    assert "/withdraw" in page.text
