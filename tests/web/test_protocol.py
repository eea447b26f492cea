"""Everything a recipient's program can get wrong: a stable code each time, and nothing changed."""

import json
import re

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import func, select

from consent.recipients import suspensions
from consent.schema.tables import auth_code, consent_request, disclosure, token, use
from tests.web.proofs import ath, b64

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def count(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def error_of(answer):
    body = answer.json()
    return answer.status_code, body["error"], body["code"]


# ---- /par


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "pii_read"}, "details.unknown_type"),
        ({"purpose": "world_domination"}, "details.unknown_purpose"),
        ({"purpose": 5}, "details.wrong_type"),
        ({"purpose": None}, "details.missing_member"),
        ({"datatypes": ["name", "resident_id"]}, "details.excess_field"),
        ({"datatypes": ["shoe_size"]}, "details.unknown_field"),
        ({"datatypes": "name"}, "details.wrong_type"),
        ({"datatypes": []}, "details.no_fields"),
        ({"datatypes": ["name", "name"]}, "details.duplicate_field"),
        ({"extra": True}, "details.unknown_member"),
        ({"locations": ["https://other.example/v1/disclosures"]}, "details.unknown_location"),
        ({"uses": {"max": 0}}, "details.bad_uses"),
        ({"uses": {"max": "1"}}, "details.wrong_type"),
        ({"window": {"to": "tomorrow"}}, "details.bad_window"),
        ({"window": {"to": "2020-01-01T00:00:00Z"}}, "details.bad_window"),
        ({"retention": "for ever"}, "details.bad_retention"),
        ({"onward": ["org_x"]}, "details.unknown_onward"),
        ({"notice": {"id": "ntc_x", "hash": "sha-256:x"}}, "details.unknown_notice"),
    ],
)
def test_details_that_do_not_hold_are_refused_before_anybody_sees_them(world, changes, code):
    app = world.app()

    answer = app.push(app.details(**changes))

    assert error_of(answer) == (400, "invalid_authorization_details", code)
    assert count(world, consent_request) == 0


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", "[1]", "5", "[" * 20_000, '{"a":1}', "[{}, {}]"])
def test_details_that_are_no_details_are_refused(world, raw):
    answer = world.app().push(raw)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_authorization_details"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, 400, "invalid_request"),
        ({"code_challenge_method": None}, 400, "invalid_request"),
        ({"code_challenge": None}, 400, "invalid_request"),
        ({"redirect_uri": "https://evil.example/back"}, 400, "invalid_request"),
        ({"request_uri": "urn:x"}, 400, "invalid_request"),
        ({"request": "e30.e30."}, 400, "invalid_request_object"),
        ({"client_assertion": None}, 401, "invalid_client"),
        ({"client_assertion": "e30.e30.e30"}, 401, "invalid_client"),
        ({"client_assertion_type": "urn:other"}, 401, "invalid_client"),
        ({"client_id": "app_nobody"}, 401, "invalid_client"),
        ({"state": "x" * 600}, 400, "invalid_request"),
    ],
)
def test_a_request_of_the_wrong_shape_is_refused(world, changes, status, error):
    answer = world.app().push(**changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert count(world, consent_request) == 0


def test_a_parameter_without_a_value_was_not_sent(world):
    answer = world.app().push(request="", request_uri="", dpop_jkt="", response_mode="", scope="")

    assert answer.status_code == 201


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example"},
        {"aud": ["http://testserver.local"]},
        {"iss": "app_other"},
        {"sub": "app_other"},
        {"jti": None},
        {"jti": ""},
        {"exp": None},
        {"exp": 1},
        {"exp": 1_795_300_000 + 600},
        {"iat": 1_795_300_000 + 60},
        {"iat": 1_795_300_000 - 600},
        {"iat": "now"},
    ],
)
def test_an_assertion_that_is_not_for_us_now_is_no_identity(world, claims):
    app = world.app()

    answer = app.push(client_assertion=app.assertion(**claims))

    assert error_of(answer)[:2] == (401, "invalid_client")


def test_an_assertion_by_another_key_or_without_signature_is_no_identity(world):
    app = world.app()
    good = app.assertion()
    none = f"{b64(b'{"alg":"none"}')}.{good.split('.')[1]}."

    for forged in (app.assertion(key=ECKey.generate_key("P-256")), none, good[:-8] + "AAAAAAAA"):
        assert error_of(app.push(client_assertion=forged))[:2] == (401, "invalid_client")


def test_an_assertion_identifies_once(world):
    app = world.app()
    assertion = app.assertion()

    first, second = (app.push(client_assertion=assertion) for _ in range(2))

    assert first.status_code == 201
    assert error_of(second) == (401, "invalid_client", "client.assertion_replayed")


def test_an_assertion_alone_names_its_client(world):
    assert world.app().push(client_id=None).status_code == 201


def test_a_suspended_client_may_not_ask(world):
    app = world.app()
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.client_id, "unpaid claims", world.clock())

    assert error_of(app.push())[:2] == (400, "unauthorized_client")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ""),
        (b"{}", "application/json"),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"client_id=%00", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("path", ["/par", "/token"])
def test_a_body_that_is_no_form_is_refused_in_the_protocol_s_own_words(world, path, content, kind):
    answer = world.http.post(path, content=content, headers={"Content-Type": kind} if kind else {})

    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}


@pytest.mark.parametrize("path", ["/par", "/token", "/en/sign-in", "/v1/disclosures"])
def test_ten_megabytes_are_too_many(world, path):
    app = world.app()
    sent = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "DPoP x",
        "Origin": "http://testserver.local",
    }
    announced = world.http.post(path, content=b"a=" + b"x" * 10_000_000, headers=sent)
    unannounced = world.http.post(path, content=iter([b"a=", *[b"x" * 1_000_000] * 10]), headers=sent)

    assert app
    for answer in (announced, unannounced):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large"), path


# ---- /authorize and the approval page


def test_a_request_uri_opens_for_one_person_once(world):
    app, person, other = world.app(), world.person(), world.person({"name": "李四", "phone": "13912341234"})
    path = app.authorize_path()

    first = person.open_request(path)[0]

    other.sign_in()
    assert other.get(path).status_code == 400
    assert person.get(path, **{"Accept-Language": person.lang}).headers["location"] == first
    assert other.get(first).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?client_id=x",
        "?request_uri=x",
        "?client_id=x&request_uri=urn:x",
        "?client_id=x&request_uri=" + "y" * 600,
    ],
)
def test_without_a_pushed_request_there_is_an_error_page_and_no_redirect(world, query):
    answer = world.http.get(
        f"/authorize?x=1{query}&redirect_uri=https://evil.example", headers={"Accept": "text/html"}
    )

    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "invalid_request_uri" in answer.text


def test_a_request_uri_lapses_after_ninety_seconds(world):
    app, person = world.app(), world.person()
    path = app.authorize_path()
    world.clock.pass_seconds(91)

    assert person.get(path).status_code == 400


def test_a_request_uri_of_one_client_does_not_open_for_another(world):
    path = world.app().authorize_path().replace("client_id=app_", "client_id=app_a")

    assert world.person().get(path).status_code == 400


def test_the_approval_page_says_everything_masked_unticked_and_refuse_first(world):
    app, person = world.app(), world.person()
    details = app.details(datatypes=["name"], optional_datatypes=["phone", "email"], uses={"max": 3})

    path, page = person.open_request(app.authorize_path(details))

    for said in (
        "Harbour Bank",
        "privacy@harbour.example",
        "91330000MA27X",
        "Open or run your account",
        "张*丰",
        "138****1234",
        "At most 3 times",
        "30 days at most",
        "Nobody",
        "CNY 500.00",
        "uses what it receives for this purpose only",
        "We pay the sum named here when we leak.",
        "Our staff look it up.",
        "nothing in them limits what is owed for a loss that you can prove",
    ):
        assert said in page.text, said
    assert "13812341234" not in page.text
    assert "checked" not in page.text
    assert page.text.index('value="refuse"') < page.text.index('value="approve"')
    classes = re.findall(r'<button class="([^"]+)" type="submit" name="decision"', page.text)
    assert len(set(classes)) == 1
    assert "form-action 'self' https://app.example;" in page.headers["content-security-policy"]
    assert path.startswith("/en/requests/sh_")


def test_a_text_in_another_language_than_the_page_is_marked_and_said_to_be(world):
    app, reader = world.app(), world.person(lang="zh-CN")
    _, page = reader.open_request(app.authorize_path())
    _, same = world.person({"name": "Ann", "phone": "13912341234"}).open_request(app.authorize_path())

    assert page.text.count("只提供了英文版本") == 2
    assert '<p class="prose" lang="en">We pay the sum named here when we leak.</p>' in page.text
    assert "not in the language of this page" not in same.text


def test_a_request_is_answered_once(world):
    app, person = world.app(), world.person()
    path, page = person.open_request(app.authorize_path())
    form = {"csrf": person.csrf(page), "decision": "approve"}

    first, second = person.post(path, form), person.post(path, {**form, "decision": "refuse"})

    assert first.status_code == 303
    assert second.status_code == 410
    assert person.get(path).status_code == 410
    assert count(world, auth_code) == 1


@pytest.mark.parametrize(
    "bent",
    [
        {"decision": "maybe"},
        {"decision": ""},
        {"decision": "approve", "field.resident_id": "yes"},
        {"decision": "approve", "redirect_uri": "https://evil.example"},
    ],
)
def test_an_answer_that_does_not_fit_gives_nothing(world, bent):
    app, person = world.app(), world.person()
    path, page = person.open_request(app.authorize_path())

    answer = person.post(path, {"csrf": person.csrf(page), **bent})

    assert answer.status_code == 400
    assert count(world, auth_code) == 0


# ---- /token


def granted(world):
    app, person = world.app(), world.person()
    return app, person.approve(app.authorize_path())


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other"}, "invalid_grant"),
        ({"code": "cod_x"}, "invalid_grant"),
        ({"code": None}, "invalid_grant"),
        ({"grant_type": "refresh_token"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"proofs": []}, "invalid_dpop_proof"),
        ({"client_assertion": None}, "invalid_client"),
    ],
)
def test_a_code_is_exchanged_only_as_it_was_asked_for(world, changes, error):
    app, code = granted(world)
    answer = app.exchange(changes.pop("code", code), **changes)

    assert answer.json()["error"] == error
    assert count(world, token) == 0


def test_a_code_used_twice_gives_nothing_and_takes_back_what_it_gave(world):
    app, code = granted(world)
    first = app.exchange(code).json()["access_token"]

    assert app.exchange(code).json()["error"] == "invalid_grant"
    assert app.disclose(first).status_code == 401
    assert count(world, disclosure) == 0


def test_a_code_lapses_after_sixty_seconds(world):
    app, code = granted(world)
    world.clock.pass_seconds(61)

    assert app.exchange(code).json()["error"] == "invalid_grant"


def test_another_client_cannot_exchange_a_stolen_code(world):
    _, code = granted(world)
    thief = world.app("Thief")

    assert thief.exchange(code).json()["error"] == "invalid_grant"
    assert count(world, use) == 0


def test_a_proof_at_the_token_endpoint_counts_once(world):
    app, code = granted(world)
    made = app.proof("/token")

    assert app.exchange("cod_x", proofs=[made]).json()["error"] == "invalid_grant"
    assert app.exchange(code, proofs=[made]).json()["error"] == "invalid_dpop_proof"


def test_a_pushed_proof_binds_the_code_to_its_key(world):
    app, person = world.app(), world.person()
    app_form = app.push_form(dpop_jkt=app.proof_key.thumbprint())
    uri = world.http.post("/par", data=app_form).json()["request_uri"]
    code = person.approve(f"/authorize?client_id={app.client_id}&request_uri={uri}")

    other = app.exchange(code, proofs=[app.proof("/token", key=ECKey.generate_key("P-256"))])

    assert other.json()["error"] == "invalid_grant"
    assert app.exchange(code).status_code == 200


def test_the_token_reply_says_what_was_granted(world):
    app, code = granted(world)
    body = app.exchange(code).json()

    assert body["token_type"] == "DPoP"
    assert body["expires_in"] == 120
    assert body["grant_id"].startswith("gr_")
    assert body["authorization_details"][0]["datatypes"] == ["name", "phone"]
    assert "refresh_token" not in body


# ---- /v1/disclosures


@pytest.fixture
def ready(world):
    app, person = world.app(), world.person()
    return app, app.token_for(person)


def test_strangers_learn_nothing_from_the_answer(world, ready):
    app, good = ready
    app.disclose(good)
    spent = app.disclose(good)
    unknown = app.disclose("cut_" + "A" * 51)
    nonsense = app.disclose("x")
    other = world.app("Other")
    stolen = other.disclose(good)
    wrong_key = app.disclose(
        good, proofs=[app.proof("/v1/disclosures", key=ECKey.generate_key("P-256"), token=good)]
    )
    world.clock.pass_seconds(121)
    expired = app.disclose(good)

    answers = [spent, unknown, nonsense, stolen, wrong_key, expired]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["www-authenticate"] for answer in answers}) == 1
    assert 'error="invalid_token"' in spent.headers["www-authenticate"]
    assert count(world, disclosure) == 1


@pytest.mark.parametrize(
    "bent",
    [
        {"method": "GET"},
        {"url": "http://testserver.local/token"},
        {"iat": 1},
        {"jti": ""},
        {"token": None},
        {"ath": ath("cut_other")},
        {"header": {"alg": "none"}},
    ],
)
def test_a_proof_that_does_not_fit_is_named_as_such_and_spends_nothing(world, ready, bent):
    app, good = ready
    made = app.proof("/v1/disclosures", **{"token": good, **bent})

    answer = app.disclose(good, proofs=[made])

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_dpop_proof")
    assert 'error="invalid_dpop_proof"' in answer.headers["www-authenticate"]
    assert app.disclose(good).status_code == 200


def test_no_proof_two_proofs_and_a_replayed_proof_are_refused(world):
    app, person = world.app(), world.person()
    good = app.token_for(person, app.details(uses={"max": 5, "batch": 5}))
    made = app.proof("/v1/disclosures", token=good)

    assert app.disclose(good, proofs=[]).json()["code"] == "invalid_dpop_proof"
    twice = [app.proof("/v1/disclosures", token=good) for _ in range(2)]
    assert app.disclose(good, proofs=twice).json()["code"] == "invalid_dpop_proof"
    assert app.disclose(good, proofs=[made]).status_code == 200
    assert app.disclose(good, proofs=[made]).json()["code"] == "invalid_dpop_proof"
    assert count(world, disclosure) == 1


@pytest.mark.parametrize("authorization", ["", "Bearer x", "DPoP", "DPoP ", "Basic eDp4"])
def test_without_a_dpop_token_the_door_says_how_to_knock(world, authorization):
    answer = world.http.post("/v1/disclosures", json={}, headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("DPoP algs=")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b"[" * 30_000, "unknown_member"),
        (b"[]", "unknown_member"),
        (b"null", "unknown_member"),
        (b'{"secret": 1}', "unknown_member"),
        (b'{"fields": "name"}', "unknown_member"),
        (b'{"fields": [1]}', "unknown_member"),
        (b'{"fields": []}', "invalid_input"),
        (b'{"fields": ["name", "name"]}', "invalid_input"),
        (json.dumps({"fields": ["name", "shoe_size"]}).encode(), "insufficient_scope"),
    ],
)
def test_a_body_that_does_not_hold_spends_nothing(world, ready, body, code):
    app, good = ready

    answer = app.disclose(good, body=body)

    assert answer.json()["code"] == code
    assert app.disclose(good).status_code == 200


@pytest.mark.parametrize("key", ['""', "x" * 200, '"a b"', "\tx\t"])
def test_an_idempotency_key_that_is_none_is_refused(world, ready, key):
    app, good = ready

    answer = app.disclose(good, idempotency_key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_idempotency_key")


def test_two_idempotency_keys_are_none(world, ready):
    app, good = ready

    answer = app.disclose(good, idempotency_key="one", headers={"Idempotency-Key": "another"})

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_idempotency_key")
    assert app.disclose(good).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_spends(world, method):
    answer = world.http.request(method, "/v1/disclosures")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_the_receipt_verifies_with_the_published_key(world, ready):
    from joserfc import jws
    from joserfc.jwk import KeySet

    app, good = ready
    receipt = app.disclose(good).json()["receipt"]
    keys = KeySet.import_key_set(world.http.get("/jwks").json())

    read = jws.deserialize_compact(receipt, keys, algorithms=["Ed25519", "EdDSA"])

    assert json.loads(read.payload)["aud"] == app.recipient_id
