"""A person's receipts of everything, in files to keep: every chain whole, refusals too, and nobody else's."""

import json

import pytest

from api.portal import my_receipts
from consent.receipts.head import End, follow
from consent.recipients.key_sets import key_set
from tests.cli.conftest import perusal

__all__ = ["perusal"]

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def person(world):
    """Somebody who gave twice and refused once, with a use of one."""
    person = world.person()
    one, two, three = (world.app(name) for name in ("Harbour Bank", "Second Bank", "Third Bank"))
    one.disclose(one.token_for(person))
    world.clock.pass_seconds(1)
    two.token_for(person)
    world.clock.pass_seconds(1)
    person.decide(three.authorize_path(), "refuse")
    return person


def followed(world, chains):
    keys = key_set(world.http.get("/jwks").text, fetched=True)
    return [follow(one["receipts"], one["head"], keys) for one in chains]


def test_one_file_holds_every_chain_and_each_is_proven_whole(world, person):
    answer = person.get("/me/receipts", Accept="*/*")

    said = answer.json()
    assert [(one.uses, one.end) for one in followed(world, said["chains"])] == [
        (0, End.REFUSAL),
        (0, End.HEAD),
        (1, End.HEAD),
    ]
    assert said["next"] is None
    assert answer.headers["content-disposition"] == 'attachment; filename="receipts.json"'
    assert 'href="/me/receipts"' in person.get("/en/grants").text


def test_what_is_too_much_for_one_file_is_in_the_next(world, person, monkeypatch):
    whole = person.get("/me/receipts", Accept="*/*").json()["chains"]
    monkeypatch.setattr(my_receipts, "MOST", 2)

    first = person.get("/me/receipts", Accept="*/*").json()
    rest = person.get(first["next"], Accept="*/*").json()

    assert [one["grant_id"] for one in first["chains"] + rest["chains"]] == [one["grant_id"] for one in whole]
    assert (len(rest["chains"]), rest["next"]) == (1, None)
    assert f'href="{first["next"]}"' in person.get("/en/grants").text


def test_nobody_elses_place_is_a_place_to_go_on_from(world, person):
    mine = person.get("/me/receipts", Accept="*/*").json()["chains"][0]["grant_id"]
    other = world.person({"name": "李小四", "phone": "13912345678"})
    other.sign_in()

    for after, status in ((mine, 404), ("gr_x", 400)):
        assert other.get(f"/me/receipts?after={after}", Accept="*/*").status_code == status
    assert other.get("/me/receipts", Accept="*/*").json()["chains"] == []
    assert world.person({"name": "王五", "phone": "13712345678"}).get("/me/receipts").status_code in {
        303,
        401,
    }


def test_a_file_of_several_chains_is_checked_by_command(world, person, perusal, tmp_path):
    said = person.get("/me/receipts", Accept="*/*").json()
    (tmp_path / "jwks.json").write_text(world.http.get("/jwks").text, encoding="utf-8")
    (tmp_path / "receipts.json").write_text(json.dumps(said), encoding="utf-8")
    command = ("receipts", tmp_path / "receipts.json", "--keys", tmp_path / "jwks.json", "--json")

    good = perusal(*command)
    said["chains"][2]["receipts"].pop()
    (tmp_path / "receipts.json").write_text(json.dumps(said), encoding="utf-8")
    cut = perusal(*command)

    assert [one["end"] for one in good.json["chains"]] == ["refusal", "head", "head"]
    assert (cut.code, cut.json["ok"]) == (1, False)
    assert cut.json["detail"].startswith("chain 3: ")
