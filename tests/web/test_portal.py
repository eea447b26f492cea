"""The portal's doors: signing in, staying in, going out, and other people's things."""

import re

import pytest

from api.edge.attempts import MOST_FAILURES, PERIOD_MS
from api.portal.render import static_files
from consent.families.ties import Tie, appoint
from consent.wording.rates import rates
from vault.families.merge import merge

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def test_a_visitor_is_sent_to_the_sign_in_page_in_a_language_of_theirs(world):
    first = world.http.get("/", headers={"Accept-Language": "zh"})
    second = world.http.get(first.headers["location"], headers={"Accept": "text/html"})

    assert first.headers["location"] == "/zh-CN/grants"
    assert (second.status_code, second.headers["location"]) == (303, "/zh-CN/sign-in")


def test_signing_in_makes_a_new_session_and_forgets_what_was_planted_before(world):
    person = world.person()
    person.cookies = {"perusal": "ses_planted", "perusal-visitor": "planted"}

    answer = person.sign_in()

    assert answer.status_code == 303
    assert "planted" not in "".join(person.cookies.values())
    assert person.get("/en/grants").status_code == 200


def test_signing_in_again_ends_the_session_the_browser_still_had(world):
    person = world.person()
    page = person.get("/en/sign-in")
    person.sign_in()
    stolen = dict(person.cookies)
    person.cookies = {
        **stolen,
        "perusal-visitor": re.findall(r"perusal-visitor=\"?([^;\"]+)", str(page.headers))[0],
    }

    assert person.post("/en/sign-in", {"key": person.key, "csrf": person.csrf(page)}).status_code == 303

    assert person.cookies["perusal"] != stolen["perusal"]
    assert person.get("/en/grants").status_code == 200
    person.cookies = stolen
    assert person.get("/en/grants").status_code == 303


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world):
    person = world.person()

    header = person.sign_in().headers.get_list("set-cookie")[0]

    assert "HttpOnly" in header
    assert "SameSite=lax" in header
    assert "Path=/" in header


@pytest.mark.parametrize("key", ["", "x", "sik_" + "A" * 51, "ses_" + "A" * 51])
def test_a_wrong_key_is_refused_without_saying_why(world, key):
    person = world.person()

    page = person.get("/en/sign-in")
    answer = person.post("/en/sign-in", {"key": key, "csrf": person.csrf(page)})

    assert answer.status_code == 403
    assert "This key does not fit" in answer.text
    assert "perusal" not in person.cookies


def test_a_key_with_blanks_around_it_as_pasted_is_accepted(world):
    person = world.person()

    assert person.sign_in(f"  {person.key} ").status_code == 303


def test_guessing_is_stopped_for_a_while_even_with_the_right_key(world):
    person = world.person()
    for _ in range(MOST_FAILURES):
        assert person.sign_in("sik_wrong").status_code == 403

    stopped = person.sign_in()

    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= PERIOD_MS // 1000 + 1
    world.clock.pass_seconds(PERIOD_MS / 1000)
    assert person.sign_in().status_code == 303


def test_signing_out_ends_the_session_on_the_server_too(world):
    person = world.person()
    person.sign_in()
    stolen = dict(person.cookies)
    page = person.get("/en/grants")

    answer = person.post("/en/sign-out", {"csrf": person.csrf(page)})

    assert answer.headers["location"] == "/en/sign-in"
    person.cookies = stolen
    assert person.get("/en/grants").status_code == 303


def test_an_idle_session_ends(world):
    person = world.person()
    person.sign_in()
    world.clock.pass_seconds(world.settings.session_idle + 1)

    assert person.get("/en/grants").headers["location"] == "/en/sign-in"


def test_the_sessions_of_whoever_was_merged_away_are_over(world):
    keep, drop = world.person(), world.person({"email": "second@example.com"})
    drop.sign_in()
    keep.sign_in()
    assert drop.get("/en/grants").status_code == 200

    merge(world.vault, keep.created.subject, drop.created.subject, world.clock())

    assert drop.get("/en/grants").headers["location"] == "/en/sign-in"
    assert keep.get("/en/grants").status_code == 200


def test_nobody_sees_or_touches_what_is_another_person_s(world):
    app, owner, other = world.app(), world.person(), world.person({"name": "李四", "phone": "13912341234"})
    path, _ = owner.open_request(app.authorize_path())
    app.disclose(app.token_for(owner))
    grant = re.search(r'id="(gr_\w+)"', owner.get("/en/grants").text)[1]
    bundle = re.search(r'href="(/en/uses/ds_\w+/bundle)"', owner.get("/en/uses").text)[1]

    other.sign_in()
    csrf = other.csrf(other.get("/en/grants"))

    assert other.get(path).status_code == 404
    assert other.post(path, {"csrf": csrf, "decision": "approve"}).status_code == 404
    assert other.post(f"/en/grants/{grant}/withdraw", {"csrf": csrf}).status_code == 409
    assert other.get(bundle).status_code == 404
    assert "Harbour Bank" not in other.get("/en/grants").text + other.get("/en/uses").text
    assert "Active" not in owner.get("/en/grants").text  # used up, and not withdrawn by the stranger
    assert "Used up" in owner.get("/en/grants").text


@pytest.mark.parametrize("path", ["/en/requests/sh_x", "/en/uses/ds_x/bundle", "/en/requests/" + "x" * 3000])
def test_an_identifier_that_is_none_is_a_problem_page(world, path):
    person = world.person()
    person.sign_in()

    answer = person.get(path)

    assert answer.status_code == 400
    assert "malformed_id" in answer.text


def test_text_from_a_recipient_is_never_markup(world):
    app, person = world.app('<b>"Bank"</b>'), world.person()

    _, page = person.open_request(app.authorize_path())

    assert "<b>" not in page.text
    assert "&lt;b&gt;" in page.text


def test_pages_have_one_heading_a_language_labels_and_no_script(world):
    app, person = world.app(), world.person()
    _, request = person.open_request(
        app.authorize_path(app.details(datatypes=["name"], optional_datatypes=["phone"]))
    )
    app.disclose(app.token_for(person))
    pages = [
        request,
        *(person.get(f"/{lang}/{name}") for lang in ("en", "zh-CN") for name in ("grants", "uses", "erase")),
    ]
    person.cookies.clear()
    pages.append(person.get("/en/sign-in"))

    for page in pages:
        assert page.text.count("<h1") == 1
        assert re.search(r'<html lang="(en|zh-CN)">', page.text)
        assert '<main id="content"' in page.text
        assert '<a class="skip" href="#content">' in page.text
        assert "<script" not in page.text
        assert not re.search(r'\s(style|on\w+)="', page.text)
        for box in re.findall(r'<input[^>]*type="(?!hidden)[^"]*"[^>]*>', page.text):
            labelled = re.search(r'id="(\w+)"', box)
            assert (labelled and f'for="{labelled[1]}"' in page.text) or 'type="checkbox"' in box
        ids = re.findall(r'\sid="([^"]+)"', page.text)
        assert len(ids) == len(set(ids))


def test_the_other_language_is_one_link_away_and_keeps_the_request(world):
    app, person = world.app(), world.person()
    answer = person.get(app.authorize_path(), **{"Accept-Language": "en"})

    page = person.get(answer.headers["location"])
    link = re.search(r'href="(/zh-CN/sign-in\?[^"]+)" hreflang="zh-CN"', page.text)[1].replace("&amp;", "&")

    assert "request_uri" in person.get(link).text


def test_the_portal_s_files_are_served_under_their_digest_only(world):
    for file in static_files().values():
        answer = world.http.get(file.address)
        assert answer.content == file.content
        assert answer.headers["content-type"] == file.media_type
        assert "immutable" in answer.headers["cache-control"]
    assert world.http.get("/static/perusal.css").status_code == 404
    assert world.http.get("/static/..%2f..%2fsettings.py").status_code == 404


def test_everything_asked_about_a_child_is_marked_sensitive_and_nothing_tells_their_age(world):
    bank = world.app()
    marks = {}
    parent = world.person({"name": "Bo Li", "phone": "13912340000", "birth_date": "1980-05-06"})
    for born in ("2020-05-06", "1990-05-06"):
        phone = f"1391234{born[:4]}"
        person = world.person({"name": "Ann Li", "phone": phone, "birth_date": born})
        appoint(
            world.vault,
            person.created.subject,
            parent.created.subject,
            Tie.APPOINTED,
            bytes(32),
            world.clock(),
        )
        choice = parent.open_request(
            bank.authorize_path(bank.details(optional_datatypes=["name"], datatypes=["phone"]))
        )[1]
        form = dict(
            re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', choice.text.split("</form>")[1])
        )
        (ward,) = set(re.findall(r'name="for" value="(gl_\w+)">[^<]*' + born[:4], choice.text))
        shown = parent.get(parent.post("/en/for-whom", {**form, "for": ward}).headers["location"])
        marks[born] = shown.text.count('class="field-note"')
        assert born[:4] not in shown.text.replace(phone[-4:], "")

    assert marks == {"2020-05-06": 2, "1990-05-06": 0}


def test_the_approval_page_reckons_the_example_from_the_rates_and_names_each(world):
    given = rates({"ordinary": "50", "sensitive": "200"}, {"harassing_call": "1000"}, "CNY")
    app, person = world.app(purpose="identity_check", rates=given), world.person()
    person.sign_in()

    def shown(*codes):
        return person.open_request(app.authorize_path(app.details(datatypes=list(codes))))

    _, ordinary = shown("name", "phone")
    path, mixed = shown("name", "resident_id")

    assert "they owe you CNY 600.00" in ordinary.text
    assert "they owe you CNY 750.00" in mixed.text
    for line in ("CNY 500.00 for each leak", "CNY 1,000.00 for each harassing call or message"):
        assert line in mixed.text
    chinese = person.get(path.replace("/en/", "/zh-CN/")).text
    assert "每泄露一类敏感信息，另付 CNY 200.00" in chinese
    assert "对方应付给您 CNY 750.00" in chinese
