"""Answers encrypted to a key of the recipient's: opened by libraries nobody here wrote, never in clear, never for nothing."""

import json
import subprocess
import sys

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey

from consent.recipients import register as recipients
from tests.clients.conftest import PACKAGES, node_of_today
from tests.clients.test_walkthrough import written
from tests.flow.installation import ZHANG, open_world
from tests.web.key_server import key_server

GIVEN = {"name": ZHANG["name"], "phone": ZHANG["phone"]}
_CURVES = {"P-256": ECKey, "X25519": OKPKey}
sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def key_of(curve, kid="e1"):
    return _CURVES[curve].generate_key(curve, {"kid": kid, "use": "enc"})


def give(world, app, *keys):
    """Let the app have these keys beside its own."""
    public = [key.as_dict(private=False) for key in (app.key, *keys)]
    with world.vault.data.write() as conn:
        recipients.replace_keys(conn, app.client_id, {"keys": public}, None)


def ready(world, *keys):
    app = world.app()
    give(world, app, *keys)
    return app, app.token_for(world.person())


def opened(answer, key):
    assert answer.status_code == 200, answer.text
    text = answer.json()["data"]
    return json.loads(jwe.decrypt_compact(text, key, algorithms=["ECDH-ES+A256KW", "A256GCM"]).plaintext)


@pytest.mark.parametrize("curve", ["P-256", "X25519"])
def test_the_values_are_encrypted_to_the_named_key_and_nowhere_in_clear(world, curve):
    key = key_of(curve)
    app, token = ready(world, key_of("X25519", "e0"), key)

    answer = app.disclose(token, body={"encrypt_to": "e1"})

    assert opened(answer, key) == GIVEN
    assert not any(value in answer.text for value in GIVEN.values())
    assert answer.json()["receipt"].count(".") == 2


def test_a_retry_is_encrypted_anew_and_opens_to_the_same_with_the_same_receipt(world):
    key = key_of("X25519")
    app, token = ready(world, key)

    first, again = (
        app.disclose(token, body={"encrypt_to": "e1", "fields": ["name"]}, idempotency_key="k") for _ in "12"
    )
    clear = app.disclose(token, body={"fields": ["name"]}, idempotency_key="k")

    assert opened(first, key) == opened(again, key) == {"name": GIVEN["name"]}
    assert first.json()["data"] != again.json()["data"]
    assert {k: v for k, v in first.json().items() if k != "data"} == {
        k: v for k, v in again.json().items() if k != "data"
    }
    assert (clear.status_code, clear.json()["code"]) == (422, "idempotency_mismatch")


@sqlite
def test_a_key_that_is_none_is_told_and_spends_nothing(world):
    app, token = ready(world, key_of("X25519"))

    for name in ("e2", "", "k1", "\x00"):
        answer = app.disclose(token, body={"encrypt_to": name})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_encryption_key"), name
    assert app.disclose(token, body={"encrypt_to": 5}).json()["code"] == "unknown_member"

    assert app.disclose(token).json()["data"] == GIVEN


@sqlite
def test_a_stranger_hears_of_nobodys_keys(world):
    app, token = ready(world, key_of("X25519"))
    other = world.app("Second")

    for name in ("e1", "e2"):
        proof = other.proof("/v1/disclosures", token=token)
        answer = app.disclose(token, body={"encrypt_to": name}, proofs=[proof])
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    app.disclose(token)
    spent = app.disclose(token, body={"encrypt_to": "e1"})
    assert (spent.status_code, spent.json()["code"]) == (401, "invalid_token")


@sqlite
def test_a_published_key_is_fetched_when_it_is_first_named(vault, tmp_path):
    signing, key = ECKey.generate_key("P-256", {"kid": "k1"}), key_of("X25519")
    world = open_world(vault, tmp_path, internal_hosts="127.0.0.1")
    with world.http, key_server(signing) as shown:
        app = world.app(jwks_uri=shown.uri)
        app.key = signing
        token = app.token_for(world.person())
        asked = shown.asked
        shown.keys = [signing, key]

        answer = app.disclose(token, body={"encrypt_to": "e1"})

        assert opened(answer, key) == GIVEN
        assert shown.asked == asked + 1


@sqlite
def test_the_metadata_name_what_is_used(world):
    said = world.http.get("/.well-known/oauth-protected-resource/v1/disclosures").json()
    key = key_of("P-256")
    app, token = ready(world, key)

    header = jwe.decrypt_compact(
        app.disclose(token, body={"encrypt_to": "e1"}).json()["data"],
        key,
        algorithms=["ECDH-ES+A256KW", "A256GCM"],
    ).protected

    assert said["disclosure_encryption_alg_values_supported"] == [header["alg"]]
    assert said["disclosure_encryption_enc_values_supported"] == [header["enc"]]


@sqlite
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_the_program_of_the_guide_opens_an_answer(world, tmp_path, language):
    key = key_of("X25519")
    app, token = ready(world, key)
    file, program = tmp_path / "recipient.json", tmp_path / f"open.{'py' if language == 'python' else 'mjs'}"
    file.write_text(json.dumps({"encryption_key": key.as_dict(private=True)}), encoding="utf-8")
    program.write_text(written(f"{language}-decrypt"), encoding="utf-8")
    command = sys.executable
    if language == "javascript":
        command = node_of_today()
        (tmp_path / "node_modules").symlink_to(PACKAGES.parent)
    answer = app.disclose(token, body={"encrypt_to": "e1"})

    ran = subprocess.run(
        [command, str(program), str(file)],
        input=answer.text + "\n",
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(ran.stdout) == GIVEN
