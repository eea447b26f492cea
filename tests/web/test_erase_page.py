"""Erasing one's own data on the portal: told plainly, ordered by one tick, and followed without signing in."""

import re

import pytest
from sqlalchemy import func, insert, select

from api.jobs.handlers import work_of
from api.jobs.publisher import Publisher
from api.jobs.worker import Worker
from api.staff import erasing
from api.tables import erasure_link
from consent.families import ties as families
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.publishing.memory import Memory
from consent.schema.erasure_tables import erasure_order
from tests.flow.installation import ZHANG, open_world
from vault.families.merge import Merged
from vault.ids import encode_id, new_secret, secret_hash

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
OTHER = {"name": "李四", "phone": "13912341234", "email": "lisi@example.com"}


@pytest.fixture
def world(vault, tmp_path, monkeypatch):
    made = open_world(vault, tmp_path)
    monkeypatch.setattr(erasing.time, "sleep", made.clock.pass_seconds)
    with made.http:
        yield made


def order(person, **form):
    """Fill in the form; answers the answer."""
    path = f"/{person.lang}/erase"
    return person.post(path, {"csrf": person.csrf(person.get(path)), **form})


def carry_out(world):
    assert Worker(world.vault.data, world.clock, work_of(world.settings, world.vault, world.clock)).do_one()


def publish(world):
    memory = Memory(world.settings.checkpoint_state)
    Publisher(world.vault, world.clock, memory, None, 1).publish_once()


def orders(world) -> int:
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(erasure_order)).scalar_one()


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_way_to_a_copy_and_to_erasure_stands_on_both_pages_of_the_portal(world, lang):
    person = world.person(lang=lang)
    person.sign_in()

    for name in ("grants", "uses"):
        page = person.get(f"/{lang}/{name}").text
        assert f'action="/{lang}/copy"' in page
        assert f'href="/{lang}/erase"' in page


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_page_names_the_published_horizon_and_offers_a_copy_first(world, lang):
    person = world.person(lang=lang)
    person.sign_in()

    page = person.get(f"/{lang}/erase").text

    published = world.http.get("/.well-known/perusal-erasure").json()
    assert re.search(rf"\b{published['values_days']}\b", page)
    assert re.search(rf"\b{published['tags_days']}\b", page)
    assert 'href="/.well-known/perusal-erasure"' in page
    assert f'action="/{lang}/copy"' in page
    assert page.count("<h1") == 1
    assert "<script" not in page


def test_nothing_is_erased_unless_the_box_is_ticked(world):
    person = world.person()
    person.sign_in()

    for form in ({}, {"sure": ""}, {"sure": "no"}):
        answer = order(person, **form)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert person.get("/en/grants").status_code == 200
    assert orders(world) == 0


def test_another_site_and_a_visitor_who_is_not_signed_in_erase_nobody(world):
    person = world.person()
    assert person.post("/en/erase", {"sure": "yes"}).headers["location"] == "/en/sign-in"
    person.sign_in()
    form = {"sure": "yes", "csrf": person.csrf(person.get("/en/erase"))}

    assert person.post("/en/erase", form, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert orders(world) == 0


def test_the_order_signs_out_everywhere_and_leads_to_a_page_without_personal_data(world):
    person = world.person()
    person.sign_in()
    elsewhere = dict(person.cookies)
    person.cookies = {}
    person.sign_in()

    answer = order(person, sure="yes")

    assert answer.status_code == 303
    assert "perusal" not in person.cookies
    page = world.http.get(answer.headers["location"], headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    told = page.text
    subject = encode_id("sub", person.created.subject)
    assert not any(word in told for word in (*ZHANG.values(), person.key, subject, "sign-out"))
    assert f"<code>{world.issuer}{answer.headers['location']}</code>" in told
    person.cookies = elsewhere
    assert person.get("/en/grants").headers["location"] == "/en/sign-in"
    assert person.sign_in().status_code == 403, "the key has died too"


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_link_shows_how_far_it_has_come_and_at_last_hands_out_a_certificate_that_proves_it(world, lang):
    person = world.person(lang=lang)
    person.sign_in()
    path = order(person, sure="yes").headers["location"]

    before = world.http.get(path).text
    early = world.http.get(f"{path}/certificate")
    carry_out(world)
    unsigned = world.http.get(f"{path}/certificate")
    publish(world)
    after = world.http.get(path).text
    file = world.http.get(f"{path}/certificate")

    assert 'aria-current="step"' in before
    assert f"{path}/certificate" not in before
    assert (early.status_code, early.json()["code"]) == (409, "erasure_unfinished")
    assert (unsigned.status_code, unsigned.json()["code"]) == (409, "ledger.not_yet_published")
    assert 'aria-current="step"' not in after
    assert after.count('class="done"') == 5
    assert f'href="{path}/certificate"' in after
    assert file.headers["content-type"] == "application/zip"
    verdict = verify_bundle(file.content)
    assert verdict.ok
    (proven,) = verdict.entries
    assert dict(proven.fields)["actor"] == "self"
    assert dict(proven.fields)["subject"] == encode_id("sub", person.created.subject)
    assert not any(word.encode() in file.content for word in ZHANG.values())


def test_whoever_was_merged_into_the_person_is_certified_behind_the_same_link(world):
    person, double = world.person(), world.person(OTHER)
    merged = families.merge(world.vault, person.created.subject, double.created.subject, world.clock())
    assert isinstance(merged, Merged)
    world.clock.pass_seconds(60)
    person.sign_in()

    path = order(person, sure="yes").headers["location"]
    carry_out(world)
    publish(world)

    verdict = verify_bundle(world.http.get(f"{path}/certificate").content)
    named = {dict(one.fields)["subject"] for one in verdict.entries}
    assert named == {encode_id("sub", who.created.subject) for who in (person, double)}


def test_a_link_that_was_never_given_out_shows_nothing(world):
    bucket = world.person().created.bucket

    for path in ("", "/certificate"):
        guessed = world.http.get(f"/en/erasure/{new_secret('erl', bucket)}{path}")
        assert (guessed.status_code, guessed.json()["code"]) == (404, "not_found")
        other = world.http.get(f"/en/erasure/{new_secret('ses', bucket)}{path}")
        assert (other.status_code, other.json()["code"]) == (400, "malformed_id")


def test_a_link_to_somebody_who_is_not_being_erased_shows_nothing(world):
    created = world.person().created
    secret = new_secret("erl", created.bucket)
    row = {"bucket": created.bucket, "id_hash": secret_hash(secret), "subject": created.subject}
    with world.vault.data.write() as conn:
        conn.execute(insert(erasure_link).values(**row, created_at=world.clock()))

    assert world.http.get(f"/en/erasure/{secret}").status_code == 404


def test_only_the_hash_of_a_link_is_stored(world):
    person = world.person()
    person.sign_in()

    secret = order(person, sure="yes").headers["location"].rpartition("/")[2]

    with world.vault.data.read() as conn:
        (row,) = conn.execute(select(erasure_link)).all()
    assert row.id_hash == secret_hash(secret)
    assert secret not in str(tuple(row))
