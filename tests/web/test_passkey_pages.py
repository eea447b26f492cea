"""Passkeys on the portal: adding one, signing in with it, taking it away, and what the pages let nobody do."""

import re

import pytest

from api.edge.attempts import MOST_FAILURES
from api.edge.headers import CSP
from api.portal.render import static_files
from tests.flow.installation import BROWSER, open_world
from tests.web.code_post import hidden
from tests.web.keys import SECURE, add_passkey, device, options_on, secure_world, sign_in_with

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
MINUTE = 60


@pytest.fixture
def world(vault, tmp_path):
    made = secure_world(vault, tmp_path, senders={})
    with made.http:
        yield made


@pytest.fixture
def owner(world):
    person = world.person()
    person.sign_in()
    own = device()
    assert add_passkey(person, own).headers["location"] == "/en/account?added"
    return person, own


def test_a_passkey_that_was_added_signs_its_person_in(world, owner):
    person, own = owner
    person.cookies = {}

    answer = sign_in_with(person, own)

    assert (answer.status_code, answer.headers["location"]) == (303, "/en/grants")
    account = person.get("/en/account").text
    assert "with a passkey" in account
    assert "My phone" in account
    assert "Last used on" in account


def test_a_passkey_leads_on_to_the_request_that_brought_the_person_here(world, owner):
    app, (person, own) = world.app(), owner
    person.cookies = {}
    start = person.get(person.get(app.authorize_path()).headers["location"])
    link = re.search(r'href="(/en/sign-in/passkey\?[^"]+)"', start.text)[1].replace("&amp;", "&")

    answer = sign_in_with(person, own, person.get(link))

    assert answer.headers["location"].startswith("/en/requests/")


def test_signing_in_makes_a_new_session_ends_the_old_one_and_forgets_the_visitor(world, owner):
    person, own = owner
    stolen = dict(person.cookies)
    name = next(iter(stolen))
    person.cookies = {}
    page = person.get("/en/sign-in/passkey")
    visitor = dict(person.cookies)
    person.cookies = {**visitor, **stolen}

    assert sign_in_with(person, own, page).status_code == 303

    fresh = dict(person.cookies)
    assert fresh.keys() == {name}
    assert fresh[name] != stolen[name]
    person.cookies = stolen
    assert person.get("/en/grants").status_code == 303


def test_what_one_browser_signed_is_worthless_in_another_and_worthless_twice(world, owner):
    person, own = owner
    person.cookies = {}
    page = person.get("/en/sign-in/passkey")
    signed = own.get(options_on(page))
    thief = world.person({"email": "thief@example.com"})
    theirs = hidden(thief.get("/en/sign-in/passkey"))

    stolen = thief.post("/en/sign-in/passkey", {**theirs, "credential": signed})
    first = person.post("/en/sign-in/passkey", {**hidden(page), "credential": signed})
    visitor = {name: value for name, value in person.cookies.items() if "visitor" in name}
    again = person.get("/en/account")

    assert (stolen.status_code, first.status_code, again.status_code) == (403, 303, 200)
    assert visitor == {}


def test_the_same_answer_sent_twice_by_the_same_browser_signs_in_once(world, owner):
    person, own = owner
    person.cookies = {}
    page = person.get("/en/sign-in/passkey")
    visitor = dict(person.cookies)
    form = {**hidden(page), "credential": own.get(options_on(page))}

    assert person.post("/en/sign-in/passkey", form).status_code == 303
    person.cookies = visitor
    assert person.post("/en/sign-in/passkey", form).status_code == 403


@pytest.mark.parametrize("bent", [{"origin": "https://evil.example"}, {"flags": 1}, {"rp_id": "example"}])
def test_a_bent_answer_is_refused_without_saying_why(world, owner, bent):
    person, own = owner
    person.cookies = {}

    answer = sign_in_with(person, own, **bent)

    assert (answer.status_code, "does not fit here" in answer.text) == (403, True)
    assert not any("visitor" not in name for name in person.cookies)


def test_a_page_left_open_for_too_long_is_worth_nothing(world, owner):
    person, own = owner
    person.cookies = {}
    page = person.get("/en/sign-in/passkey")
    world.clock.pass_seconds(5 * MINUTE)

    assert sign_in_with(person, own, page).status_code == 403


def test_trying_passkeys_is_counted_with_guessing_keys(world, owner):
    person, own = owner
    person.cookies = {}
    for _ in range(MOST_FAILURES):
        person.sign_in("sik_wrong")

    assert sign_in_with(person, own).status_code == 429


def test_a_copy_of_an_authenticator_is_turned_away_and_the_person_and_the_operator_are_told(
    world, owner, capsys
):
    person, own = owner
    for _ in range(2):
        person.cookies = {}
        assert sign_in_with(person, own).status_code == 303

    person.cookies = {}
    assert sign_in_with(person, own, count=1).status_code == 403
    logged = capsys.readouterr().err
    person.sign_in()

    assert "passkey_alarm" in logged
    assert "counted backwards" in person.get("/en/account").text


def test_adding_and_removing_take_a_sign_in_of_the_last_five_minutes(world, owner):
    person, _ = owner
    page = person.get("/en/account/passkeys/new")
    account = person.get("/en/account")
    remove = re.search(r'action="(/en/account/passkeys/pk_\w+/remove)"', account.text)[1]
    world.clock.pass_seconds(5 * MINUTE)

    form = {**hidden(page), "credential": device().create(options_on(page)), "name": "x"}
    assert person.post("/en/account/passkeys/new", form).status_code == 403
    assert person.get("/en/account/passkeys/new").status_code == 403
    assert person.post(remove, {"csrf": person.csrf(page)}).status_code == 403
    assert "sign out and in again first" in person.get("/en/account").text
    assert "My phone" in person.get("/en/account").text


def test_a_removed_passkey_opens_nothing_and_nobody_removes_another_person_s(world, owner):
    person, own = owner
    page = person.get("/en/account")
    remove = re.search(r'action="(/en/account/passkeys/pk_\w+/remove)"', page.text)[1]
    other = world.person({"email": "other@example.com"})
    other.sign_in()

    assert other.post(remove, {"csrf": other.csrf(other.get("/en/account"))}).status_code == 404
    assert person.post(remove, {"csrf": person.csrf(page)}).status_code == 303
    person.cookies = {}
    assert sign_in_with(person, own).status_code == 403


def test_removing_a_passkey_signs_out_whoever_is_signed_in_elsewhere(world, owner):
    person, own = owner
    here = dict(person.cookies)
    person.cookies = {}
    assert sign_in_with(person, own).status_code == 303
    lost, person.cookies = dict(person.cookies), here
    remove = re.search(r'action="(/en/account/passkeys/pk_\w+/remove)"', person.get("/en/account").text)[1]

    assert person.post(remove, {"csrf": person.csrf(person.get("/en/account"))}).status_code == 303

    assert person.get("/en/account").status_code == 200
    person.cookies = lost
    assert person.get("/en/account").status_code == 303


def test_a_challenge_of_one_session_makes_no_passkey_in_another(world, owner):
    person, _ = owner
    page = person.get("/en/account/passkeys/new")
    made = device().create(options_on(page))
    other = world.person({"email": "other@example.com"})
    other.sign_in()
    theirs = hidden(other.get("/en/account/passkeys/new"))

    assert other.post("/en/account/passkeys/new", {**theirs, "credential": made}).status_code == 400
    assert "My phone" not in other.get("/en/account").text


def test_a_name_is_text_and_a_missing_one_is_given(world):
    person = world.person()
    person.sign_in()
    add_passkey(person, device(), name='<b onclick="x">Key</b>')
    add_passkey(person, device(), name="   ")

    page = person.get("/en/account").text

    assert "<b onclick" not in page
    assert "&lt;b onclick" in page
    assert "<p>Passkey<br>" in page


def test_only_the_pages_of_a_ceremony_run_a_script_and_only_our_own_file(world, owner):
    person, _ = owner
    pages = {path: person.get(path) for path in ("/en/account", "/en/account/passkeys/new", "/en/grants")}
    person.cookies = {}
    pages |= {path: person.get(path) for path in ("/en/sign-in", "/en/sign-in/passkey")}
    script = static_files()["passkeys"]

    for path, page in pages.items():
        ceremony = "passkey" in path
        found = re.findall(r"<script([^>]*)>(.*?)</script>", page.text)
        assert found == ([(f' src="{script.address}" defer', "")] if ceremony else []), path
        policy = page.headers[CSP]
        assert policy.startswith("default-src 'none'"), path
        assert ("script-src 'self'" in policy) == ceremony, path
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r'\s(style|on\w+)="', page.text), path
        assert page.headers["x-frame-options"] == "DENY"
    served = world.http.get(script.address)
    assert served.headers["content-type"].startswith("text/javascript")
    assert served.content == script.content


def test_the_pages_stand_in_chinese_too(world):
    person = world.person(lang="zh-CN")
    assert "用通行密钥登录" in person.get("/zh-CN/sign-in/passkey").text
    person.sign_in()
    assert "添加通行密钥" in person.get("/zh-CN/account/passkeys/new").text


def test_another_site_can_neither_add_nor_use_a_passkey(world, owner):
    person, own = owner
    page = person.get("/en/account/passkeys/new")
    cross = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    form = {**hidden(page), "credential": device().create(options_on(page)), "name": "x"}

    assert person.post("/en/account/passkeys/new", form, **cross).status_code == 403
    assert person.post("/en/account/passkeys/new", {**form, "csrf": "x" * 43}).status_code == 403
    person.cookies = {}
    page = person.get("/en/sign-in/passkey")
    form = {**hidden(page), "credential": own.get(options_on(page))}
    assert person.post("/en/sign-in/passkey", form, **cross).status_code == 403
    assert person.post("/en/sign-in/passkey", form, **BROWSER).status_code == 303


def test_without_https_there_are_no_passkeys_and_nothing_speaks_of_them(vault, tmp_path):
    world = open_world(vault, tmp_path, senders={})
    with world.http:
        person = world.person()
        assert "passkey" not in person.get("/en/sign-in").text.lower()
        assert person.get("/en/sign-in/passkey").status_code == 404
        person.sign_in()
        assert "Passkeys" not in person.get("/en/account").text
        assert person.get("/en/account/passkeys/new").status_code == 404
        csrf = person.csrf(person.get("/en/account"))
        assert person.post("/en/account/passkeys/new", {"csrf": csrf}).status_code == 404


def test_a_browser_is_told_our_origin_and_nothing_about_the_person(world, owner):
    person, _ = owner

    options = options_on(person.get("/en/account/passkeys/new"))

    assert '"id": "consent.example"' in options
    assert "zhangsan" not in options
    assert "13812341234" not in options
    assert SECURE.startswith("https://")
