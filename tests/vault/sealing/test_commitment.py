"""Why the blob carries a commitment: AES-GCM alone lets one ciphertext open under two keys."""

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.ids import RecordId, SubjectId, TenantId
from vault.sealing.sealed import Place, Unopenable, associated_data, open_sealed

SALT = bytes(range(24))
PLACE = Place(TenantId(b"T" * 16), SubjectId(b"S" * 16), RecordId(b"R" * 16), "phone", 1, 1)
HEADER = b"\x01\x01" + (1).to_bytes(4) + SALT
ONE, TWO = b"1" * 32, b"2" * 32


def times(a: int, b: int) -> int:
    """Product in GHASH's field, bit 0 leftmost (NIST SP 800-38D §6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (0xE1 << 120 if b & 1 else 0)
    return product


def power(a: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = times(result, a)
        a = times(a, a)
        exponent >>= 1
    return result


def block(key: bytes, plain: bytes) -> int:
    return int.from_bytes(Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(plain))


def tag_without(key: bytes, aad: bytes, nonce: bytes) -> int:
    """The tag of a one-block ciphertext of zeros: what is left to the free block is one linear equation."""
    h = block(key, bytes(16))
    padded = aad + bytes(-len(aad) % 16)
    words = [padded[at : at + 16] for at in range(0, len(padded), 16)]
    words += [bytes(16), (8 * len(aad)).to_bytes(8) + (8 * 16).to_bytes(8)]
    total = 0
    for word in words:
        total = times(total ^ int.from_bytes(word), h)
    return total ^ block(key, nonce + b"\0\0\0\1")


def derived(key: bytes) -> bytes:
    return hmac.digest(key, b"pv1/val" + SALT, "sha512")


def ambiguous() -> bytes:
    """Ciphertext and tag that AES-256-GCM accepts under the one-use keys of both ONE and TWO."""
    keys = [derived(key)[:32] for key in (ONE, TWO)]
    aad, nonce = associated_data(HEADER, PLACE), SALT[12:]
    tags = [tag_without(key, aad, nonce) for key in keys]
    squares = [power(block(key, bytes(16)), 2) for key in keys]
    free = times(tags[0] ^ tags[1], power(squares[0] ^ squares[1], 2**128 - 2))
    return free.to_bytes(16) + (tags[0] ^ times(free, squares[0])).to_bytes(16)


def test_bare_gcm_opens_the_crafted_ciphertext_under_both_keys():
    aad = associated_data(HEADER, PLACE)
    texts = [AESGCM(derived(key)[:32]).decrypt(SALT[12:], ambiguous(), aad) for key in (ONE, TWO)]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(("committed", "other"), [(ONE, TWO), (TWO, ONE)], ids=["first", "second"])
def test_the_sealed_value_opens_under_the_committed_key_only(committed, other):
    blob = HEADER + derived(committed)[32:] + ambiguous()
    assert len(open_sealed(committed, PLACE, blob)) == 16
    with pytest.raises(Unopenable):
        open_sealed(other, PLACE, blob)
