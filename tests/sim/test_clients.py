"""The demo's two clients keep to the standards and to the page: checked against a server that only listens."""

from __future__ import annotations

import json
import time
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from joserfc.jwk import ECKey

from api.demo.consumer_client import Browser, PageProblem, form_with, form_with_button
from api.demo.recipient_client import RecipientClient, RefusedByServer, UseToken, discover
from api.oauth.assertion import check_assertion
from api.oauth.dpop import check_proof
from consent.recipients.key_sets import key_set
from tests.sim.paper_server import BASE, PaperServer

REDIRECT = "http://127.0.0.1:9/callback"


@pytest.fixture
def paper():
    return PaperServer()


@pytest.fixture
def http(paper):
    with httpx.Client(transport=httpx.MockTransport(paper.answer)) as client:
        yield client


@pytest.fixture
def browser(http):
    return Browser(http, BASE, language="en")


@pytest.fixture
def key():
    return ECKey.generate_key("P-256", {"alg": "ES256"}, auto_kid=True)


@pytest.fixture
def client(http, key):
    return RecipientClient(http, discover(http, BASE), client_id="app_1", key=key, redirect_uri=REDIRECT)


TOKEN = UseToken(text="cut_x", grant_id="gr_x", details=())


def test_a_secure_cookie_is_kept_on_loopback_and_dropped_when_the_server_says_so(paper, browser):
    paper.page("/a", "hello", cookies=["__Host-s=1; Path=/; Secure; HttpOnly", "t=2; Path=/"])
    paper.page("/b", "bye", cookies=["t=; Path=/; Max-Age=0"])
    paper.page("/c", "end")

    for path in ("/a", "/b", "/c"):
        browser.get(BASE + path)

    assert [request.headers.get("cookie") for request in paper.seen] == [
        None,
        "__Host-s=1; t=2",
        "__Host-s=1",
    ]


def test_redirects_are_followed_with_get_until_they_leave_the_site(paper, browser):
    paper.redirect("/a", "/b")
    paper.redirect("/b", f"{REDIRECT}?code=1")

    page = browser.get(BASE + "/a")

    assert page.left
    assert page.url == f"{REDIRECT}?code=1"
    assert [request.url.path for request in paper.seen] == ["/a", "/b"]


def test_endless_redirects_are_given_up(paper, browser):
    paper.redirect("/a", "/a")

    with pytest.raises(PageProblem, match="too_many_redirects"):
        browser.get(BASE + "/a")


FORM = """<form method="post" action="/send"><input type="hidden" name="csrf" value="c&amp;1">
<input type="checkbox" name="extra" value="yes"><input type="checkbox" name="kept" value="yes" checked>
<textarea name="note"></textarea><input name="key" type="password">
<button name="decision" value="refuse">No</button><button name="decision" value="approve">Yes</button></form>
<a href="/elsewhere">x</a>"""


def test_a_form_sends_its_fields_and_the_pressed_button_and_no_unticked_box(paper, browser):
    paper.page("/a", FORM)
    paper.page("/send", "done")
    page = browser.get(BASE + "/a")

    browser.submit(form_with_button(page, "approve"), {"key": "sik"}, button="approve")

    sent = paper.seen[-1]
    assert sent.method == "POST"
    assert dict(parse_qsl(sent.content.decode(), keep_blank_values=True)) == {
        "csrf": "c&1",
        "kept": "yes",
        "note": "",
        "key": "sik",
        "decision": "approve",
    }
    assert (sent.headers["origin"], sent.headers["sec-fetch-site"]) == (BASE, "same-origin")
    assert page.links() == [f"{BASE}/elsewhere"]


def test_what_is_not_on_the_page_cannot_be_pressed_or_filled_in(paper, browser):
    paper.page("/a", FORM.replace("approve", "maybe"))
    page = browser.get(BASE + "/a")

    with pytest.raises(PageProblem, match="no_button_approve"):
        form_with_button(page, "approve")
    with pytest.raises(PageProblem, match="no_field_phone"):
        form_with(page, "phone")
    with pytest.raises(PageProblem, match="no_button_approve"):
        browser.submit(form_with(page, "key"), button="approve")


def test_withdrawing_needs_a_button_for_exactly_this_grant(paper, browser):
    paper.page(
        "/en/grants", '<form method="post" action="/en/grants/gr_1/withdraw"><button>x</button></form>'
    )
    paper.page("/en/grants/gr_1/withdraw", "done")

    assert browser.withdraw("gr_1").status == 200
    with pytest.raises(PageProblem, match="no_withdraw_button"):
        browser.withdraw("gr_2")


def test_a_pushed_request_proves_the_client_and_hides_the_verifier(paper, client, key):
    pushed = client.push({"type": "pii_use"})

    form = {name: values[0] for name, values in parse_qs(paper.seen[-1].content.decode()).items()}
    accepted = check_assertion(
        form["client_assertion"],
        key_set({"keys": [key.as_dict(private=False)]}),
        client_id="app_1",
        issuer=BASE,
        now_ms=int(time.time() * 1000),
    )
    assert accepted.client_id == "app_1"
    assert json.loads(form["authorization_details"]) == [{"type": "pii_use"}]
    assert form["code_challenge_method"] == "S256"
    assert pushed.verifier not in paper.seen[-1].content.decode()
    assert parse_qs(httpx.URL(pushed.authorize_url).query.decode()) == {
        "client_id": ["app_1"],
        "request_uri": ["urn:1"],
    }


def test_an_answer_of_another_server_or_another_request_is_not_taken(client):
    pushed = client.push({})
    good = f"{REDIRECT}?code=c&state={pushed.state}&iss={BASE}"

    assert client.code_from(good, pushed) == "c"
    for bad in (good.replace(BASE, "http://evil.example"), good.replace(pushed.state, "other"), REDIRECT):
        with pytest.raises(RefusedByServer, match="mixed_up_answer"):
            client.code_from(bad, pushed)


def test_a_persons_refusal_comes_back_as_its_code(client):
    pushed = client.push({})

    with pytest.raises(RefusedByServer, match="access_denied"):
        client.code_from(f"{REDIRECT}?error=access_denied&state={pushed.state}&iss={BASE}", pushed)


def test_a_disclosure_carries_a_proof_for_this_token_and_a_quoted_key(paper, client):
    received = client.disclose(TOKEN, "k1")

    request = paper.seen[-1]
    proof = check_proof(
        [request.headers["dpop"]],
        method="POST",
        url=f"{BASE}/v1/disclosures",
        now_ms=int(time.time() * 1000),
        token=TOKEN.text,
    )
    assert hasattr(proof, "jkt"), proof
    assert request.headers["authorization"] == "DPoP cut_x"
    assert request.headers["idempotency-key"] == '"k1"'
    assert received.values == {"name": "N"}


def test_a_broken_connection_is_tried_again_with_the_same_key_and_a_new_proof(paper, client):
    paper.breaks = 2

    client.disclose(TOKEN, "k1")

    tries = [request for request in paper.seen if request.url.path == "/v1/disclosures"]
    assert len(tries) == 3
    assert {request.headers["idempotency-key"] for request in tries} == {'"k1"'}
    assert len({request.headers["dpop"] for request in tries}) == 3


def test_a_connection_that_stays_broken_is_given_up(paper, client):
    paper.breaks = 9

    with pytest.raises(httpx.ConnectError):
        client.disclose(TOKEN, "k1")


def test_a_refusal_carries_status_and_code(paper, client):
    paper.refusal = (401, "invalid_token")

    with pytest.raises(RefusedByServer) as refused:
        client.disclose(TOKEN, "k1")
    assert (refused.value.status, refused.value.code) == (401, "invalid_token")
