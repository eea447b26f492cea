"""The seal: opens at its own place under its own key, and nowhere else."""

import secrets

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.ids import RecordId, SubjectId, TenantId
from vault.sealing.sealed import (
    OVERHEAD,
    Place,
    Suite,
    Unopenable,
    associated_data,
    blob_epoch,
    open_sealed,
)
from vault.sealing.sealed import seal as seal_by

KEY = bytes(range(32))
SALT = bytes(range(100, 124))
PLACE = Place(TenantId(b"T" * 16), SubjectId(b"S" * 16), RecordId(b"R" * 16), "phone", 1, 7)

ids = st.binary(min_size=16, max_size=16)
places = st.builds(
    Place,
    ids.map(TenantId),
    ids.map(SubjectId),
    ids.map(RecordId),
    st.text(max_size=40),
    st.integers(0, 0xFFFF),
    st.integers(0, 2**64 - 1),
)
headers = st.binary(min_size=30, max_size=30)


def seal(key, epoch, place, plaintext, salt, suite=Suite.GCM):
    return seal_by(key, epoch, place, plaintext, salt, suite=suite)


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32 - 1),
    places,
    st.binary(max_size=300),
    st.binary(min_size=24, max_size=24),
    st.sampled_from(Suite),
)
def test_what_is_sealed_opens_at_its_place(key, epoch, place, plaintext, salt, suite):
    blob = seal(key, epoch, place, plaintext, salt, suite=suite)
    assert len(blob) == len(plaintext) + OVERHEAD
    assert open_sealed(key, place, blob) == plaintext
    assert blob_epoch(blob) == epoch


@given(headers, places, headers, places)
def test_two_places_or_headers_never_share_associated_data(header, place, other_header, other):
    assume((header, place) != (other_header, other))
    assert associated_data(header, place) != associated_data(other_header, other)


@given(headers, places)
def test_associated_data_can_be_read_back_part_by_part(header, place):
    raw = associated_data(header, place)
    length = int.from_bytes(raw[81:83])
    assert raw[:3] == b"pv1"
    assert raw[3:33] == header
    assert (raw[33:49], raw[49:65], raw[65:81]) == (place.tenant, place.subject, place.record)
    assert raw[83 : 83 + length].decode() == place.field
    assert int.from_bytes(raw[83 + length : 85 + length]) == place.schema
    assert int.from_bytes(raw[85 + length :]) == place.version


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        ("field", "email"),
        ("record", RecordId(b"r" * 16)),
        ("subject", SubjectId(b"s" * 16)),
        ("tenant", TenantId(b"t" * 16)),
        ("version", 8),
        ("schema", 2),
    ],
)
@pytest.mark.parametrize("suite", Suite)
def test_a_blob_moved_to_another_place_does_not_open(part, moved, suite):
    blob = seal(KEY, 1, PLACE, b"13800000000", SALT, suite=suite)
    with pytest.raises(Unopenable):
        open_sealed(KEY, PLACE._replace(**{part: moved}), blob)


def test_a_blob_relabelled_with_another_epoch_does_not_open():
    blob = bytearray(seal(KEY, 1, PLACE, b"13800000000", SALT))
    blob[5] = 2
    assert blob_epoch(bytes(blob)) == 2
    with pytest.raises(Unopenable):
        open_sealed(KEY, PLACE, bytes(blob))


def test_a_blob_relabelled_with_the_other_suite_does_not_open():
    blob = bytearray(seal(KEY, 1, PLACE, b"13800000000", SALT))
    blob[1] = Suite.GCM_SIV
    with pytest.raises(Unopenable):
        open_sealed(KEY, PLACE, bytes(blob))


def test_another_key_does_not_open_it():
    blob = seal(KEY, 1, PLACE, b"13800000000", SALT)
    with pytest.raises(Unopenable):
        open_sealed(bytes(32), PLACE, blob)


def test_every_single_changed_byte_is_refused():
    blob = seal(KEY, 1, PLACE, b"x", SALT)
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        with pytest.raises(Unopenable):
            open_sealed(KEY, PLACE, bytes(changed))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_the_same_error(raw):
    with pytest.raises(Unopenable) as refusal:
        open_sealed(KEY, PLACE, raw)
    assert str(refusal.value) == "this blob does not open"


def test_every_cut_of_a_blob_is_refused():
    blob = seal(KEY, 1, PLACE, b"some plaintext", SALT)
    for length in range(len(blob)):
        with pytest.raises(Unopenable):
            open_sealed(KEY, PLACE, blob[:length])


@pytest.mark.parametrize("raw", [b"", b"\x01" * (OVERHEAD - 1), b"\x02" + b"\x01" * OVERHEAD])
def test_the_epoch_of_something_that_is_no_blob_is_refused(raw):
    with pytest.raises(Unopenable):
        blob_epoch(raw)


def test_a_ciphertext_that_opens_under_two_keys_still_commits_to_one():
    """GCM alone commits to no key: swapping the commitment along with the key must not help."""
    other = bytes(reversed(KEY))
    blob, foreign = seal(KEY, 1, PLACE, b"value", SALT), seal(other, 1, PLACE, b"value", SALT)
    spliced = blob[:30] + foreign[30:62] + blob[62:]
    for key in (KEY, other):
        with pytest.raises(Unopenable):
            open_sealed(key, PLACE, spliced)


def test_the_commitment_is_checked_before_the_cipher_runs(monkeypatch):
    blob = bytearray(seal(KEY, 1, PLACE, b"value", SALT))
    blob[40] ^= 1
    monkeypatch.setattr("vault.sealing.sealed._CIPHERS", {1: lambda _key: pytest.fail("the cipher ran")})
    with pytest.raises(Unopenable):
        open_sealed(KEY, PLACE, bytes(blob))


def test_equal_values_under_different_salts_share_no_bytes_worth_comparing():
    one = seal(KEY, 1, PLACE, b"13800000000", secrets.token_bytes(24))
    two = seal(KEY, 1, PLACE, b"13800000000", secrets.token_bytes(24))
    assert one[30:62] != two[30:62]
    assert one[62:] != two[62:]


@pytest.mark.parametrize(("key", "salt"), [(b"k" * 31, SALT), (KEY, b"s" * 23)])
def test_keys_and_salts_of_the_wrong_length_are_refused(key, salt):
    with pytest.raises(ValueError, match="32 bytes"):
        seal(key, 1, PLACE, b"", salt)


def test_ids_of_the_wrong_length_are_refused_because_they_would_blur_the_associated_data():
    with pytest.raises(ValueError, match="16 bytes"):
        seal(KEY, 1, PLACE._replace(subject=SubjectId(b"short")), b"", SALT)


def test_one_aes_key_is_used_for_one_value_only(monkeypatch):
    """Derived keys and nonces must never repeat over many seals of one person."""
    seen = set()

    def cipher(key):
        seen.add(bytes(key))
        return AESGCM(key)

    monkeypatch.setattr("vault.sealing.sealed._CIPHERS", {1: cipher})
    for _ in range(2_000):
        seal(KEY, 1, PLACE, b"", secrets.token_bytes(24))
    assert len(seen) == 2_000
