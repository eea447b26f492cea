"""Cells read column by column: the same kind and the same canonical form as one by one."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breach.intake import plain_cells
from breach.intake.columns import IDENTIFIERS, LOOKED_UP, Kind, identifier, kind_of
from breach.intake.mentions import MAY_MENTION, identifiers, may_mention, mentioned
from vault.fields import FIELDS, InvalidValue
from vault.fields.resident_id import check_character

DIGITS = st.text("0123456789", min_size=9, max_size=19)
MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)


def luhn(body):
    total = sum(sum(divmod(2 * int(d), 10)) if at % 2 == 0 else int(d) for at, d in enumerate(reversed(body)))
    return body + str(-total % 10)


def resident(text):
    return text + check_character(text)


NUMBERS = st.from_regex(
    r"(11|44|83|99)[0-9]{4}(18|19|20|21)[0-9]{2}(0[0-9]|1[0-3])[0-3][0-9]{4}", fullmatch=True
)
NAMES = st.text("abzAZ09._%+-*xn", min_size=1, max_size=70)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("0123456789xX*- +().'/@.", max_size=24),
    DIGITS,
    MOBILES,
    st.tuples(st.sampled_from(["+86", "86", "0086", "+86 ", "'", " ", "(", "0", "+1", ""]), MOBILES).map("".join),
    MOBILES.map(lambda t: f"{t[:3]}-{t[3:7]} {t[7:]}"),
    MOBILES.map(lambda t: f" {t}.0 "),
    MOBILES.map(lambda t: "".join(chr(ord(c) + 0xFEE0) for c in t)),
    NUMBERS.map(resident),
    NUMBERS,
    st.from_regex(r"[2-7][0-9]{10,17}", fullmatch=True).map(luhn),
    st.tuples(NAMES, st.sampled_from(["example.com", "a-b.co.uk", "-a.com", "a..b", "xn--fsq.com", "例子.中国", "b.c", "x_y.de"])).map("@".join),
    st.tuples(MOBILES, st.sampled_from(["\0", "\xad", "\u202e"]), st.integers(1, 400)).map(lambda t: t[0][:4] + t[1] * t[2] + t[0][4:]),
    st.tuples(MOBILES, st.sampled_from(["/", " 张三", "@", "转", "0"]), MOBILES).map("".join),
    st.sampled_from(["a@e\0xample.com", "E1234\u200b567", "", " ", "　", "\x1c", "NULL", "-", "138****1234", "d41d8cd98f00b204e9800998ecf8427e", "张伟", "京A12345", "E12345678"]),
)  # fmt: skip


def verdict(kind):
    return plain_cells.APART if kind in LOOKED_UP - set(IDENTIFIERS) else plain_cells.VERDICTS[kind]


def alone(text, kinds):
    """What `Matcher` makes of a cell by itself."""
    single = len(kinds) == 1
    if single and not (kinds[0] is Kind.EMAIL and plain_cells.STARS.search(text)):
        try:
            return FIELDS[kinds[0]].canonical(text), plain_cells.VERDICTS[kinds[0]]
        except InvalidValue:
            pass
    if single and (not text or text.isspace()):
        return None, plain_cells.NOTHING
    kind = kind_of(text)
    if kind not in LOOKED_UP and mentioned(text):
        return None, plain_cells.APART
    if kind is None:
        return None, plain_cells.UNREADABLE if single else plain_cells.NOTHING
    return identifier(kind, text) if kind in IDENTIFIERS else None, verdict(kind)


@pytest.mark.parametrize(
    "kinds",
    [(Kind.PHONE,), (Kind.EMAIL,), (Kind.RESIDENT_ID,), (Kind.BANK_CARD,), (Kind.PLATE,), (Kind.PHONE, Kind.EMAIL), ()],
    ids=lambda kinds: "+".join(kinds) or "masked",
)  # fmt: skip
@given(texts=st.lists(TEXTS, min_size=1, max_size=40))
def test_a_column_read_at_once_is_every_cell_read_by_itself(kinds, texts):
    read = plain_cells.read(pl.Series(texts, dtype=pl.String), kinds)

    assert [tuple(one) for one in read.rows()] == [alone(text, kinds) for text in texts]


@given(text=TEXTS, before=st.text(max_size=3), behind=st.text(max_size=3))
def test_no_number_in_a_text_is_overlooked_by_the_pattern_that_cannot_look_around(text, before, behind):
    whole = before + text + behind
    found = pl.Series([whole]).str.contains(MAY_MENTION).item()

    assert found or not may_mention(whole)
    assert may_mention(whole) or not identifiers(whole)


def test_usual_cells_are_read_by_patterns_and_not_one_by_one(monkeypatch):
    monkeypatch.setattr(plain_cells, "_reading", None)
    for kinds, texts in (
        ((Kind.PHONE,), ["13800138000", "+86 138-0013-8000", "0086 13800138000", "'13800138000", ""]),
        ((Kind.EMAIL,), ["a@example.com", " A@Example.COM "]),
        ((Kind.RESIDENT_ID,), [resident("11010519491231002")]),
        ((Kind.BANK_CARD,), ["6222 0212 3456 7890"]),
        ((Kind.PHONE, Kind.EMAIL), ["13800138000", "a@example.com", luhn("622202123456789"), resident("11010519491231002")]),
    ):  # fmt: skip
        assert plain_cells.read(pl.Series(texts), kinds)["value"].null_count() == texts.count("")
