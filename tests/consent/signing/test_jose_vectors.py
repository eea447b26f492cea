"""The signed examples of the RFCs: foreign libraries accept every one, and we accept exactly those we promise to."""

import hashlib
import json
from dataclasses import replace

import pytest
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from api.oauth.dpop import Proof, check_proof
from consent.approving.approve import approve, claim
from consent.denials import DenialCode, Denied
from consent.errors import BadRegistration
from consent.ids import canonical_json
from consent.recipients.compact import opened
from consent.recipients.key_sets import key_set
from consent.tokens.exchange import Issued, exchange
from tests.consent.world import PARAMS
from tests.vectors.published import published
from vault.base64url import b64url, unb64url
from vault.signing import signatures

VECTORS = published("jose")
COMPACT = VECTORS["compact"]
OURS = {"ES256", "Ed25519"}
KINDS = (None, "jwt")


def named(case):
    return case["of"].replace("RFC ", "").replace(", ", "-")


def taken(text, keys, detached=None):
    return opened(text, keys, kinds=KINDS, most_bytes=4096, detached=detached)


@pytest.mark.parametrize("case", COMPACT, ids=named)
def test_a_foreign_library_verifies_the_example_so_that_it_stands_here_as_it_was_published(case):
    key = JWKRegistry.import_key(case["key"])
    payload = case.get("payload", "").encode() or None
    head, body, tail = case["compact"].split(".")
    text = case["compact"] if payload is None else f"{head}.{b64url(payload)}.{tail}"

    assert jws.deserialize_compact(text, key, algorithms=[case["alg"]]).payload == (payload or unb64url(body))


@pytest.mark.parametrize("case", COMPACT, ids=named)
def test_we_open_what_is_signed_in_our_algorithms_and_no_other_key_can_be_registered(case):
    detached = case.get("payload", "").encode() or None
    if case["alg"] in OURS:
        found = taken(case["compact"], key_set({"keys": [case["key"]]}), detached)
        assert found.payload == unb64url(case["compact"].split(".")[1])
        return
    with pytest.raises(BadRegistration):
        key_set({"keys": [case["key"]]})
    ours = key_set({"keys": [one["key"] for one in COMPACT if one["alg"] in OURS]})
    assert taken(case["compact"], ours, detached) is None


def test_our_algorithms_are_among_the_examples():
    assert {case["alg"] for case in COMPACT} & OURS == {"ES256"}
    assert len(COMPACT) >= 8


@pytest.mark.parametrize("case", [VECTORS["unsecured"]], ids=named)
def test_the_unsecured_example_is_refused_by_us_and_by_the_foreign_library(case):
    keys = key_set({"keys": [one["key"] for one in COMPACT if one["alg"] in OURS]})

    assert taken(case["compact"], keys) is None
    with pytest.raises(JoseError):
        jws.deserialize_compact(case["compact"], JWKRegistry.import_key(COMPACT[2]["key"]))


@pytest.mark.parametrize("case", VECTORS["json"], ids=named)
def test_the_json_serialization_is_no_compact_jws_and_its_es256_signature_opens_once_it_is_written_as_one(
    case,
):
    keys = key_set({"keys": [one["key"] for one in COMPACT if one["alg"] in OURS]})
    signed = case["serialized"]["signatures"]

    assert taken(json.dumps(case["serialized"]), keys) is None
    compact = [
        f"{one.get('protected', '')}.{case['serialized'].get('payload', '')}.{one['signature']}"
        for one in signed
    ]
    opening = [text for text in compact if taken(text, keys)]
    assert len(opening) == (1 if case["of"] == "RFC 7515, A.6" else 0)


def test_the_ed25519_example_is_signed_byte_for_byte_and_opens_under_its_key_but_not_under_its_old_name():
    case = VECTORS["ed25519"]
    message, _, signature = case["compact"].rpartition(".")
    keys = key_set({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": case["x"]}]})

    assert b64url(signatures.public_key(unb64url(case["d"]))) == case["x"]
    assert b64url(signatures.sign(unb64url(case["d"]), message.encode())) == signature
    assert keys[0].verifies(message.encode(), unb64url(signature))
    assert taken(case["compact"], keys) is None


@pytest.mark.parametrize("case", VECTORS["thumbprints"], ids=named)
def test_thumbprints_are_the_published_ones(case):
    members = {name: value for name, value in case["jwk"].items() if name not in {"alg", "kid"}}

    assert b64url(hashlib.sha256(canonical_json(members).encode()).digest()) == case["thumbprint"]
    if case["jwk"]["kty"] != "RSA":
        assert key_set({"keys": [case["jwk"]]})[0].thumbprint == case["thumbprint"]


def test_the_published_challenge_is_met_by_the_published_verifier_only(world):
    case = VECTORS["pkce"]
    app, person = world.app(), world.person()
    asked = world.push(app, params=replace(PARAMS, code_challenge=case["challenge"]))
    shown = claim(world.vault, person, asked.request_uri, app.client.client_id, world.now)
    code = approve(world.vault, person, shown.id, None, world.now).code
    wrong = case["verifier"][:-1] + "l"

    refused = exchange(world.vault, world.exchanging(app, code, code_verifier=wrong), world.now)
    answered = exchange(world.vault, world.exchanging(app, code, code_verifier=case["verifier"]), world.now)

    assert refused == Denied(code=DenialCode.WRONG_VERIFIER)
    assert isinstance(answered, Issued)


@pytest.mark.parametrize("case", VECTORS["proofs"], ids=named)
def test_the_published_proofs_are_accepted_at_their_time_and_place(case):
    found = check_proof(
        [case["proof"]],
        method=case["method"],
        url=case["url"],
        now_ms=case["iat"] * 1000,
        token=case.get("token"),
    )

    assert isinstance(found, Proof)
    assert found.jkt == VECTORS["thumbprints"][2]["thumbprint"]
