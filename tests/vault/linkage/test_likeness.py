"""Blind codes: alike records have alike codes, under one key only, and the fast comparisons agree with the slow one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.linkage import ALIKE, LINKED, Encoder, blocked_pairs, every_pair
from vault.linkage.codes import PARTS
from vault.linkage.grams import grams

KEY = bytes(range(32))
PERSON = {
    "name": "欧阳文博",
    "birth_date": "1987-03-09",
    "address": "广东省深圳市南山区科技园路12号3栋501室",
    "email": "ouyang.wenbo@example.com",
}
STRANGER = {
    "name": "林静",
    "birth_date": "1960-11-30",
    "address": "四川省成都市武侯区人民南路7号",
    "email": "linj@example.org",
}
KNOWN_NAME = "140108013120840001248208000004000a298000100d080a0011214006810200"
KNOWN_BLOCKS = [124433469, 969262929, 1687341049, 126297029]


def likeness(one: dict[str, str], other: dict[str, str], *, key: bytes = KEY) -> float:
    found = every_pair(Encoder(KEY).encode([one]), Encoder(key).encode([other]), least=0.01)
    return float(found.likeness[0]) if len(found.likeness) else 0.0


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "歐陽文博"},
        {"name": "欧阳文搏"},
        {"birth_date": "1987年3月8日"},
        {"birth_date": "19870390"},
        {"address": "深圳市南山区科技园路12号3幢501"},
        {"email": "ouyang.wenbo+shop@mail.example"},
        {"address": "", "email": ""},
        {"resident_id": "440305198703091234", "phone": "13800138000"},
    ],
)
def test_one_thing_in_other_words_missing_or_wrong_leaves_two_records_alike(changed: dict[str, str]) -> None:
    assert likeness(PERSON, PERSON | changed) >= ALIKE


def test_strangers_other_keys_and_single_fields_are_not_alike() -> None:
    assert likeness(PERSON, STRANGER) < 0.5
    assert likeness(PERSON, PERSON, key=bytes(32)) < 0.5
    assert likeness(PERSON, {"name": PERSON["name"]}) == 0.0


def test_a_code_shows_exactly_the_fields_its_record_has() -> None:
    (words,) = Encoder(KEY).encode([{"name": "Ann Lee", "phone": "13800138000", "email": "no address"}]).words
    code = int.from_bytes(words.astype("<u8").tobytes(), "little")

    assert {part.field for part in PARTS if code >> part.start & (1 << part.bits) - 1} == {"name"}
    assert code.bit_count() <= 5 * len(grams("name", "Ann Lee"))


def test_the_codes_of_a_record_never_change() -> None:
    codes = Encoder(KEY).encode([PERSON])

    assert codes.words.astype("<u8").tobytes().hex()[:64] == KNOWN_NAME
    assert codes.blocks[0, :4].tolist() == KNOWN_BLOCKS


texts = st.text(alphabet="abcd 李王张三1980-", max_size=12)
records = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(LINKED, texts)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=40)
@given(records, records)
def test_both_comparisons_say_what_a_plain_count_of_bits_says(
    left: list[dict[str, str]], right: list[dict[str, str]]
) -> None:
    encoder = Encoder(KEY)
    mine, theirs = encoder.encode(left), encoder.encode(right)
    wanted = {
        (i, j): dice
        for i in range(len(left))
        for j in range(len(right))
        if (dice := plain_dice(mine.words[i], theirs.words[j])) >= 0.5
    }

    every, blocked = every_pair(mine, theirs, 0.5), blocked_pairs(mine, theirs, 0.5)

    pairs = list(zip(every.left.tolist(), every.right.tolist(), strict=True))
    assert pairs == sorted(wanted)
    assert every.likeness.tolist() == pytest.approx([wanted[pair] for pair in pairs])
    assert set(zip(blocked.left.tolist(), blocked.right.tolist(), strict=True)) <= wanted.keys()


def test_many_records_are_brought_together_with_those_who_differ_a_little() -> None:
    encoder = Encoder(KEY)
    people = [
        {
            "name": f"{'王李张刘陈'[at % 5]}{chr(0x4E00 + 7 * at)}",
            "birth_date": f"19{at % 90 + 10}-0{at % 9 + 1}-1{at % 7}",
        }
        for at in range(400)
    ]
    rows = [one | {"name": one["name"] + "儿"} for one in people]

    found = blocked_pairs(encoder.encode(rows), encoder.encode(people))

    same = found.left == found.right
    assert same.sum() >= 396
    assert isinstance(found.left, np.ndarray)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(LINKED), st.text(max_size=80)))
def test_whatever_stands_there_has_a_code_and_is_like_itself(record: dict[str, str]) -> None:
    codes = Encoder(KEY).encode([record])
    fields = sum(bool(grams(field, text)) for field, text in record.items())

    found = every_pair(codes, codes, 0.999)

    assert len(found.left) == (fields > 1)
    assert len(blocked_pairs(codes, codes, 0.999).left) == (fields > 1)


def test_nobody_is_like_nobody() -> None:
    nobody = Encoder(KEY).encode([])
    somebody = Encoder(KEY).encode([PERSON])

    for left, right in ((nobody, somebody), (somebody, nobody), (nobody, nobody)):
        assert len(every_pair(left, right).left) == len(blocked_pairs(left, right).left) == 0


def plain_dice(one: "np.ndarray", other: "np.ndarray") -> float:
    mine, theirs = (int.from_bytes(words.astype("<u8").tobytes(), "little") for words in (one, other))
    both, bits, shared = 0, 0, 0
    for part in PARTS:
        a, b = (code >> part.start & (1 << part.bits) - 1 for code in (mine, theirs))
        if a and b:
            shared += 1
            both += (a & b).bit_count()
            bits += a.bit_count() + b.bit_count()
    return 2 * both / bits if shared > 1 else 0.0
