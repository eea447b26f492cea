"""A person's own copy from the portal: one press, a file, an entry in the ledger."""

import json
import re

import pytest
from sqlalchemy import select

from api.i18n import Lang, catalogue
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.tables import entry
from consent.wording.purposes import PURPOSES

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.mark.parametrize(("form", "media"), [("page", "text/html"), ("file", "application/json")])
def test_a_signed_in_person_downloads_everything_about_themselves(world, form, media):
    person = world.person()
    person.sign_in()
    page = person.get("/en/uses")
    assert "Download to read" in page.text
    answer = person.post("/en/copy", {"as": form, "csrf": person.csrf(page)})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    assert "13812341234" in answer.text
    if form == "file":
        assert json.loads(answer.text)["format"] == "perusal-export"
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars()
        kinds = [parse(body).kind for body in bodies]
    assert kinds == [Kind.ENROL, Kind.DISCLOSE]


def test_nobody_copies_without_signing_in_or_from_another_site(world):
    person = world.person()
    assert person.post("/en/copy", {"as": "file"}).status_code in {303, 403}
    person.sign_in()
    page = person.get("/en/uses")
    form = {"as": "file", "csrf": person.csrf(page)}
    assert person.post("/en/copy", form, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    with world.vault.data.read() as conn:
        assert len(conn.execute(select(entry.c.idx)).all()) == 1


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_copy_to_read_speaks_in_words_and_not_in_codes(world, lang):
    app, person = world.app(), world.person(lang=lang)
    token = app.token_for(person, app.details(uses={"max": 2, "ask": "counted"}))
    app.disclose(token)
    page = person.get(f"/{lang}/grants").text
    person.withdraw(re.search(r"/grants/(gr_\w+)/withdraw", page)[1])
    assert app.disclose(token).status_code == 401

    form = {"as": "page", "csrf": person.csrf(person.get(f"/{lang}/uses"))}
    copy = person.post(f"/{lang}/copy", form).text

    texts = catalogue(Lang(lang))
    assert f"<summary>Harbour Bank · {PURPOSES['account'].title(lang)}</summary>" in copy
    assert f"<summary>Harbour Bank · {texts.text('copy.terms')}</summary>" in copy
    assert texts.text("denial.withdrawn") in copy
    assert texts.text("denial.withdrawn") in person.get(f"/{lang}/uses").text
    assert texts.listed([texts.text("field.name"), texts.text("field.phone")]) in copy
    assert not re.search(r"<t[dh][^>]*>(<code>)?(withdrawn|account|name|phone)\b", copy)
