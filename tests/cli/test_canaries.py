"""Aliases on the command line: domains and numbers of the operator's, and what became of an alias."""

from __future__ import annotations

import json
import stat

import pytest

from api.cli.failures import Exit
from api.cli.installation import settings_of
from api.sealing.opening import opened_vault
from consent.marks.alias_giving import give, served
from tests.consent.world import World
from vault.ids import encode_id


@pytest.fixture
def alias(perusal, home):
    """An alias somebody gave a parcel service, and the service's name."""
    assert perusal("canaries", "domain", "relay.example", "--dir", home).code == Exit.OK
    with opened_vault(settings_of(home)) as vault:
        world = World(vault, 1_795_300_000_000)
        app, person = world.app("account"), world.person()
        who = (person.bucket, person.subject)
        whom = app.client.recipient.id
        with vault.data.write() as conn:
            assert give(conn, vault, who, whom, ["alias_email"], world.now)
            text = served(conn, vault, [(*who, whom, "alias_email", world.now)])[0]
    return text, encode_id("sub", person.subject)


def test_numbers_and_domains_are_added_once(perusal, home, tmp_path):
    file = tmp_path / "numbers.txt"
    file.write_text("170 0000 0001\n\n+8617000000002\n", encoding="utf-8")

    first = perusal("canaries", "numbers", file, "--dir", home, "--json")
    again = perusal("canaries", "numbers", file, "--dir", home, "--json")
    wrong = perusal("canaries", "domain", "no domain", "--dir", home, "--json")
    file.write_bytes(b"\xff\xfe1\x007\x000\x00")
    no_text = perusal("canaries", "numbers", file, "--dir", home, "--json")

    assert first.json == {"new": 2, "domains": [], "numbers": 2, "taken": 0}
    assert again.json["new"] == 0
    for refused in (wrong, no_text):
        assert (refused.code, refused.json["error"]["code"]) == (Exit.WRONG, "bad_contact")


def test_a_message_to_an_alias_is_an_alarm_once_and_history_for_ever(perusal, home, alias):
    """The alarm names the recipient; neither it nor anything printed names the person."""
    text, subject = alias

    clean = perusal("alarms", "list", "--dir", home)
    first = perusal(
        "canaries", "hit", text, "--reference", "<1@mail>", "--note", "Lottery.", "--dir", home, "--json"
    )
    same = perusal(
        "canaries",
        "hit",
        text,
        "--reference",
        "<1@mail>",
        "--seen-at",
        first.json["seen"][0]["at"],
        "--dir",
        home,
        "--json",
    )
    later = perusal("canaries", "hit", text, "--reference", "<2@mail>", "--dir", home)
    shown = perusal("canaries", "resolve", text, "--dir", home, "--json")
    alarms = perusal("alarms", "list", "--dir", home, "--json")

    assert clean.out == "no alarm\n"
    assert (first.code, first.json["new"], same.json["new"]) == (Exit.OK, True, False)
    assert [one["place"] for one in shown.json["seen"]] == ["<1@mail>", "<2@mail>"]
    assert "Swift Parcel Ltd" in later.out
    (alarm,) = alarms.json["alarms"]
    assert (alarm["source"], alarm["who"]) == ("alias", first.json["recipient"])
    everything = json.dumps([first.json, shown.json, alarms.json]) + later.out
    assert text not in everything
    assert subject not in everything


def test_nobody_was_ever_given_an_invented_alias(perusal, home, alias):
    forged = perusal("canaries", "resolve", "lusab-babad-gutih-tugad@relay.example", "--dir", home, "--json")

    assert (forged.code, forged.json) == (Exit.WRONG, {"issued": False})


def test_planting_leaves_a_private_file_and_a_sealed_list(perusal, home, tmp_path):
    """As planned: twenty for a recipient without people; a second file is never written over the first."""
    with opened_vault(settings_of(home)) as vault:
        app = World(vault, 1_795_300_000_000).app("account")
    numbers, out = tmp_path / "numbers.txt", tmp_path / "planted.jsonl"
    numbers.write_text("".join(f"1702222{n:04d}\n" for n in range(25)), encoding="utf-8")
    perusal("canaries", "numbers", numbers, "--dir", home)
    asked = (
        "canaries",
        "plant",
        app.client.recipient.id,
        "--domain",
        "mail.example",
        "--out",
        out,
        "--dir",
        home,
    )

    planned = perusal("canaries", "plan", "--dir", home, "--json").json["recipients"]
    done = perusal(*asked, "--json")
    again = perusal(*asked)
    dark = perusal(
        "canaries", "plant", "--dark", *asked[3:5], "--out", tmp_path / "x", "--dir", home, "--json"
    )
    shown = perusal("canaries", "lists", "--dir", home, "--json").json["lists"]
    retired = perusal("canaries", "retire", done.json["list"], "--dir", home)

    head, *lines = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert [(one["plan"], one["shows"]["0.5"]) for one in planned] == [(20, 1.0)]
    assert (done.code, done.json["planted"], again.code) == (Exit.OK, 20, Exit.USAGE)
    assert (head["hash"], len(lines)) == (done.json["hash"], 20)
    assert {"subject", "key", "handle", "name", "phone", "email", "resident_id"} <= lines[0].keys()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert (dark.code, dark.json["error"]["code"]) == (Exit.WRONG, "pool_empty")
    assert [(one["kind"], one["people"], one["sealed"]) for one in shown] == [("unique", 20, True)]
    assert retired.code == Exit.OK
