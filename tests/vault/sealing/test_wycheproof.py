"""The Wycheproof sets against the primitives exactly as the vault uses them."""

import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from vault.keys.tag_keys import expand
from vault.sealing.sealed import _CIPHERS, Suite
from vault.signing.signatures import verify, verify_es256

FOLDER = Path(__file__).parents[4] / "shared" / "vectors" / "wycheproof"


def groups(name: str):
    path = FOLDER / f"{name}_test.json"
    if not path.exists():
        pytest.skip(f"the Wycheproof set {name} is not beside the project")
    return json.loads(path.read_text())["testGroups"]


def fine(test) -> bool:
    assert test["result"] in {"valid", "invalid", "acceptable"}
    return test["result"] == "valid"


@pytest.mark.parametrize(("name", "suite"), [("aes_gcm", Suite.GCM), ("aes_gcm_siv", Suite.GCM_SIV)])
def test_the_ciphers_of_both_suites_seal_and_open_as_the_vectors_say(name, suite):
    run = 0
    for group in groups(name):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue  # the vault derives 256-bit keys and 96-bit nonces only
        for test in group["tests"]:
            key, nonce, aad, plain, sealed = (
                bytes.fromhex(part)
                for part in (test["key"], test["iv"], test["aad"], test["msg"], test["ct"] + test["tag"])
            )
            cipher = _CIPHERS[suite](key)
            if fine(test):
                assert cipher.encrypt(nonce, plain, aad) == sealed, test["tcId"]
                assert cipher.decrypt(nonce, sealed, aad) == plain, test["tcId"]
            else:
                with pytest.raises(InvalidTag):
                    cipher.decrypt(nonce, sealed, aad)
            run += 1
    assert run > 50


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_the_mac_behind_tags_permits_and_derived_keys_is_hmac(digest):
    run = 0
    for group in groups(f"hmac_{digest}"):
        for test in group["tests"]:
            made = hmac.digest(bytes.fromhex(test["key"]), bytes.fromhex(test["msg"]), digest)
            same = hmac.compare_digest(made[: group["tagSize"] // 8], bytes.fromhex(test["tag"]))
            assert same == fine(test), test["tcId"]
            run += 1
    assert run > 100


def test_index_keys_are_hkdf_expand():
    run = 0
    for group in groups("hkdf_sha256"):
        for test in group["tests"]:
            if not fine(test) or test["size"] > 32:
                continue  # one block is all the vault ever asks for
            salt = bytes.fromhex(test["salt"]) or bytes(32)
            root = hmac.digest(salt, bytes.fromhex(test["ikm"]), "sha256")
            made = expand(root, bytes.fromhex(test["info"]))
            assert made[: test["size"]] == bytes.fromhex(test["okm"]), test["tcId"]
            run += 1
    assert run > 10


def test_ed25519_accepts_and_refuses_as_the_vectors_say():
    run = 0
    for group in groups("ed25519"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            verdict = verify(public, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert verdict == fine(test), test["tcId"]
            run += 1
    assert run > 100


def test_es256_accepts_and_refuses_as_the_vectors_say():
    run = 0
    for group in groups("ecdsa_secp256r1_sha256_p1363"):
        x, y = (int(group["publicKey"][part], 16).to_bytes(32) for part in ("wx", "wy"))
        for test in group["tests"]:
            verdict = verify_es256(x, y, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert verdict == fine(test), test["tcId"]
            run += 1
    assert run > 200
