"""Approving something sensitive on the portal: the page that asks for a proof, what it takes, and what it does after."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from api.edge.attempts import CODES_OF_PERSON, MOST_FAILURES
from api.edge.headers import CSP
from api.senders.message import Channel, NotSent
from consent.schema.step_up_tables import step_up
from consent.schema.tables import consent_grant
from tests.flow.installation import ZHANG, open_world
from tests.web.code_post import Kept, ask_for_code, hidden, newest
from tests.web.keys import add_passkey, device, options_on, secure_world

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
SENSITIVE = {"datatypes": ["name", "resident_id"], "optional_datatypes": ["phone"]}
VALUES = {**ZHANG, "resident_id": "11010519491231002X"}


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def plain(vault, tmp_path):
    """People have their keys and nothing else here."""
    made = open_world(vault, tmp_path, senders={})
    with made.http:
        yield made


@pytest.fixture
def coded(vault, tmp_path, kept):
    made = open_world(vault, tmp_path, senders=kept.senders())
    with made.http:
        yield made


@pytest.fixture
def secure(vault, tmp_path, kept):
    made = secure_world(vault, tmp_path, senders=kept.senders())
    with made.http:
        yield made


def opened(world, person):
    """The approval page of a sensitive request: (path, page)."""
    app = world.app(purpose="identity_check")
    return person.open_request(app.authorize_path(app.details(**SENSITIVE)))


def pressed(person, path, page, tick=()):
    """What *Approve* leads to."""
    ticks = {f"field.{name}": "yes" for name in tick}
    return person.post(path, {"csrf": person.csrf(page), "decision": "approve", **ticks})


def members(page, marker):
    """The hidden members of the form that holds `marker`."""
    (form,) = [form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if marker in form]
    return hidden(type("Form", (), {"text": form}))


def rows(world, what):
    with world.vault.data.read() as conn:
        return conn.execute(select(what)).all()


def called_back(answer):
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("https://app.example/back?")
    query = urlsplit(answer.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def test_the_key_is_asked_for_once_more_where_the_account_has_nothing_else(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)

    asked = pressed(person, path, page, tick=("phone",))
    assert asked.status_code == 200
    assert "Confirm that it is you" in asked.text
    assert rows(plain, consent_grant) == []
    answer = person.post(path, {**members(asked, 'value="key"'), "key": f" {person.key} "})

    assert "code" in called_back(answer)
    (grant,) = rows(plain, consent_grant)
    assert grant.fields == '["name","phone","resident_id"]'
    assert [row.how for row in rows(plain, step_up)] == ["key"]


def test_what_is_sensitive_is_named_apart_from_what_comes_with_it(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)

    asked = pressed(person, path, page, tick=("phone",))

    assert re.findall(r"<li>([^<]+)</li>", asked.text) == ["Resident ID number"]
    assert "Together with: Name, Mobile number" in asked.text


def test_what_was_ticked_by_mistake_is_left_out_by_a_button_and_then_nothing_more_is_asked(plain):
    person = plain.person({**VALUES, "bank_card": "6222021234567890128"})
    app = plain.app(purpose="payment")
    wanted = app.details(datatypes=["name"], optional_datatypes=["bank_card", "phone"])
    path, page = person.open_request(app.authorize_path(wanted))
    asked = pressed(person, path, page, tick=("bank_card", "phone"))
    assert "Go on without: Bank card number" in asked.text

    answer = person.post(path, {**members(asked, "Go on without"), "decision": "approve"})

    assert "code" in called_back(answer)
    (grant,) = rows(plain, consent_grant)
    assert (grant.fields, grant.consent_kind) == ('["name","phone"]', "single_occasion")
    assert rows(plain, step_up) == []


def test_where_nothing_sensitive_was_ticked_there_is_no_such_button(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)

    assert "Go on without" not in pressed(person, path, page, tick=("phone",)).text


def test_confirming_makes_a_new_session_and_the_old_one_is_worthless(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    stolen = dict(person.cookies)
    asked = pressed(person, path, page)
    assert person.cookies == stolen

    called_back(person.post(path, {**members(asked, 'value="key"'), "key": person.key}))

    assert person.cookies["perusal"] != stolen["perusal"]
    assert person.get("/en/grants").status_code == 200
    person.cookies = stolen
    assert person.get("/en/grants").status_code == 303


def test_a_wrong_key_approves_nothing_keeps_the_session_and_is_counted(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    asked, before = pressed(person, path, page), dict(person.cookies)
    form = members(asked, 'value="key"')

    for _ in range(MOST_FAILURES):
        wrong = person.post(path, {**form, "key": "sik_wrong"})
        assert (wrong.status_code, "Nothing was approved" in wrong.text) == (403, True)

    assert person.post(path, {**form, "key": person.key}).status_code == 429
    assert person.cookies == before
    assert rows(plain, consent_grant) == []


@pytest.mark.parametrize("asked_first", [False, True])
def test_refusing_takes_no_proof_before_or_after_it_was_asked_for(plain, asked_first):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    if asked_first:
        page = pressed(person, path, page)

    answer = person.post(path, {"csrf": person.csrf(page), "decision": "refuse"})

    assert called_back(answer)["error"] == "access_denied"


def test_what_is_not_sensitive_is_approved_with_one_press_as_before(plain):
    person, app = plain.person(VALUES), plain.app()

    assert person.approve(app.authorize_path())
    assert rows(plain, step_up) == []


def test_a_code_is_sent_to_an_address_of_the_person_s_own_and_confirms(coded, kept):
    person = coded.person(VALUES)
    path, page = opened(coded, person)
    asked = pressed(person, path, page)
    assert 'name="key"' not in asked.text
    assert "138****1234" in asked.text

    form = {**members(asked, 'name="address"'), "address": "ZhangSan@example.com"}
    entering = person.post(f"{path}/code", form)
    code = newest(coded, kept).code
    form = members(entering, 'name="code"')
    wrong = person.post(path, {**form, "code": f"{(int(code) + 1) % 10**6:06d}"})
    answer = person.post(path, {**members(wrong, 'name="code"'), "code": code})

    assert wrong.status_code == 403
    assert "code" in called_back(answer)
    assert [row.how for row in rows(coded, step_up)] == ["code"]


def test_no_code_is_sent_to_somebody_else_s_address_and_the_page_does_not_say_so(coded, kept):
    person, _ = coded.person(VALUES), coded.person({"phone": "13912341234"})
    path, page = opened(coded, person)
    asked = pressed(person, path, page)

    pages = [
        person.post(f"{path}/code", {**members(asked, 'name="address"'), "address": address})
        for address in ("13912341234", "13999999999", VALUES["phone"])
    ]
    newest(coded, kept)

    assert [message.to for message in kept.messages] == ["+8613812341234"]
    bare = {re.sub(r'value="[^"]*"', "", answer.text) for answer in pages}
    assert len(bare) == 1


def test_the_key_does_not_count_where_codes_can_be_sent(coded):
    person = coded.person(VALUES)
    path, page = opened(coded, person)
    asked = pressed(person, path, page)
    form = {**members(asked, 'name="address"'), "how": "key", "key": person.key}

    assert person.post(path, form).status_code == 403
    assert rows(coded, consent_grant) == []


def test_a_code_to_sign_in_with_does_not_confirm_an_approval(coded, kept):
    from tests.web.code_post import ask_for_code

    person = coded.person(VALUES)
    path, page = opened(coded, person)
    asked, session = pressed(person, path, page), dict(person.cookies)
    person.cookies = {}
    signing_in = ask_for_code(person, VALUES["phone"])
    code = newest(coded, kept).code
    person.cookies = session
    form = {**members(asked, 'name="address"'), "how": "code", "ticket": hidden(signing_in)["ticket"]}

    assert person.post(path, {**form, "code": code}).status_code == 403


def test_a_passkey_signs_the_approval_on_the_page(secure):
    person, own = secure.person(VALUES), device()
    person.sign_in()
    add_passkey(person, own)
    path, page = opened(secure, person)
    before = dict(person.cookies)
    asked = pressed(person, path, page, tick=("phone",))
    signed = own.get(options_on(asked))

    answer = person.post(path, {**members(asked, "data-ceremony"), "credential": signed})

    assert "code" in called_back(answer)
    (row,) = rows(secure, step_up)
    assert (row.how, row.credential_id) == ("passkey", own.credential_id)
    assert person.cookies != before


def test_a_signature_does_not_confirm_more_than_the_page_said(secure):
    person, own = secure.person(VALUES), device()
    person.sign_in()
    add_passkey(person, own)
    path, page = opened(secure, person)
    asked = pressed(person, path, page)
    form = {**members(asked, "data-ceremony"), "credential": own.get(options_on(asked))}

    assert person.post(path, {**form, "field.phone": "yes"}).status_code == 403
    assert rows(secure, consent_grant) == []


def test_a_proof_that_comes_too_late_is_asked_for_again(secure):
    person, own = secure.person(VALUES), device()
    person.sign_in()
    add_passkey(person, own)
    path, page = opened(secure, person)
    asked = pressed(person, path, page)
    form = {**members(asked, "data-ceremony"), "credential": own.get(options_on(asked))}
    secure.clock.pass_seconds(300)

    late = person.post(path, form)

    assert (late.status_code, "too long" in late.text) == (403, True)
    again = {**members(late, "data-ceremony"), "credential": own.get(options_on(late))}
    assert "code" in called_back(person.post(path, again))


def test_a_copied_passkey_is_turned_away_and_the_operator_is_told(secure, capsys):
    person, own = secure.person(VALUES), device()
    person.sign_in()
    own.count = 7
    add_passkey(person, own)
    path, page = opened(secure, person)
    asked = pressed(person, path, page)
    form = {**members(asked, "data-ceremony"), "credential": own.get(options_on(asked), count=3)}

    assert person.post(path, form).status_code == 403
    assert "passkey_alarm" in capsys.readouterr().err


def test_the_page_runs_our_script_only_for_passkeys_and_cannot_be_framed(secure, plain):
    person = secure.person(VALUES)
    person.sign_in()
    add_passkey(person, device())
    path, page = opened(secure, person)
    policy = (asked := pressed(person, path, page)).headers[CSP]

    assert policy.startswith("default-src 'none'")
    assert policy.endswith("script-src 'self'")
    assert "form-action 'self' https://app.example" in policy
    assert "frame-ancestors 'none'" in policy
    assert asked.headers["x-frame-options"] == "DENY"
    assert asked.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {}])
def test_another_site_can_neither_ask_for_a_code_nor_confirm(coded, kept, headers):
    person = coded.person(VALUES)
    path, page = opened(coded, person)
    asked = pressed(person, path, page)
    form = {**members(asked, 'name="address"'), "address": VALUES["phone"]}
    bent = form if headers else {**form, "csrf": "x" * 43}

    for where in (path, f"{path}/code"):
        assert person.post(where, bent, **headers).status_code == 403
    assert kept.messages == []


def test_nobody_confirms_or_asks_for_codes_in_another_person_s_request(coded, kept):
    person, other = coded.person(VALUES), coded.person({"phone": "13912341234"})
    path, page = opened(coded, person)
    form = members(pressed(person, path, page), 'name="address"')
    other.sign_in()
    csrf = other.csrf(other.get("/en/grants"))

    assert other.post(f"{path}/code", {**form, "csrf": csrf, "address": "13912341234"}).status_code == 404
    assert other.post(path, {**form, "csrf": csrf, "how": "code"}).status_code == 404
    assert kept.messages == []


@pytest.mark.parametrize(
    "bent",
    [{"offered_at": "soon"}, {"offered_at": ""}, {"offered_at": "9" * 16}, {"how": "magic"}, {"how": ""}],
)
def test_a_proof_that_is_none_is_asked_for_again(plain, bent):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    form = {**members(pressed(person, path, page), 'value="key"'), "key": person.key, **bent}

    assert person.post(path, form).status_code == 403
    assert rows(plain, consent_grant) == []


def test_a_request_that_lapsed_or_was_decided_is_not_confirmed(plain):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    form = {**members(pressed(person, path, page), 'value="key"'), "key": person.key}
    plain.clock.pass_seconds(600)

    assert person.post(path, form).status_code == 410


@pytest.mark.parametrize("ago", [0, 1_000, 299_000])
def test_only_our_page_can_say_when_an_approval_was_offered(plain, ago):
    person = plain.person(VALUES)
    path, page = opened(plain, person)
    form = {**members(pressed(person, path, page), 'value="key"'), "key": person.key}
    made_up = plain.clock() - ago
    plain.clock.pass_seconds(1)

    for bent in (str(made_up), f"{made_up}.{form['offered_at'].partition('.')[2][::-1]}"):
        assert person.post(path, {**form, "offered_at": bent}).status_code == 403
    assert rows(plain, consent_grant) == []


def test_an_offer_is_for_its_own_showing_and_session(plain):
    person = plain.person(VALUES)
    (first, page), (second, other) = opened(plain, person), opened(plain, person)
    offered = members(pressed(person, first, page), 'value="key"')["offered_at"]
    form = {**members(pressed(person, second, other), 'value="key"'), "key": person.key}

    assert person.post(second, {**form, "offered_at": offered}).status_code == 403
    person.cookies.clear()
    person.sign_in()
    csrf = person.csrf(person.get(second))
    assert person.post(second, {**form, "csrf": csrf}).status_code == 403
    assert rows(plain, consent_grant) == []


def test_strangers_use_up_neither_the_codes_nor_the_tries_of_whoever_is_signed_in(coded, kept):
    person, stranger = coded.person(VALUES), coded.person({"phone": "13912341234"})
    path, page = opened(coded, person)
    form = members(pressed(person, path, page), 'name="address"')
    sent = person.post(f"{path}/code", {**form, "address": VALUES["phone"]})
    code = newest(coded, kept).code
    for _ in range(MOST_FAILURES):  # from the same network, too
        stranger.sign_in("sik_wrong")
        ask_for_code(stranger, VALUES["phone"])

    assert person.post(f"{path}/code", {**form, "address": VALUES["email"]}).status_code == 200
    answer = person.post(path, {**members(sent, 'name="code"'), "code": code})
    assert answer.status_code == 303
    assert len(rows(coded, consent_grant)) == 1


def test_somebody_signed_in_has_limits_of_their_own(coded, kept):
    person = coded.person(VALUES)
    path, page = opened(coded, person)
    form = members(pressed(person, path, page), 'name="address"')

    statuses = [
        person.post(f"{path}/code", {**form, "address": VALUES["phone"]}).status_code
        for _ in range(CODES_OF_PERSON.most + 1)
    ]

    assert statuses == [200] * CODES_OF_PERSON.most + [429]
    assert ask_for_code(coded.person({"phone": "13912341234"}), VALUES["phone"]).status_code == 200


class Broken:
    """A sender whose server does not answer, until it does."""

    def __init__(self, kept, *, only_here=False):
        self.kept, self.only_here, self.works = kept, only_here, False

    def send(self, message):
        if not self.works:
            raise NotSent("ConnectionRefusedError", only_here=self.only_here)
        self.kept.send(message)


def sent(world, person, path, form, address):
    """The page after asking for a code at `address`, once more, when the first message has left or failed."""
    person.post(f"{path}/code", {**form, "address": address})
    world.http.app.state.services.post_room.settle()
    return person.post(f"{path}/code", {**form, "address": address})


@pytest.fixture
def mailless(vault, tmp_path, kept):
    """Codes go by SMS; the mail server is gone."""
    mail = Broken(kept)
    made = open_world(vault, tmp_path, senders={Channel.SMS: kept, Channel.EMAIL: mail})
    with made.http:
        yield made, mail


def test_whoever_gets_no_mail_is_pointed_to_the_other_address_and_approves_with_it(mailless, kept):
    world, _ = mailless
    person = world.person(VALUES)
    path, page = opened(world, person)
    form = members(pressed(person, path, page), 'name="address"')

    told = sent(world, person, path, form, VALUES["email"])

    assert 'id="failing"' in told.text
    assert "No codes leave by e-mail" in told.text
    assert "138****1234" in told.text.partition('id="failing"')[2].partition("</p>")[0]
    page = person.post(f"{path}/code", {**form, "address": VALUES["phone"]})
    code = newest(world, kept).code
    assert person.post(path, {**members(page, 'name="code"'), "code": code}).status_code == 303
    assert len(rows(world, consent_grant)) == 1


def test_a_mail_server_that_is_back_is_no_longer_complained_of(mailless):
    world, mail = mailless
    person = world.person(VALUES)
    path, page = opened(world, person)
    form = members(pressed(person, path, page), 'name="address"')
    assert 'id="failing"' in sent(world, person, path, form, VALUES["email"]).text

    mail.works = True
    world.http.app.state.services.post_room.settle()

    assert 'id="failing"' not in sent(world, person, path, form, VALUES["email"]).text


def test_whoever_has_no_other_address_is_told_so(mailless):
    world, _ = mailless
    person = world.person({name: value for name, value in VALUES.items() if name != "phone"}, "zh-CN")
    app = world.app(purpose="identity_check")
    path, page = person.open_request(app.authorize_path(app.details(datatypes=["name", "resident_id"])))
    form = members(pressed(person, path, page), 'name="address"')

    assert "目前无法向您发送验证码" in sent(world, person, path, form, VALUES["email"]).text


def test_what_strangers_ask_for_and_one_refused_mailbox_say_nothing_about_a_channel(mailless):
    world, mail = mailless
    person = world.person(VALUES)
    path, page = opened(world, person)
    asked = pressed(person, path, page)
    ask_for_code(world.person({"phone": "13912341234"}), VALUES["email"])
    world.http.app.state.services.post_room.settle()

    assert 'id="failing"' not in pressed(person, path, page).text
    mail.only_here = True
    form = members(asked, 'name="address"')
    assert 'id="failing"' not in sent(world, person, path, form, VALUES["email"]).text
