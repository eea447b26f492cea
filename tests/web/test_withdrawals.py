"""Taking permissions back in the portal and over `/me`: as easy as giving, one or several at once."""

import base64
import json
import re

import pytest

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def given(world):
    """A person with three permissions of two recipients, and the tokens for them."""
    bank, shop, person = world.app(), world.app("Corner Shop", "marketing"), world.person()
    tokens = [(bank, bank.token_for(person)), (bank, bank.token_for(person)), (shop, shop.token_for(person))]
    return person, bank, shop, tokens


def links(page):
    return re.findall(r'href="(/en/withdrawals\?[^"]+)"', page.text)


def hidden(page):
    """The members of the one form of the confirmation page."""
    form = page.text[page.text.index('action="/en/withdrawals"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def spend_all(tokens):
    return [app.disclose(token).status_code for app, token in tokens]


def test_the_page_offers_each_recipient_with_several_each_purpose_with_several_and_everything(given):
    person, bank, _, _ = given

    offered = links(person.get("/en/grants"))

    assert offered == [
        f"/en/withdrawals?recipient={bank.recipient_id}",
        "/en/withdrawals?purpose=account",
        "/en/withdrawals?everything=yes",
    ]


def test_withdrawing_takes_no_more_actions_than_giving_did(world, given):
    person, _, shop, tokens = given
    giving = ["follow the recipient's link", "approve"]
    path, page = person.open_request(shop.authorize_path())
    assert person.post(path, {"csrf": person.csrf(page), "decision": "approve"}).status_code == 303

    one = [person.withdraw(re.search(r"/grants/(gr_\w+)/withdraw", person.get("/en/grants").text)[1])]
    confirm = person.get(links(person.get("/en/grants"))[-1])
    several = [confirm, person.post("/en/withdrawals", hidden(confirm))]

    assert [answer.status_code for answer in one] == [303]
    assert [answer.status_code for answer in several] == [200, 303]
    assert len(one) < len(giving)
    assert len(several) <= len(giving)
    assert set(spend_all(tokens)) == {401}


def test_the_confirmation_names_what_ends_and_asks_for_no_reason(given):
    person, _, _, tokens = given

    page = person.get(links(person.get("/en/grants"))[0])

    assert "Withdraw everything you gave Harbour Bank" in page.text
    assert "Withdraw these 2" in page.text
    assert "Corner Shop" not in page.text
    assert set(hidden(page)) == {"csrf", "recipient"}
    assert "textarea" not in page.text
    person.post("/en/withdrawals", hidden(page))
    assert spend_all(tokens) == [401, 401, 200]


def test_by_purpose_ends_that_purpose_only(given):
    person, _, _, tokens = given
    page = person.get("/en/grants")

    answer = person.post("/en/withdrawals", {"csrf": person.csrf(page), "purpose": "marketing"})

    assert answer.headers["location"] == "/en/grants?withdrawn"
    assert spend_all(tokens) == [200, 200, 401]


def test_pressing_twice_is_harmless_and_the_page_has_nothing_left_to_offer(given):
    person, *_ = given
    page = person.get("/en/withdrawals?everything=yes")

    answers = [person.post("/en/withdrawals", hidden(page)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert links(person.get("/en/grants")) == []
    assert person.get("/en/withdrawals?everything=yes").status_code == 409


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"everything": "no"},
        {"recipient": ""},
        {"recipient": "org_x", "purpose": "account"},
        {"reason": "none"},
        {"purpose": "\u00e4"},
        {"recipient": "x" * 300},
    ],
)
def test_a_scope_that_is_not_exactly_one_is_refused_and_ends_nothing(given, members):
    person, _, _, tokens = given
    csrf = person.csrf(person.get("/en/grants"))

    for path in ("/en/withdrawals", "/me/withdrawals"):
        assert person.post(path, {"csrf": csrf, **members}).status_code == 400
    assert person.get("/en/withdrawals", Accept="*/*").json()["code"] == "invalid_input"
    assert spend_all(tokens) == [200] * 3


def test_nobody_withdraws_anything_of_somebody_elses(world, given):
    _, bank, _, tokens = given
    other = world.person({"name": "李四", "phone": "13912341234"})
    other.sign_in()
    csrf = other.csrf(other.get("/en/grants"))

    for members in ({"everything": "yes"}, {"recipient": bank.recipient_id}):
        assert other.post("/en/withdrawals", {"csrf": csrf, **members}).status_code == 409
        assert other.post("/me/withdrawals", {"csrf": csrf, **members}).status_code == 409
    assert spend_all(tokens) == [200] * 3


def test_a_program_of_the_person_withdraws_over_me_and_gets_the_first_receipts_again(given):
    person, bank, _, tokens = given
    mine = person.get("/me/grants").json()
    csrf = mine["csrf"]
    bought = next(one for one in mine["grants"] if one["purpose"] == "marketing")

    one = person.post(f"/me/grants/{bought['grant_id']}/withdrawal", {"csrf": csrf}).json()["withdrawn"]
    first = person.post("/me/withdrawals", {"csrf": csrf, "everything": "yes"}).json()["withdrawn"]
    again = person.post("/me/withdrawals", {"csrf": csrf, "everything": "yes"}).json()["withdrawn"]

    assert [(line["grant_id"], line["repeated"]) for line in one] == [(bought["grant_id"], False)]
    assert sorted(line["repeated"] for line in first) == [False, False, True]
    assert {line["receipt"] for line in first} == {line["receipt"] for line in again}
    assert all(line["repeated"] for line in again)
    assert {line["recipient"] for line in first} >= {bank.recipient_id}
    assert set(spend_all(tokens)) == {401}
    ended = person.get("/me/grants").json()["grants"]
    assert all(line["state"] == "withdrawn" and line["withdrawn_at"] for line in ended)


def test_a_program_of_the_person_reads_every_use_and_nobody_elses(world, given):
    person, _, _, tokens = given
    other = world.person({"name": "李四", "phone": "13912341234"})
    other.sign_in()
    redeemed = [app.disclose(token).json() for app, token in tokens]

    lines = person.get("/me/disclosures").json()["disclosures"]

    assert {line["disclosure_id"]: (line["use"], line["ledger"]["index"]) for line in lines} == {
        one["disclosure_id"]: (one["use"], one["ledger"]["index"]) for one in redeemed
    }
    assert [line["disclosed_at"] for line in lines] == sorted(
        (one["disclosed_at"] for one in lines), reverse=True
    )
    assert other.get("/me/disclosures").json() == {"disclosures": []}


def test_a_program_without_the_csrf_token_changes_nothing(given):
    person, _, _, tokens = given

    answer = person.post("/me/withdrawals", {"everything": "yes"}, Accept="*/*")

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    assert spend_all(tokens) == [200] * 3


def test_the_receipts_of_a_permission_are_one_link_away_and_nobody_elses(world, given):
    person, _, _, tokens = given
    spend_all(tokens)
    link = re.search(r'href="(/me/grants/gr_\w+/receipts)"', person.get("/en/grants").text)[1]

    said = person.get(link, Accept="*/*").json()

    kinds = [json.loads(unb64(token.split(".")[0]))["typ"] for token in said["receipts"]]
    assert kinds == ["perusal-grant+jwt", "perusal-receipt+jwt"]
    assert said["jwks_uri"].endswith("/jwks")
    assert json.loads(unb64(said["head"].split(".")[1]))["number"] == 1
    other = world.person({"name": "李四", "phone": "13912341234"})
    other.sign_in()
    assert other.get(link, Accept="*/*").status_code == 404


def unb64(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
