"""Signing in with a code: from the address to the session, and what it tells and lets anybody do."""

import re

import pytest

from api.edge.attempts import (
    CODES_FROM_SOURCE,
    CODES_FROM_SOURCE_TO_ADDRESS,
    CODES_FROM_SOURCE_TO_ADDRESS_DAILY,
    CODES_TO_ADDRESS,
    CODES_TO_ADDRESS_DAILY,
    MOST_FAILURES,
    PERIOD_MS,
    network_of,
)
from api.portal import limited
from tests.flow.installation import ISSUER, ZHANG, open_world
from tests.web.code_post import ask_for_code, enter_code, hidden, newest
from vault.families.merge import merge
from vault.ids import SubjectId

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
UNKNOWN = "13999999999"


@pytest.fixture
def world(sending_world):
    return sending_world


def wrong(code):
    return f"{(int(code) + 1) % 10**6:06d}"


@pytest.mark.parametrize("address", [ZHANG["phone"], "+86 138 1234 1234", "ZhangSan@Example.com"])
def test_a_person_signs_in_with_a_number_or_a_mailbox_and_the_code_sent_there(world, kept, address):
    person = world.person()

    page = ask_for_code(person, address)
    sent = newest(world, kept)
    answer = enter_code(person, page, sent.code)

    assert sent.to == ("zhangsan@example.com" if "@" in address else "+8613812341234")
    assert sent.code in sent.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/en/grants")
    assert person.get("/en/grants").status_code == 200
    assert "with a code" in person.get("/en/account").text


def test_a_code_pasted_with_a_blank_in_wide_digits_is_accepted(world, kept):
    person = world.person()
    page = ask_for_code(person, ZHANG["phone"])
    code = newest(world, kept).code
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)

    assert enter_code(person, page, f" {wide[:3]} {wide[3:]} ").status_code == 303


def test_the_code_leads_on_to_the_request_that_brought_the_person_here(world, kept):
    app, person = world.app(), world.person()
    start = person.get(person.get(app.authorize_path()).headers["location"])

    page = ask_for_code(person, ZHANG["phone"], start)
    answer = enter_code(person, page, newest(world, kept).code)

    assert answer.headers["location"].startswith("/en/requests/")


def bare(page):
    """A page without what is random on every page."""
    return re.sub(r'value="[^"]*"', "", page.text)


def test_known_and_unknown_addresses_are_answered_alike(world, kept):
    person = world.person()

    known, unknown = ask_for_code(person, ZHANG["phone"]), ask_for_code(person, UNKNOWN)

    newest(world, kept)
    assert [message.to for message in kept.messages] == ["+8613812341234"]
    assert (known.status_code, bare(known)) == (unknown.status_code, bare(unknown))
    assert {name: len(text) for name, text in hidden(known).items()} == {
        name: len(text) for name, text in hidden(unknown).items()
    }
    wrongly = [enter_code(person, page, "000000") for page in (known, unknown)]
    assert [answer.status_code for answer in wrongly] == [403, 403]
    assert bare(wrongly[0]) == bare(wrongly[1])
    for address in (ZHANG["phone"], UNKNOWN):
        for _ in range(CODES_FROM_SOURCE_TO_ADDRESS.most):
            last = ask_for_code(person, address)
        assert last.status_code == 429


def test_a_wrong_code_says_nothing_and_five_end_it(world, kept):
    person = world.person()
    page = ask_for_code(person, ZHANG["phone"])
    code = newest(world, kept).code
    for _ in range(5):
        answer = enter_code(person, page, wrong(code))
        assert (answer.status_code, "does not fit, or has run out" in answer.text) == (403, True)

    assert enter_code(person, page, code).status_code == 403
    assert "perusal" not in person.cookies


def test_a_code_is_worthless_in_another_browser(world, kept):
    person, thief = world.person(), world.person({"email": "thief@example.com"})
    page = ask_for_code(person, ZHANG["phone"])
    code = newest(world, kept).code

    own = hidden(thief.get("/en/sign-in"))
    stolen = thief.post(
        "/en/sign-in/code/check", {"csrf": own["csrf"], "ticket": hidden(page)["ticket"], "code": code}
    )

    assert stolen.status_code == 403
    assert enter_code(person, page, code).status_code == 303


def test_signing_in_with_a_code_makes_a_new_session_and_forgets_what_was_planted_before(world, kept):
    person = world.person()
    person.sign_in()
    stolen = dict(person.cookies)
    planted = {**stolen, "perusal-visitor": "planted"}
    person.cookies = {"perusal": stolen["perusal"]}
    page = person.get("/en/sign-in")  # signed in already: led on
    assert page.status_code == 303
    person.cookies = {"perusal-visitor": "planted", "perusal": "ses_planted"}
    page = ask_for_code(person, ZHANG["phone"])
    person.cookies["perusal"] = stolen["perusal"]

    assert enter_code(person, page, newest(world, kept).code).status_code == 303

    fresh = dict(person.cookies)
    assert fresh["perusal"] not in {stolen["perusal"], "ses_planted"}
    assert "perusal-visitor" not in fresh
    person.cookies = planted
    assert person.get("/en/grants").status_code == 303  # the session the browser had is over
    person.cookies = fresh
    assert person.get("/en/grants").status_code == 200


def test_asking_is_limited_by_address_by_source_and_for_everybody(world, kept):
    person = world.person()
    most = CODES_FROM_SOURCE_TO_ADDRESS.most
    statuses = [ask_for_code(person, ZHANG["phone"]).status_code for _ in range(most + 1)]
    assert statuses == [200] * most + [429]

    left = CODES_FROM_SOURCE.most - len(statuses)
    others = [ask_for_code(person, f"1390000{at:04d}").status_code for at in range(left + 1)]
    assert others == [200] * left + [429]

    world.clock.pass_seconds(PERIOD_MS / 1000)
    answer = ask_for_code(person, ZHANG["phone"])
    assert answer.status_code == 200
    newest(world, kept)
    assert len(kept.messages) == most + 1


@pytest.fixture
def peer(monkeypatch):
    """Where requests come from: set `peer["at"]`."""
    here = {"at": "192.0.2.1"}
    monkeypatch.setattr(limited, "network_of", lambda _seen: network_of(here["at"]))
    return here


def test_one_stranger_who_knows_a_number_leaves_its_owner_codes_to_ask_for(world, kept, peer):
    person, stranger = world.person(), world.person({"email": "stranger@example.com"})
    world.clock.pass_seconds(86_400 - world.clock() // 1000 % 86_400)
    peer["at"] = "2001:db8::1"
    for at in range(30):
        peer["at"] = f"2001:db8::{at}:1"  # one network
        ask_for_code(stranger, ZHANG["phone"])
        world.clock.pass_seconds(PERIOD_MS / 1000 / 3)

    peer["at"] = "192.0.2.7"
    page = ask_for_code(person, ZHANG["phone"])

    assert page.status_code == 200
    assert enter_code(person, page, newest(world, kept).code).status_code == 303


def test_nobody_s_asking_ends_the_code_that_somebody_else_is_about_to_enter(world, kept, peer):
    person, stranger = world.person(), world.person({"email": "stranger@example.com"})
    page = ask_for_code(person, ZHANG["phone"])
    code = newest(world, kept).code
    peer["at"] = "198.51.100.1"

    other = ask_for_code(stranger, ZHANG["phone"])
    for _ in range(5):
        assert enter_code(stranger, other, wrong(code)).status_code == 403

    assert enter_code(person, page, code).status_code == 303


def test_an_address_is_not_flooded_from_many_sources(world, kept, peer):
    person, statuses = world.person(), []
    for at in range(CODES_TO_ADDRESS.most + 1):
        peer["at"] = f"192.0.2.{at}"
        statuses.append(ask_for_code(person, ZHANG["phone"]).status_code)

    assert statuses == [200] * CODES_TO_ADDRESS.most + [429]
    assert CODES_FROM_SOURCE_TO_ADDRESS.most < CODES_TO_ADDRESS.most
    assert CODES_FROM_SOURCE_TO_ADDRESS_DAILY.most < CODES_TO_ADDRESS_DAILY.most


def test_a_source_gets_ten_codes_a_day_to_one_address(world, kept):
    person, statuses = world.person(), []
    world.clock.pass_seconds(86_400 - world.clock() // 1000 % 86_400)
    for _ in range(CODES_FROM_SOURCE_TO_ADDRESS_DAILY.most + 1):
        statuses.append(ask_for_code(person, ZHANG["phone"]))
        world.clock.pass_seconds(PERIOD_MS / 1000)

    assert [answer.status_code for answer in statuses] == [200] * 10 + [429]
    assert int(statuses[-1].headers["retry-after"]) > PERIOD_MS / 1000


def test_the_installation_sends_so_many_codes_and_no_more(vault, tmp_path, kept):
    world = open_world(vault, tmp_path, senders=kept.senders(), code_limit=2)
    with world.http:
        person = world.person()
        statuses = [ask_for_code(person, f"1390000{at:04d}").status_code for at in range(3)]

    assert statuses == [200, 200, 429]


def test_guessing_codes_is_counted_with_guessing_keys(world, kept):
    person = world.person()
    page = ask_for_code(person, ZHANG["phone"])
    code = newest(world, kept).code
    for _ in range(MOST_FAILURES):
        person.sign_in("sik_wrong")

    assert enter_code(person, page, code).status_code == 429
    world.clock.pass_seconds(PERIOD_MS / 1000 - 1)
    assert enter_code(person, page, code).status_code in {303, 403}


@pytest.mark.parametrize("address", ["", "12", "nobody@", "x" * 4000, "a@b.example\r\nBcc: c@d.example"])
def test_what_is_no_address_is_said_to_be_none_and_not_repeated(world, kept, address):
    answer = ask_for_code(world.person(), address)

    assert answer.status_code == 400
    assert "No code can be sent to this address" in answer.text
    # As a word of its own: the letters of a random token may well contain a "12".
    assert not address or not re.search(rf"(?<![\w-]){re.escape(address)}(?![\w-])", answer.text)
    assert kept.messages == []


def test_whoever_was_merged_away_or_is_being_erased_cannot_enter(world, kept):
    keep, drop = world.person(), world.person({"email": "second@example.com"})
    page = ask_for_code(drop, "second@example.com")
    code = newest(world, kept).code

    merge(world.vault, keep.created.subject, SubjectId(drop.created.subject), world.clock())

    assert enter_code(drop, page, code).status_code == 403


def test_without_a_sender_no_page_offers_codes_and_no_address_answers(vault, tmp_path):
    world = open_world(vault, tmp_path, senders={})
    with world.http:
        person = world.person()
        page = person.get("/en/sign-in")
        assert "/sign-in/code" not in page.text
        for path in ("/en/sign-in/code", "/en/sign-in/code/check"):
            assert (
                person.post(path, {"csrf": person.csrf(page), "address": ZHANG["phone"]}).status_code == 404
            )


def test_codes_by_e_mail_alone_are_not_promised_to_phones(vault, tmp_path, kept):
    from api.senders.message import Channel

    world = open_world(vault, tmp_path, senders={Channel.EMAIL: kept})
    with world.http:
        person = world.person()
        assert "Your e-mail address" in person.get("/en/sign-in").text
        assert ask_for_code(person, ZHANG["phone"]).status_code == 400
        assert ask_for_code(person, ZHANG["email"]).status_code == 200


def test_the_pages_stand_in_chinese_too_and_cannot_be_framed(world, kept):
    person = world.person(lang="zh-CN")
    page = ask_for_code(person, ZHANG["phone"])

    assert "输入验证码" in page.text
    assert "验证码是" in newest(world, kept).text
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert 'autocomplete="one-time-code"' in page.text
    assert ISSUER not in page.text


def test_the_address_of_the_code_page_alone_leads_back_to_the_start(world, kept):
    assert world.person().get("/en/sign-in/code").headers["location"] == "/en/sign-in"
