"""Key sets of recipients: what may be registered, what may be fetched, and which key a header means."""

import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from consent.errors import BadRegistration
from consent.recipients.encryption_keys import whole_set
from consent.recipients.key_sets import MOST_KEYS, jwks_json, key_set, meant, stored_keys
from vault.base64url import unb64url

EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})


def public(key, **members):
    return {**key.as_dict(private=False), **members}


def test_both_kinds_of_key_come_back_from_the_data_base_with_the_thumbprints_of_the_rfc():
    keys = key_set({"keys": [public(EC), public(ED)]})

    assert [(key.algorithm, key.kid) for key in keys] == [("ES256", "ec"), ("Ed25519", "ed")]
    assert [key.thumbprint for key in keys] == [EC.thumbprint(), ED.thumbprint()]
    assert stored_keys(jwks_json(keys)) == keys


def test_what_is_stored_of_a_key_is_what_says_which_key_it_is_and_nothing_else():
    (key,) = key_set({"keys": [public(ED, use="sig", alg="Ed25519", x5c=["MII"], note="from mail")]})

    assert key.jwk().keys() == {"kty", "crv", "x", "kid"}


REFUSED = {
    "nothing": {},
    "no list": {"keys": {}},
    "no keys": {"keys": []},
    "too many": {
        "keys": [public(ECKey.generate_key("P-256"), kid=str(i)) for i in range(MOST_KEYS + 1)],
    },
    "no object": {"keys": ["key"]},
    "no kty": {"keys": [{"crv": "P-256"}]},
    "a private key": {"keys": [EC.as_dict(private=True)]},
    "a private key beside a public one": {"keys": [public(EC), ED.as_dict(private=True)]},
    "a shared secret": {"keys": [OctKey.generate_key(256).as_dict(private=True)]},
    "a shared secret without its value": {"keys": [{"kty": "oct"}]},
    "off the curve": {"keys": [public(EC, y=EC.as_dict(private=False)["x"])]},
    "half a point": {"keys": [{"kty": "EC", "crv": "P-256", "x": public(EC)["x"]}]},
    "a number for a coordinate": {"keys": [public(EC, x=5)]},
    "small order": {"keys": [public(ED, x="AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]},
    "padded": {"keys": [public(ED, x=public(ED)["x"] + "=")]},
    "the same key twice": {"keys": [public(EC), public(EC, kid="other")]},
    "the same kid twice": {"keys": [public(EC, kid="k"), public(ED, kid="k")]},
    "an empty kid": {"keys": [public(EC, kid="")]},
    "a kid that is no text": {"keys": [public(EC, kid=5)]},
    "a kid of two lines": {"keys": [public(EC, kid="a\nb")]},
    "a long kid": {"keys": [public(EC, kid="k" * 129)]},
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("fetched", [False, True])
def test_a_set_with_something_wrong_in_it_is_refused_whole(case, fetched):
    with pytest.raises(BadRegistration):
        key_set(REFUSED[case], fetched=fetched)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 50_000])
def test_what_is_no_json_object_is_no_set(text):
    with pytest.raises(BadRegistration):
        key_set(text)


FOREIGN = [
    public(RSAKey.generate_key(2048), kid="rsa"),
    public(ECKey.generate_key("P-384"), kid="p384"),
    public(OKPKey.generate_key("X25519"), kid="x25519"),
    public(RSAKey.generate_key(2048), kid="rsa-enc", use="enc"),
    public(ECKey.generate_key("P-384"), kid="p384-enc", use="enc"),
    public(OKPKey.generate_key("X25519"), kid="kem", use="enc", alg="HPKE-0"),
    public(OKPKey.generate_key("X25519"), kid="wraps", use="enc", key_ops=["wrapKey"]),
    public(ECKey.generate_key("P-256"), kid="agree", key_ops=["deriveKey"]),
    public(ECKey.generate_key("P-256"), kid="ecdh", alg="ECDH-ES"),
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
]


@pytest.mark.parametrize("jwk", FOREIGN, ids=lambda jwk: jwk.get("kid", "akp"))
def test_keys_that_are_no_concern_of_ours_are_passed_over_in_a_fetched_set_and_refused_in_a_registered_one(
    jwk,
):
    both = {"keys": [jwk, public(EC)]}

    assert [key.kid for key in whole_set(both, fetched=True)] == ["ec"]
    with pytest.raises(BadRegistration):
        whole_set(both)
    with pytest.raises(BadRegistration):
        whole_set({"keys": [jwk]}, fetched=True)


def test_a_header_means_the_key_it_names_and_never_one_of_another_algorithm():
    keys = key_set(json.dumps({"keys": [public(EC), public(ED)]}))

    assert [key.kid for key in meant(keys, "ec", "ES256")] == ["ec"]
    assert [key.kid for key in meant(keys, None, "Ed25519")] == ["ed"]
    for kid, algorithm in (
        ("ec", "Ed25519"),
        ("x", "ES256"),
        (None, "none"),
        (None, "HS256"),
        ("ed", "EdDSA"),
    ):
        assert meant(keys, kid, algorithm) == []


@pytest.mark.parametrize("text", ["AQ==", "AR", "A", "A B", "AQ\n", "+/", 5, None])
def test_bytes_are_written_in_one_form_only(text):
    with pytest.raises(ValueError):
        unb64url(text)
