"""Signing a consent on the portal where law wants it in writing: what is read, how it is signed, what is handed out."""

import re
from html import unescape

import pytest
from sqlalchemy import select

from consent.schema.act_tables import separate_act
from consent.schema.step_up_tables import step_up
from consent.schema.tables import consent_grant
from tests.flow.installation import ZHANG, open_world
from tests.web.code_post import hidden
from tests.web.keys import add_passkey, device, options_on, secure_world
from tests.web.test_presence import called_back, members

CREDIT = {"datatypes": ["name", "phone"], "optional_datatypes": ["bank_card"]}


@pytest.fixture
def plain(vault, tmp_path):
    """People have their keys and nothing else here."""
    made = open_world(vault, tmp_path, senders={})
    with made.http:
        yield made


@pytest.fixture
def secure(vault, tmp_path):
    made = secure_world(vault, tmp_path, senders={})
    with made.http:
        yield made


def asked(world, person, tick=()):
    """The page on which the person signs: (app, path, page)."""
    app = world.app(purpose="credit_check", name="Harbour Credit Ltd")
    path, page = person.open_request(app.authorize_path(app.details(**CREDIT)))
    ticks = {f"field.{name}": "yes" for name in tick}
    form = {"csrf": person.csrf(page), "decision": "approve", **ticks}
    return app, path, person.post(path, form)


def sign(person, path, page, name, **changes):
    form = {**members(page, 'name="act" value="written"'), "signature": name, "decision": "approve"}
    return person.post(path, {**form, **changes})


def rows(world, table):
    with world.vault.data.read() as conn:
        return conn.execute(select(table)).all()


def test_the_person_reads_the_declaration_signs_by_name_and_proves_to_be_there(plain):
    person = plain.person()
    app, path, page = asked(plain, person)

    assert page.status_code == 200
    text = unescape(page.text)
    for said in ("Sign this consent", "Harbour Credit Ltd", "name, telephone number", "for 30 days at most"):
        assert said in text
    assert ZHANG["phone"] not in text
    proof = sign(person, path, page, f" {ZHANG['name']} ")
    assert proof.status_code == 200
    assert "Sign this consent" not in proof.text
    done = person.post(path, {**members(proof, 'name="how" value="key"'), "key": person.key})

    token = app.exchange(called_back(done)["code"]).json()["access_token"]
    assert token
    (row,) = rows(plain, consent_grant)
    (act,) = rows(plain, separate_act)
    assert (row.consent_kind, row.written_by, row.written_lang) == ("written", "name", "en")
    assert row.written_hash in page.text
    assert (act.act, ZHANG["name"] in act.statement) == ("written", False)


@pytest.mark.parametrize("typed", ["", "李四", "Zhang"])
def test_another_name_signs_nothing_and_the_page_says_so(plain, typed):
    person = plain.person()
    _, path, page = asked(plain, person)

    wrong = sign(person, path, page, typed)

    assert wrong.status_code == 403
    assert "This is not the name on file" in wrong.text
    assert ZHANG["name"] not in wrong.text
    assert rows(plain, separate_act) == []
    again = sign(person, path, wrong, ZHANG["name"])
    assert "Sign this consent" not in again.text


def test_refusing_on_the_page_takes_no_name(plain):
    person = plain.person()
    _, path, page = asked(plain, person)

    answer = sign(person, path, page, "", decision="refuse")

    assert called_back(answer)["error"] == "access_denied"
    assert [row.state for row in rows(plain, consent_grant)] == ["refused"]


def test_what_was_ticked_is_part_of_what_is_signed(plain):
    person = plain.person({**ZHANG, "bank_card": "6222021234567890128"})
    _, path, page = asked(plain, person, tick=("bank_card",))

    assert "bank card number, name, telephone number" in page.text
    narrower = {
        name: value
        for name, value in members(page, 'name="act" value="written"').items()
        if not name.startswith("field.")
    }
    proof = person.post(path, {**narrower, "signature": ZHANG["name"], "decision": "approve"})
    wider = person.post(path, {**hidden(proof), "field.bank_card": "yes", "how": "key", "key": person.key})

    assert "Sign this consent" in wider.text
    assert rows(plain, consent_grant) == []


def test_a_passkey_signs_on_the_same_page_and_that_is_all_it_takes(secure):
    person, own = secure.person(), device()
    person.sign_in()
    add_passkey(person, own)
    _, path, page = asked(secure, person)

    answer = person.post(path, {**members(page, "data-ceremony"), "credential": own.get(options_on(page))})

    assert "code" in called_back(answer)
    (row,) = rows(secure, consent_grant)
    (proven,) = rows(secure, step_up)
    assert (row.written_by, proven.how) == ("passkey", "passkey")
    assert "Written consent" in proven.statement
    assert rows(secure, separate_act) == []


def test_the_page_and_the_declaration_are_in_the_person_s_language(plain):
    person = plain.person(lang="zh-CN")
    _, path, page = asked(plain, person)

    text = unescape(page.text)
    for said in ("签署书面同意", "书面同意书", "查询您的信用状况", "姓名、电话号码", "以姓名签署"):
        assert said in text
    assert re.search(r'<p class="prose" lang="zh-CN">书面同意书', text)
    sign(person, path, page, ZHANG["name"])
    assert '"language":"zh-CN"' in rows(plain, separate_act)[0].statement
