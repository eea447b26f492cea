"""Taking people in, registering recipients and handing out staff keys, from files and from streams."""

from __future__ import annotations

import io
import json
import stat

import pytest

from api.cli.enrol import Refusals, parse_lines
from api.cli.failures import Exit
from api.demo.apps import APPS
from api.demo.city import citizens
from consent.accounts.keys import sign_in
from consent.people import loads
from tests.cli.conftest import SEED
from vault.ids import decode_subject
from vault.storage.database import open_database


def _line(person, **more):
    return json.dumps({**person.values(), **more}, ensure_ascii=False) + "\n"


def _public_key():
    from joserfc.jwk import ECKey

    return {"keys": [ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False)]}


def test_every_person_gets_a_key_that_signs_in_as_that_person(home, site_template):
    rows = [json.loads(line) for line in (site_template / "keys.jsonl").read_text().splitlines()]
    database = open_database(f"sqlite:///{home}/data.db")

    with database.read() as conn:
        found = [sign_in(conn, row["key"]) for row in rows]
    database.close()

    assert [row["line"] for row in rows] == list(range(1, 31))
    assert [person.subject for person in found] == [decode_subject(row["subject"]) for row in rows]
    assert {person.lang for person in found} == {"zh-CN", "en"}


def test_the_file_of_keys_is_for_its_owner_only_and_never_replaced(perusal, home, site_template, tmp_path):
    kept = site_template / "keys.jsonl"

    said = perusal("enrol", site_template / "people.jsonl", "--keys-out", kept, "--dir", home)

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert said.code == Exit.ENVIRONMENT
    assert "keys.jsonl: file exists" in said.err


def test_bad_lines_are_named_by_number_and_code_and_spoil_no_other(perusal, home, tmp_path):
    new = list(citizens(SEED + 1, 3))
    lines = [
        _line(new[0]),
        "not json\n",
        "\n",
        _line(new[1], lang="tlh"),
        _line(new[1], phone="12"),
        _line(new[0], email="another@example.com"),
        _line(new[2]),
    ]
    file = tmp_path / "new.jsonl"
    file.write_text("".join(lines), encoding="utf-8")

    said = perusal("enrol", file, "--keys-out", tmp_path / "keys", "--dir", home, "--json")

    assert said.code == Exit.WRONG
    assert said.json["enrolled"] == 2
    assert [(bad["line"], bad["code"]) for bad in said.json["refused"]] == [
        (2, "malformed_line"),
        (4, "unknown_language"),
        (5, "phone.invalid"),
        (6, "person_exists"),
    ]
    assert said.json["refused"][-1]["field"] == "", "which value is here is not told"


def test_a_refused_line_is_never_repeated_in_the_output(perusal, home, tmp_path):
    file = tmp_path / "new.jsonl"
    file.write_text('{"name": "Nobody Inparticular", "phone": "999"}\n')

    said = perusal("enrol", file, "--keys-out", tmp_path / "keys", "--dir", home)

    assert said.code == Exit.WRONG
    assert "Inparticular" not in said.out + said.err
    assert "phone.invalid" in said.out


def test_people_can_come_from_standard_input(perusal, home, tmp_path, monkeypatch):
    stream = "".join(_line(person) for person in citizens(SEED + 2, 5)).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stream), encoding="utf-8"))

    said = perusal("enrol", "-", "--keys-out", tmp_path / "keys", "--dir", home, "--json")

    assert (said.code, said.json["enrolled"]) == (0, 5)


@pytest.mark.parametrize("raw", [b"[]", b"1", b'{"name": 1}', b'{"name": null}', b"\xff\xfe", b"{"])
def test_a_line_that_is_no_object_of_texts_is_malformed(raw):
    refused = Refusals()

    assert list(parse_lines([raw], refused)) == []
    assert [(bad.number, bad.code) for bad in refused.kept] == [(1, "malformed_line")]


@pytest.fixture
def broken_off(home, tmp_path, perusal, monkeypatch):
    """A load of 30 people in batches of 7 that ends at the third batch, its keys written or not, cut or whole."""
    source, keys = tmp_path / "many.jsonl", tmp_path / "many.keys"
    source.write_text("".join(_line(person) for person in citizens(SEED + 9, 30)), encoding="utf-8")
    take_in, batches = loads.take_in, iter(range(99))

    def fails_at_the_third(*given):
        done = take_in(*given)
        if next(batches) == 2:
            raise OSError(28, "No space left on device", "many.keys")
        return done

    monkeypatch.setattr(loads, "CHUNK", 7)
    with monkeypatch.context() as patched:
        patched.setattr(loads, "take_in", fails_at_the_third)
        assert perusal("enrol", source, "--keys-out", keys, "--dir", home).code == Exit.ENVIRONMENT
    return source, keys


@pytest.mark.parametrize("tail", ["", '{"line": 15, "subj'])
def test_a_load_that_was_broken_off_goes_on_and_hands_out_every_key_once(perusal, home, broken_off, tail):
    source, keys = broken_off
    with keys.open("a", encoding="utf-8") as file:
        file.write(tail)

    again = perusal("enrol", source, "--keys-out", keys, "--dir", home)
    assert "[load_begun]" in again.err
    said = perusal("enrol", source, "--keys-out", keys, "--resume", "--dir", home, "--json")

    assert (said.code, said.json["enrolled"], said.json["refused_count"]) == (0, 30, 0)
    rows = [json.loads(line) for line in keys.read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 31))
    database = open_database(f"sqlite:///{home}/data.db")
    with database.read() as conn:
        assert all(sign_in(conn, row["key"]).subject == decode_subject(row["subject"]) for row in rows)
    database.close()


def test_a_load_is_not_resumed_into_another_file_of_keys(perusal, home, broken_off, tmp_path):
    said = perusal("enrol", broken_off[0], "--keys-out", tmp_path / "new", "--resume", "--dir", home)
    assert "[no_keys_file]" in said.err


def test_recipients_are_registered_with_their_texts_and_only_once_all_are_good(perusal, home, tmp_path):
    documents = [app.registration(number, _public_key()) for number, app in enumerate(APPS)]
    file = tmp_path / "apps.json"
    file.write_text(json.dumps(documents), encoding="utf-8")

    made = perusal("recipient", "add", file, "--dir", home, "--json").json["recipients"]

    assert [one["legal_name"] for one in made] == [app.name for app in APPS]
    assert all(len(one["notices"]) == 2 and len(one["terms"]) == 1 for one in made)
    assert all(one["client_id"].startswith("app_") for one in made)


@pytest.mark.parametrize(
    ("change", "exit_code", "code"),
    [
        ({"surprise": 1}, Exit.USAGE, "bad_file"),
        ({"legal_name": 5}, Exit.USAGE, "bad_file"),
        ({"redirect_uris": ["http://example.com/cb"]}, Exit.WRONG, "bad_registration"),
        (
            {"notices": [{"purpose": "world_domination", "version": 1, "lang": "en", "text": "x"}]},
            Exit.WRONG,
            "unknown_purpose",
        ),
    ],
)
def test_a_bad_registration_is_refused_with_its_code(perusal, home, tmp_path, change, exit_code, code):
    file = tmp_path / "app.json"
    file.write_text(json.dumps({**APPS[0].registration(1, _public_key()), **change}), encoding="utf-8")

    said = perusal("recipient", "add", file, "--dir", home)

    assert said.code == exit_code
    assert f"[{code}]" in said.err


def test_a_private_key_is_refused_and_not_shown(perusal, home, tmp_path):
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256").as_dict(private=True)
    file = tmp_path / "app.json"
    file.write_text(json.dumps(APPS[0].registration(1, {"keys": [key]})), encoding="utf-8")

    said = perusal("recipient", "add", file, "--dir", home)

    assert said.code == Exit.WRONG
    assert key["d"] not in said.out + said.err


def test_a_staff_key_is_written_to_a_new_private_file_and_nowhere_else(perusal, home, tmp_path):
    file = tmp_path / "mia.key"

    said = perusal(
        "staff", "add", "--actor", "mia", "--role", "investigator", "--key-out", file, "--dir", home
    )

    key = file.read_text().strip()
    assert said.code == 0
    assert key.startswith("stf_")
    assert key not in said.out + said.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = perusal(
        "staff", "add", "--actor", "mia", "--role", "investigator", "--key-out", file, "--dir", home
    )
    assert again.code == Exit.USAGE
    assert file.read_text().strip() == key


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        ("li  wei.", "actor_near_another"),
        ("Li\u200bWei", "actor_near_another"),
        ("L\u00ed Wei", "actor_near_another"),
        ("L\u0456 Wei", "actor_mixes_alphabets"),
        (" \u200b.", "actor_empty"),
    ],
)
def test_nobody_gets_a_key_under_nearly_the_name_of_another_holder(perusal, home, tmp_path, actor, code):
    add = ("staff", "add", "--role", "auditor", "--dir", home)
    assert perusal(*add, "--actor", "Li Wei", "--key-out", tmp_path / "one.key").code == 0

    said = perusal(*add, "--actor", actor, "--key-out", tmp_path / "two.key")
    again = perusal(*add, "--actor", " Li\u00a0 Wei", "--key-out", tmp_path / "three.key")

    assert (said.code, again.code) == (Exit.USAGE, 0), "one person may hold several keys"
    assert f"[{code}]" in said.err
    assert not (tmp_path / "two.key").exists()
