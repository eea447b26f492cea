"""A lost key replaced over HTTP: two codes, a day, two codes; what is told to whom, and how it is stopped."""

import re

import pytest

from api.senders.message import Channel
from consent.schema.recovery_tables import DELAY_MS
from tests.flow.installation import ZHANG, open_world
from tests.web.code_post import hidden
from tests.web.keys import add_passkey, device, secure_world, sign_in_with

DAY = DELAY_MS / 1000
SECRET = re.compile(r"(?<![\w-])sik_")  # not four letters in the middle of a random token
OTHER = {"name": "李四", "phone": "13912341234", "email": "lisi@example.com"}


@pytest.fixture
def world(sending_world):
    return sending_world


def codes_in(world, kept):
    """The newest code of each channel, as (e-mail, phone)."""
    world.http.app.state.services.post_room.settle()
    newest = {message.channel: message.code for message in kept.messages if message.code}
    return newest.get(Channel.EMAIL, "000000"), newest.get(Channel.SMS, "000000")


def asked(person, email=ZHANG["email"], phone=ZHANG["phone"]):
    page = person.get(f"/{person.lang}/recovery")
    return person.post(f"/{person.lang}/recovery", {**hidden(page), "email": email, "phone": phone})


def entered(person, page, codes, **bent):
    form = {**hidden(page), "email_code": codes[0], "phone_code": codes[1], **bent}
    return person.post(f"/{person.lang}/recovery/check", form)


def proven(world, kept, person):
    page = asked(person)
    return entered(person, page, codes_in(world, kept))


def notices(world, kept):
    world.http.app.state.services.post_room.settle()
    return [message for message in kept.messages if not message.code]


def new_key(page):
    return re.search(r'id="new-key">(sik_[\w-]+)<', page.text)[1]


def test_the_whole_way_from_a_lost_key_to_a_new_one(world, kept):
    person = world.person()
    elsewhere = world.person(OTHER)
    elsewhere.created, elsewhere.key = person.created, person.key
    elsewhere.sign_in()

    begun = proven(world, kept, person)
    world.clock.pass_seconds(DAY)
    taken = proven(world, kept, person)

    assert (begun.status_code, "The day has begun" in begun.text) == (200, True)
    assert not SECRET.search(begun.text)
    key = new_key(taken)
    assert elsewhere.get("/en/grants").status_code == 303, "sessions are over"
    person.cookies = {}
    assert person.sign_in().status_code == 403
    assert person.sign_in(key).status_code == 303
    assert [(message.channel, message.to) for message in notices(world, kept)] == [
        (Channel.EMAIL, ZHANG["email"]),
        (Channel.SMS, f"+86{ZHANG['phone']}"),
    ] * 2


def test_before_the_day_is_over_the_key_still_works_and_no_new_one_is_shown(world, kept):
    person = world.person()
    proven(world, kept, person)
    world.clock.pass_seconds(DAY - 601)

    again = proven(world, kept, person)

    assert not SECRET.search(again.text)
    assert len(notices(world, kept)) == 2, "nobody is told twice of one day"
    assert person.sign_in().status_code == 303


def test_passkeys_die_when_the_new_key_is_taken_and_not_before(vault, tmp_path, kept):
    world = secure_world(vault, tmp_path, senders=kept.senders())
    with world.http:
        person = world.person()
        person.sign_in()
        own = device()
        add_passkey(person, own)
        person.cookies = {}
        proven(world, kept, person)
        assert sign_in_with(person, own).status_code == 303
        person.cookies = {}
        world.clock.pass_seconds(DAY)

        proven(world, kept, person)

        person.cookies = {}
        assert sign_in_with(person, own).status_code == 403


def test_whoever_reads_the_notice_stops_it_by_a_button_behind_its_link(world, kept):
    person = world.person()
    proven(world, kept, person)
    link = re.search(r"http://testserver\.local(/en/recovery/rcx_[\w-]+/stop)", notices(world, kept)[0].text)[
        1
    ]
    reader = world.person(OTHER)

    page = reader.get(link)
    assert page.status_code == 200
    world.clock.pass_seconds(DAY)  # following the link has stopped nothing
    stopped = reader.post(link, hidden(page))

    assert "It is stopped" in stopped.text
    assert reader.post(link, hidden(page)).status_code == 404
    assert "The day has begun" in proven(world, kept, person).text


def test_somebody_signed_in_sees_it_on_the_first_page_and_stops_it(world, kept):
    person, thief = world.person(), world.person(OTHER)
    person.sign_in()
    assert "asked for a new sign-in key" not in person.get("/en/grants").text
    proven(world, kept, thief)

    assert "asked for a new sign-in key" in person.get("/en/grants").text
    page = person.get("/en/account")
    assert "asked for a new sign-in key" in page.text
    assert person.post("/en/account/recovery/stop", {"csrf": person.csrf(page)}).status_code == 303

    assert "asked for a new sign-in key" not in person.get("/en/account").text
    world.clock.pass_seconds(DAY)
    assert not SECRET.search(proven(world, kept, thief).text)


def test_one_address_alone_or_two_of_two_people_are_no_proof(world, kept):
    person, other = world.person(), world.person(OTHER)
    page = asked(person)
    email, phone = codes_in(world, kept)

    for codes in ((email, "000000"), ("000000", phone), (phone, email)):
        assert entered(person, asked(person), codes).status_code in {403, 429}
    world.clock.pass_seconds(600)
    mixed = asked(other, email=ZHANG["email"], phone=OTHER["phone"])
    assert entered(other, mixed, codes_in(world, kept)).status_code == 403
    assert notices(world, kept) == []
    assert page


def test_known_and_unknown_addresses_are_answered_alike(world, kept):
    person = world.person()

    def bare(page):
        return page.status_code, re.sub(r'value="[^"]*"', "", page.text)

    known, unknown = asked(person), asked(person, email="nobody@example.com", phone="13999999999")

    assert bare(known) == bare(unknown)
    assert bare(entered(person, known, ("000000",) * 2)) == bare(entered(person, unknown, ("000000",) * 2))


def test_the_addresses_that_are_told_are_those_that_were_proven(world, kept):
    person = world.person()
    page = asked(person)

    bent = entered(person, page, codes_in(world, kept), email="thief@example.com")

    assert bent.status_code == 403
    assert notices(world, kept) == []


def test_codes_to_sign_in_with_replace_nothing_and_the_other_way_round(world, kept):
    person = world.person()
    page = asked(person)
    email, phone = codes_in(world, kept)
    tickets = hidden(page)

    answer = person.post(
        "/en/sign-in/code/check", {"csrf": tickets["csrf"], "ticket": tickets["phone_ticket"], "code": phone}
    )

    assert answer.status_code == 403
    assert "perusal" not in person.cookies
    assert email


@pytest.mark.parametrize(
    ("email", "phone"),
    [("", ""), ("13812341234", "13812341234"), ("zhangsan@example.com", "zhangsan@example.com"), ("x", "12")],
)
def test_an_address_of_each_kind_is_needed(world, kept, email, phone):
    assert asked(world.person(), email, phone).status_code == 400
    assert kept.messages == []


def test_where_codes_go_one_way_only_there_is_no_such_page(vault, tmp_path, kept):
    world = open_world(vault, tmp_path, senders={Channel.EMAIL: kept})
    with world.http:
        person = world.person()
        page = person.get("/en/sign-in")
        assert "/en/recovery" not in page.text
        assert person.get("/en/recovery").status_code == 404
        for path in ("/en/recovery", "/en/recovery/check"):
            assert person.post(path, {"csrf": person.csrf(page)}).status_code == 404


def test_the_pages_speak_chinese_and_are_linked_from_the_sign_in_page(world, kept):
    person = world.person(lang="zh-CN")

    assert "/zh-CN/recovery" in person.get("/zh-CN/sign-in").text
    begun = proven(world, kept, person)

    assert "等待期已开始" in begun.text
    assert "如非本人操作" in notices(world, kept)[0].text
    assert begun.headers["cache-control"] == "no-store"
