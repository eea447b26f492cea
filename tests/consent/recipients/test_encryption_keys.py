"""Keys that answers are encrypted to: in the same set as the others, marked, sound, each for one use."""

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from consent.errors import BadRegistration
from consent.recipients.encryption_keys import stored_encryption_keys, whole_set
from consent.recipients.key_sets import jwks_json, key_set, stored_keys
from vault.base64url import b64url

SIGNS = ECKey.generate_key("P-256", {"kid": "s"}).as_dict(private=False)
POINT = ECKey.generate_key("P-256", {"kid": "e-p256", "use": "enc"})
CURVE = OKPKey.generate_key("X25519", {"kid": "e-x25519", "use": "enc"})
EC, OKP = POINT.as_dict(private=False), CURVE.as_dict(private=False)


def test_both_uses_come_back_from_the_data_base_each_to_its_reader():
    keys = whole_set({"keys": [OKP, SIGNS, {**EC, "alg": "ECDH-ES+A256KW", "key_ops": ["deriveKey"]}]})

    text = jwks_json(keys)

    assert [key.kid for key in stored_keys(text)] == ["s"]
    assert stored_keys(text) == key_set({"keys": [OKP, SIGNS, EC]})
    back = {key.kid: key for key in stored_encryption_keys(text)}
    assert {kid: key.thumbprint for kid, key in back.items()} == {
        "e-p256": POINT.thumbprint(),
        "e-x25519": CURVE.thumbprint(),
    }
    assert stored_encryption_keys(text) == keys[1:]


REFUSED = {
    "nothing to sign with": [EC],
    "RSA": [SIGNS, RSAKey.generate_key(2048, {"kid": "r", "use": "enc"}).as_dict(private=False)],
    "another algorithm": [SIGNS, {**EC, "alg": "ECDH-ES"}],
    "no name": [SIGNS, {name: value for name, value in EC.items() if name != "kid"}],
    "a name twice": [SIGNS, {**EC, "kid": "s"}],
    "a key for both": [SIGNS, {**SIGNS, "kid": "e", "use": "enc"}],
    "off the curve": [SIGNS, {**EC, "y": EC["x"]}],
    "half a point": [SIGNS, {name: value for name, value in EC.items() if name != "y"}],
    "small order": [SIGNS, {**OKP, "x": b64url(bytes(32))}],
    "too short": [SIGNS, {**OKP, "x": b64url(bytes(31))}],
    "private": [SIGNS, POINT.as_dict(private=True)],
    "a number": [SIGNS, {**OKP, "x": 5}],
    "a list for a curve": [SIGNS, {**OKP, "crv": []}],
    "an object for a kind of key": [SIGNS, {**OKP, "alg": {}}],
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_set_with_a_key_that_is_not_to_be_encrypted_to_is_refused_whole(case):
    with pytest.raises(BadRegistration):
        whole_set({"keys": REFUSED[case]})


@pytest.mark.parametrize("case", sorted(REFUSED.keys() - {"nothing to sign with", "private"}))
def test_a_fetched_set_goes_on_signing_without_such_a_key(case):
    assert [key.kid for key in whole_set({"keys": REFUSED[case]}, fetched=True)] == ["s"]
