"""The main way through, over HTTP: ask, approve, exchange, disclose, withdraw, refused."""

from tests.flow.installation import ZHANG, payload_of


def test_an_app_asks_a_person_approves_and_the_app_receives_exactly_what_was_granted_once(world):
    app, person = world.app(), world.person()

    token = app.token_for(person)
    answer = app.disclose(token)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["data"] == {"name": ZHANG["name"], "phone": "13812341234"}
    assert body["use"] == {"n": 1, "of": 1}
    receipt = payload_of(body["receipt"])
    assert receipt["disclosure"] == body["disclosure_id"]
    assert (receipt["log"], receipt["index"], receipt["leaf"]) == tuple(body["ledger"].values())
    assert app.disclose(token).status_code == 401
