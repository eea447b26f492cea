"""Which public keys of others are sound: points of their curve that not everybody can sign for."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vault.signing.public_keys import sound_ed25519, sound_p256
from vault.signing.signatures import public_key

P = 2**255 - 19

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def test_keys_that_were_made_the_right_way_are_sound():
    for number in range(1, 20):
        at = derive_private_key(number, SECP256R1()).public_key().public_numbers()
        assert sound_p256(at.x.to_bytes(32), at.y.to_bytes(32))
        assert sound_ed25519(public_key(bytes([number]) * 32))
        assert sound_ed25519(Ed25519PrivateKey.generate().public_key().public_bytes_raw())


def test_the_key_of_rfc_8037_is_sound():
    assert sound_ed25519(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key(raw):
    assert not sound_ed25519(bytes.fromhex(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01" * 31,
        b"\x01" * 33,
        (P + 1).to_bytes(32, "little"),  # the neutral point in its other form
        (P + 3).to_bytes(32, "little"),
        (2).to_bytes(32, "little"),  # no point has this y
        (1 | 1 << 255).to_bytes(32, "little"),  # a sign without an x
        b"\xff" * 32,
    ],
)
def test_what_encodes_no_point_in_its_one_form_is_no_key(raw):
    assert not sound_ed25519(raw)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (b"\0" * 32, b"\0" * 32),
        (b"\1" * 32, b"\2" * 32),
        (b"\1" * 31, b"\1" * 32),
        (b"", b""),
        (b"\xff" * 32, b"\xff" * 32),
    ],
)
def test_what_is_no_point_of_p_256_is_no_key(x, y):
    assert not sound_p256(x, y)
