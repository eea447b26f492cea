"""What is encrypted to others opens with a JOSE library nobody here wrote, and for its owner alone."""

import pytest
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from vault.base64url import unb64url
from vault.sealing.jwe import ALGORITHM, ENCRYPTION, AgreementKey, concat_kdf, encrypt, sound_x25519

NAMED = [ALGORITHM, ENCRYPTION]


def made(curve):
    key = ECKey.generate_key("P-256") if curve == "P-256" else OKPKey.generate_key("X25519")
    public = key.as_dict(private=False)
    return key, AgreementKey(unb64url(public["x"]), unb64url(public.get("y", "")))


def test_the_key_of_rfc_7518_appendix_c_is_derived():
    shared = bytes.fromhex("9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4")

    derived = concat_kdf(shared, "A128GCM", b"Alice", b"Bob", 16)

    assert derived == unb64url("VqqN6vgjbSBcIijNcacQGg")


@pytest.mark.parametrize("curve", ["P-256", "X25519"])
def test_a_foreign_library_opens_what_its_key_was_encrypted_to(curve):
    key, public = made(curve)

    first, second = (encrypt(public, "e1", b'{"name":"Zhang"}') for _ in range(2))

    for text in (first, second):
        opened = jwe.decrypt_compact(text, key, algorithms=NAMED)
        assert opened.plaintext == b'{"name":"Zhang"}'
        said = opened.protected
        assert (said["alg"], said["enc"], said["kid"], said["cty"]) == (*NAMED, "e1", "json")
    assert not set(first.split(".")) & set(second.split("."))


@pytest.mark.parametrize("curve", ["P-256", "X25519"])
def test_nobody_else_opens_it_and_no_changed_part_does(curve):
    key, public = made(curve)
    other, _ = made(curve)
    text = encrypt(public, "e1", b"{}")

    with pytest.raises(JoseError):
        jwe.decrypt_compact(text, other, algorithms=NAMED)
    for part in range(1, 5):
        parts = text.split(".")
        parts[part] = ("B" if parts[part][0] == "A" else "A") + parts[part][1:]
        with pytest.raises(JoseError):
            jwe.decrypt_compact(".".join(parts), key, algorithms=NAMED)


@pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\x09"])
def test_a_key_that_agrees_with_everybody_on_the_same_is_not_sound(raw):
    assert not sound_x25519(raw)
    assert sound_x25519(b"\x09" + bytes(31))
