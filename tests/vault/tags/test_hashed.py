"""Digests in every spelling, and texts that only look like one."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.tags.hashed import Digest, read

RAW = {name: hashlib.new(name, b"13812345678").digest() for name in ("md5", "sha1", "sha256", "sha512")}


@pytest.mark.parametrize("name", sorted(RAW))
def test_hexadecimal_of_any_case_with_or_without_a_prefix(name):
    raw = RAW[name]
    for text in (raw.hex(), raw.hex().upper(), f" {raw.hex()}\n", f"0x{raw.hex()}", f"'{raw.hex()}'"):
        assert read(text) == Digest(name, raw)
    assert read(f"{{{name.upper()}}}{raw.hex()}") == Digest(name, raw)
    assert read(f"{name}:{raw.hex()}") == Digest(name, raw)


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_base64_of_any_alphabet_with_or_without_padding(name):
    raw = RAW[name]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(raw).decode()
        assert read(text) == Digest(name, raw)
        assert read(text.rstrip("=")) == Digest(name, raw)
    assert read("{SHA}" + base64.b64encode(RAW["sha1"]).decode()) == Digest("sha1", RAW["sha1"])


def test_full_width_digits_are_read_too():
    wide = "".join(chr(ord(c) + 0xFEE0) for c in RAW["md5"].hex())
    assert read(wide) == Digest("md5", RAW["md5"])


def test_a_named_algorithm_must_fit_the_length():
    assert read("{MD5}" + RAW["sha1"].hex()) is None
    assert read("{BLAKE}" + RAW["md5"].hex()) is None
    assert read("sm3:" + RAW["sha256"].hex()) == Digest("sm3", RAW["sha256"])
    assert read(RAW["md5"].hex()[8:24]) == Digest("md5-middle", RAW["md5"][4:12])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "13812345678",
        "6222021234567890",
        "zhang.san@gmail.com",
        "张三丰",
        "abc",
        "f" * 33,
        "=" * 24,
        "x" * 300,
    ],
)
def test_other_texts_are_no_digests(text):
    assert read(text) is None


@given(
    st.binary(min_size=16, max_size=16)
    | st.binary(min_size=20, max_size=20)
    | st.binary(min_size=32, max_size=32)
)
def test_whatever_a_digest_is_it_comes_back_from_its_spellings(raw):
    for text in (raw.hex(), base64.b64encode(raw).decode()):
        found = read(text)
        assert found is not None
        assert found.data == raw


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text):
    read(text)
