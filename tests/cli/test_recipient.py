"""`perusal recipient`: programs, keys and suspensions, each refusal with its code and one sentence."""

import json

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import update
from sqlalchemy.exc import DatabaseError

from api.cli.failures import Exit
from api.demo.apps import APPS
from consent.ids import document_hash
from consent.schema.tables import recipient
from tests.consent.wording.signatures import terms_jws
from tests.web.key_server import key_server
from vault.storage.database import open_database


def jwks(*keys):
    return {"keys": [key.as_dict(private=False) for key in keys]}


@pytest.fixture
def write(tmp_path):
    def to_file(document):
        file = tmp_path / f"document-{len(list(tmp_path.iterdir()))}.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    return to_file


@pytest.fixture
def known(perusal, home, write):
    """A recipient with one client; what `add` printed for it, and its key."""
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    document = {**APPS[0].registration(1, jwks(key)), "event_uri": "https://swift.example/events"}
    said = perusal("recipient", "add", write(document), "--dir", home, "--json")
    return said.json["recipients"][0], key


def listed(perusal, home):
    return perusal("recipient", "list", "--dir", home, "--json").json["recipients"]


def test_a_second_client_has_keys_and_addresses_of_its_own(perusal, home, write, known):
    first, _ = known
    program = {
        "label": "staging",
        "redirect_uris": ["https://s.example/cb"],
        "jwks_uri": "https://s.example/jwks",
    }

    said = perusal("recipient", "client", first["recipient_id"], write(program), "--dir", home, "--json")

    (one,) = listed(perusal, home)
    assert (said.code, one["event_uri"]) == (0, "https://swift.example/events")
    assert [app["label"] for app in one["clients"]] == ["production", "staging"]
    assert one["clients"][1] == {
        "client_id": said.json["client_id"],
        "label": "staging",
        "jwks_uri": "https://s.example/jwks",
        "keys": [],
        "redirect_uris": ["https://s.example/cb"],
        "backchannel_token_delivery_mode": "poll",
        "backchannel_client_notification_endpoint": None,
        "suspended": False,
    }


def test_a_client_is_registered_to_be_pinged_and_let_poll_again(perusal, home, write, known):
    first, _ = known
    document = {
        "label": "staging",
        "redirect_uris": ["https://s.example/cb"],
        "jwks_uri": "https://s.example/jwks",
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://s.example/answered",
    }

    def told_by():
        return [
            (app["backchannel_token_delivery_mode"], app["backchannel_client_notification_endpoint"])
            for app in listed(perusal, home)[0]["clients"]
        ]

    made = perusal(
        "recipient", "client", first["recipient_id"], write(document), "--dir", home, "--json"
    ).json
    assert told_by() == [("poll", None), ("ping", "https://s.example/answered")]

    moved = perusal("recipient", "ping", first["client_id"], "--uri", "https://s.example/b", "--dir", home)
    polls = perusal("recipient", "ping", made["client_id"], "--dir", home)
    assert moved.out == f"{first['client_id']} is pinged at https://s.example/b\n"
    assert polls.out == f"{made['client_id']} polls\n"
    assert told_by() == [("ping", "https://s.example/b"), ("poll", None)]


def test_a_first_client_may_be_pinged_from_the_beginning(perusal, home, write):
    document = APPS[0].registration(1, jwks(ECKey.generate_key("P-256", {"kid": "k1"})))
    told = {
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://s.example/answered",
    }

    perusal("recipient", "add", write(document | told), "--dir", home)

    (client,) = listed(perusal, home)[0]["clients"]
    assert told.items() <= client.items()


def test_keys_are_replaced_as_a_set(perusal, home, write, known):
    first, _ = known
    new = ECKey.generate_key("P-256", {"kid": "k2"})

    perusal("recipient", "keys", first["client_id"], write(jwks(new)), "--dir", home)
    assert [key["kid"] for key in listed(perusal, home)[0]["clients"][0]["keys"]] == ["k2"]

    perusal("recipient", "keys", first["client_id"], "--uri", "https://swift.example/jwks", "--dir", home)
    (client,) = listed(perusal, home)[0]["clients"]
    assert (client["keys"], client["jwks_uri"]) == ([], "https://swift.example/jwks")


def test_a_client_and_a_recipient_are_suspended_and_resumed(perusal, home, known):
    first, _ = known

    def told(*words):
        return perusal("recipient", *words, "--reason", "a complaint", "--dir", home).out.strip()

    for name in (first["client_id"], first["recipient_id"]):
        assert told("suspend", name) == f"{name} is suspended"
        assert told("suspend", name) == f"{name} was suspended already"
        assert listed(perusal, home)[0]["clients"][0]["suspended"]
        assert "suspended" in perusal("recipient", "list", "--dir", home).out
        assert told("resume", name) == f"{name} is resumed"
        assert not listed(perusal, home)[0]["clients"][0]["suspended"]


def test_texts_are_retired_once_and_with_a_reason(perusal, home, known):
    first, _ = known

    def told(name, reason="a new version"):
        return perusal("recipient", "retire", name, "--reason", reason, "--dir", home)

    for name in (first["notices"][0]["id"], first["terms"][0]["id"]):
        assert "[bad_registration]" in told(name, " ").err
        assert told(name).out.strip() == f"{name} is retired"
        assert told(name).out.strip() == f"{name} was retired already"
    for name in ("ntc_nobody", first["recipient_id"], ""):
        assert (told(name).code, "[unknown_text]" in told(name).err) == (Exit.WRONG, True)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"label": "production"}, "bad_registration"),
        ({"label": "Not A Label"}, "bad_registration"),
        ({"redirect_uris": ["https://s.example/cb"] * 2}, "bad_registration"),
        ({"redirect_uris": []}, "bad_registration"),
        ({"jwks_uri": "http://s.example/jwks"}, "bad_registration"),
        ({"jwks_uri": None}, "bad_registration"),
        ({"jwks": "SAME KEY"}, "bad_registration"),
        ({"backchannel_token_delivery_mode": "ping"}, "bad_registration"),
        ({"backchannel_client_notification_endpoint": "https://s.example/a"}, "bad_registration"),
        ({"backchannel_token_delivery_mode": "push"}, "bad_file"),
        ({"surprise": 1}, "bad_file"),
    ],
)
def test_a_client_that_is_none_is_refused_with_its_code(perusal, home, write, known, change, code):
    first, key = known
    program = {
        "label": "staging",
        "redirect_uris": ["https://s.example/cb"],
        "jwks_uri": "https://s.example/jwks",
    }
    if change.get("jwks"):
        change = {"jwks": jwks(key), "jwks_uri": None}

    said = perusal("recipient", "client", first["recipient_id"], write(program | change), "--dir", home)

    assert said.code in {Exit.WRONG, Exit.USAGE}
    assert f"[{code}]" in said.err
    assert len(listed(perusal, home)[0]["clients"]) == 1


def test_the_operator_gives_a_recipient_its_law_and_its_days_to_erase(perusal, home, write):
    key = ECKey.generate_key("P-256", {"kid": "k1"})
    document = {**APPS[0].registration(1, jwks(key)), "jurisdiction": "SG", "erase_days": 30}
    made = perusal("recipient", "add", write(document), "--dir", home, "--json").json["recipients"][0]

    said = perusal("recipient", "change", made["recipient_id"], "--erase-days", 10, "--dir", home, "--json")

    assert said.json["erase_days"] == 10
    (one,) = listed(perusal, home)
    assert (one["jurisdiction"], one["erase_days"]) == ("SG", 10)
    never = perusal("recipient", "change", made["recipient_id"], "--erase-days", 0, "--dir", home)
    assert (never.code, "[bad_registration]" in never.err) == (Exit.WRONG, True)


def test_a_registration_number_is_registered_once(perusal, home, write, known):
    first, _ = known
    again = APPS[0].registration(1, jwks(ECKey.generate_key("P-256")))

    said = perusal("recipient", "add", write(again), "--dir", home)

    assert said.code == Exit.WRONG
    assert first["recipient_id"] in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("client", "org_nobody", "FILE"),
        ("keys", "app_nobody", "FILE"),
        ("ping", "app_nobody", "--uri", "https://s.example/a"),
        ("suspend", "app_nobody", "--reason", "x"),
        ("resume", "org_nobody", "--reason", "x"),
    ],
)
def test_an_unknown_id_is_refused(perusal, home, write, words):
    key = ECKey.generate_key("P-256")
    file = write(
        {"label": "a", "redirect_uris": ["https://a.example/"], "jwks": jwks(key)}
        if words[0] == "client"
        else jwks(key)
    )

    said = perusal("recipient", *[file if word == "FILE" else word for word in words], "--dir", home)

    assert (said.code, "[unknown_recipient]" in said.err) == (Exit.WRONG, True)


def test_keys_need_a_file_or_an_address(perusal, home, write, known):
    first, key = known

    for more in ([], [write(jwks(key)), "--uri", "https://a.example/jwks"]):
        said = perusal("recipient", "keys", first["client_id"], *more, "--dir", home)
        assert (said.code, "[usage]" in said.err) == (Exit.USAGE, True)


TERMS = {"version": 2, "text": "We owe you.", "per_record": "300.00", "currency": "CNY", "cap": "3000.00"}


def test_terms_are_published_and_signed_afterwards_in_one_go(perusal, home, write, known):
    first, key = known
    said = perusal("recipient", "terms", first["recipient_id"], write(TERMS), "--dir", home, "--json")
    both = [first["terms"][0]["id"], said.json["terms"]]
    hashes = [first["terms"][0]["hash"], said.json["hash"]]
    wanted = [
        {"terms": name, "signature": terms_jws(key, digest)}
        for name, digest in zip(both, hashes, strict=True)
    ]

    signed = perusal("recipient", "sign", write(wanted), "--dir", home, "--json")

    assert said.json["signature_hash"] is None
    assert [one["terms"] for one in signed.json["signed"]] == both


def test_terms_may_have_rates_by_kind_of_field_and_of_event(perusal, home, write, known):
    first, _ = known
    rates = {"per_field": {"sensitive": "200.00"}, "per_event": {"harassing_call": "1000.00"}}

    said = perusal("recipient", "terms", first["recipient_id"], write(TERMS | rates), "--dir", home, "--json")
    bad = write(TERMS | {"version": 3, "per_event": {"rudeness": "1.00"}})
    never = perusal("recipient", "terms", first["recipient_id"], bad, "--dir", home)

    wanted = {**TERMS, **rates, "format": 2, "recipient_id": first["recipient_id"]}
    assert said.json["hash"] == document_hash(wanted)
    assert (never.code, "[bad_terms]" in never.err) == (Exit.WRONG, True)


def test_terms_are_published_with_their_signature_or_not_at_all(perusal, home, write, known):
    first, key = known
    digest = document_hash({**TERMS, "recipient_id": first["recipient_id"]})

    for hashed, code in ((digest + "x", Exit.WRONG), (digest, Exit.OK)):
        said = perusal(
            "recipient",
            "terms",
            first["recipient_id"],
            write(TERMS),
            "--signature",
            terms_jws(key, hashed),
            "--dir",
            home,
            "--json",
        )
        assert said.code == code
    assert said.json["hash"] == digest
    assert said.json["signature_hash"].startswith("sha-256:")


def test_keys_at_an_address_are_fetched_to_check_a_signature(perusal, home, write, known):
    first, key = known
    with key_server(key) as shown:
        perusal("recipient", "keys", first["client_id"], "--uri", shown.uri, "--dir", home)
        signed = write(
            [{"terms": first["terms"][0]["id"], "signature": terms_jws(key, first["terms"][0]["hash"])}]
        )
        assert "[bad_terms]" in perusal("recipient", "sign", signed, "--dir", home).err
        assert shown.asked == 0
        with (home / "settings.env").open("a") as settings:
            settings.write("PERUSAL_INTERNAL_HOSTS=127.0.0.1\n")
        perusal("recipient", "keys", first["client_id"], "--uri", shown.uri, "--dir", home)

        said = perusal("recipient", "sign", signed, "--dir", home)

    assert (said.code, shown.asked) == (0, 1)
    assert "internal hosts" in perusal("doctor", "--dir", home).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("terms", "org_nobody", TERMS), "unknown_recipient"),
        (("terms", "org_\x00", TERMS), "unknown_recipient"),
        (("terms", "org_nobody", [TERMS]), "bad_file"),
        (("sign", [{"terms": "lt_nobody", "signature": "a..b"}]), "bad_terms"),
        (("sign", {"terms": "lt_nobody", "signature": "a..b"}), "bad_file"),
    ],
)
def test_terms_and_signatures_of_nobody_are_refused(perusal, home, write, words, code):
    said = perusal(
        "recipient", *(word if isinstance(word, str) else write(word) for word in words), "--dir", home
    )

    assert said.code != 0
    assert f"[{code}]" in said.err


def test_a_contact_and_an_address_for_events_may_change_and_a_name_never(perusal, home, known):
    first, _ = known

    def told(*words):
        return perusal("recipient", "change", first["recipient_id"], *words, "--dir", home)

    assert "events to https://new.example/e" in told("--event-uri", "https://new.example/e").out
    assert told("--contact", "dpo@new.example", "--event-uri", "").out.endswith("events to nowhere\n")
    assert "[bad_registration]" in told("--event-uri", "http://new.example/e").err
    assert "[bad_registration]" in told("--contact", " ").err
    assert "[bad_registration]" in told().err
    assert (
        "[unknown_recipient]" in perusal("recipient", "change", "org_x", "--contact", "a", "--dir", home).err
    )
    database = open_database(f"sqlite:///{home}/data.db")
    with pytest.raises(DatabaseError), database.write() as conn:
        conn.execute(update(recipient).values(legal_name="Somebody Else Ltd"))
    database.close()
