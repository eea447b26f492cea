"""Signatures: what verifies, and that a stranger's bytes never raise."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.published import published
from vault.signing import signatures

SEED = bytes(range(32))


@pytest.fixture(scope="module")
def es256():
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    r, s = decode_dss_signature(key.sign(b"message", ec.ECDSA(SHA256())))
    return numbers.x.to_bytes(32), numbers.y.to_bytes(32), r.to_bytes(32) + s.to_bytes(32)


def test_the_first_rfc_8032_vector_holds():
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert signatures.public_key(seed) == public
    assert signatures.sign(seed, b"") == signature
    assert signatures.verify(public, b"", signature)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_a_signature_verifies_for_its_message_only(seed, message):
    signature = signatures.sign(seed, message)
    public = signatures.public_key(seed)
    assert signatures.verify(public, message, signature)
    assert not signatures.verify(public, message + b"\0", signature)


def test_signing_twice_gives_the_same_bytes():
    assert signatures.sign(SEED, b"receipt") == signatures.sign(SEED, b"receipt")


@given(st.binary(max_size=70), st.binary(max_size=70))
def test_strangers_bytes_as_key_or_signature_are_false_not_an_error(public, signature):
    assert not signatures.verify(public, b"message", signature)


def test_an_es256_signature_verifies_for_its_message_only(es256):
    x, y, signature = es256
    assert signatures.verify_es256(x, y, b"message", signature)
    assert not signatures.verify_es256(x, y, b"massage", signature)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_an_es256_signature_of_another_length_is_false(es256, length):
    x, y, signature = es256
    assert not signatures.verify_es256(x, y, b"message", (signature * 2)[:length])


def test_a_der_signature_is_not_accepted_where_jose_wants_raw(es256):
    x, y, signature = es256
    der = b"\x30\x44\x02\x20" + signature[:32] + b"\x02\x20" + signature[32:]
    assert not signatures.verify_es256(x, y, b"message", der)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(min_size=64, max_size=64))
def test_points_off_the_curve_and_random_signatures_are_false(x, y, signature):
    assert not signatures.verify_es256(x, y, b"message", signature)


def test_zero_as_r_or_s_is_false(es256):
    x, y, signature = es256
    assert not signatures.verify_es256(x, y, b"message", bytes(64))
    assert not signatures.verify_es256(x, y, b"message", signature[:32] + bytes(32))


def test_parsed_keys_are_kept_in_a_bounded_cache():
    assert signatures._es256_key.cache_info().maxsize == 4096
    assert signatures._verifier.cache_info().maxsize == 1024


def test_published_ml_dsa_44_signatures_get_their_verdicts():
    known = published("ml_dsa_44")
    public = bytes.fromhex(known["public"])
    cases = [
        (case, bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])) for case in known["cases"]
    ]

    assert signatures.ml_dsa_44_public(bytes.fromhex(known["seed"])) == public
    assert {case["valid"] for case, _, _ in cases} == {True, False}
    for case, message, signature in cases:
        assert signatures.verify_ml_dsa_44(public, message, signature) is case["valid"], case["of"]


def test_a_published_ml_dsa_44_key_signs_what_it_verifies():
    known = published("ml_dsa_44")
    signed = signatures.sign_ml_dsa_44(bytes.fromhex(known["seed"]), b"a head")

    assert signatures.verify_ml_dsa_44(bytes.fromhex(known["public"]), b"a head", signed)
    assert not signatures.verify_ml_dsa_44(bytes.fromhex(known["public"]), b"another", signed)
