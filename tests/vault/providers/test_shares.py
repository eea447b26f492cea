"""The text of a share: what a person may do to it while typing, and what is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.providers.test_gf256 import CASES, named
from vault.providers.shares import MalformedShare, Share, decode_share, encode_share

SHARE = Share(set_id=b"set-id-8", k=3, n=5, x=4, y=bytes(range(32)))
SHARES = st.builds(
    lambda set_id, x, y: Share(set_id=set_id, k=2, n=16, x=x, y=y),
    st.binary(min_size=8, max_size=8),
    st.integers(1, 16),
    st.binary(min_size=32, max_size=32),
)


def raw_of(text: str) -> bytes:
    return base64.b32decode(text.removeprefix("pss_").replace("-", "").upper())


def text_of(raw: bytes) -> str:
    return "pss_" + base64.b32encode(raw).decode().lower()


@given(SHARES)
def test_a_share_reads_back_as_written(share):
    assert decode_share(encode_share(share)) == share


@pytest.mark.parametrize("case", CASES, ids=named)
def test_known_shares_are_written_and_read(case):
    for known in case["shares"]:
        share = Share(
            set_id=bytes.fromhex(case["set_id"]),
            k=case["k"],
            n=case["n"],
            x=known["x"],
            y=bytes.fromhex(known["y"]),
        )
        assert encode_share(share) == known["text"]
        assert decode_share(known["text"]) == share
        assert share.commitment().hex() == known["commitment"]


def test_case_blanks_and_hyphens_do_not_matter():
    text = encode_share(SHARE)
    typed = [text.upper(), text.replace("-", ""), text.replace("-", " "), f"  {text}\n", "\t".join(text)]
    assert all(decode_share(one) == SHARE for one in typed)


def test_zero_and_one_are_read_as_the_letters_they_look_like():
    text = encode_share(SHARE)
    head, tail = text[:4], text[4:]
    assert set(tail) & set("ol")
    assert decode_share(head + tail.replace("o", "0").replace("l", "1")) == SHARE


def test_every_single_bit_change_is_refused():
    raw = raw_of(encode_share(SHARE))
    for bit in range(len(raw) * 8):
        altered = bytearray(raw)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedShare):
            decode_share(text_of(bytes(altered)))


@given(st.integers(4, 83), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_every_mistyped_letter_is_refused(at, letter):
    text = encode_share(SHARE).replace("-", "")
    typed = text[:at] + letter + text[at + 1 :]
    if typed == text:
        assert decode_share(typed) == SHARE
    else:
        with pytest.raises(MalformedShare):
            decode_share(typed)


@given(st.integers(4, 82))
def test_swapped_neighbours_are_refused(at):
    text = encode_share(SHARE).replace("-", "")
    typed = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if typed != text:
        with pytest.raises(MalformedShare):
            decode_share(typed)


@given(st.text(max_size=100))
def test_any_other_text_is_refused(text):
    with pytest.raises(MalformedShare):
        decode_share(text)


@pytest.mark.parametrize("numbers", [(1, 3, 1), (4, 3, 1), (2, 17, 1), (2, 3, 0), (2, 3, 4)])
def test_impossible_numbers_are_refused_even_with_a_right_checksum(numbers):
    k, n, x = numbers
    with pytest.raises(MalformedShare):
        decode_share(encode_share(Share(set_id=bytes(8), k=k, n=n, x=x, y=bytes(32))))


NO_SHARES = {
    "cut": lambda text: text[:-1],
    "longer": lambda text: text + "a",
    "other mark": lambda text: "pst_" + text[4:],
    "no mark": lambda text: text[4:],
}


@pytest.mark.parametrize("name", NO_SHARES)
def test_a_cut_longer_or_unmarked_text_is_refused(name):
    with pytest.raises(MalformedShare):
        decode_share(NO_SHARES[name](encode_share(SHARE)))


def test_a_share_does_not_show_its_secret_when_printed():
    assert SHARE.y.hex() not in repr(SHARE)
    assert repr(SHARE.y) not in repr(SHARE)
