"""What pages say about attempts, numbers and lists, in both languages."""

import pytest

from api.i18n import Lang, catalogue
from api.portal.told import staff_name, staff_words
from api.portal.words import denial_word, notice_word
from consent.denials import DenialCode
from consent.staff.history import StaffEventKind

ABOUT_NOBODY = {
    DenialCode.UNKNOWN_TOKEN,
    DenialCode.UNKNOWN_CODE,
    DenialCode.UNKNOWN_PERSON,
    DenialCode.UNKNOWN_REQUEST,
}
"""Attempts that name nothing we know, which therefore stand in nobody's history."""

both = pytest.mark.parametrize("lang", list(Lang))


@both
def test_every_reason_to_turn_a_recipient_away_has_words_of_its_own(lang):
    texts = catalogue(lang)
    of_staff = {code for code in DenialCode if texts.has(f"problem.staff.{code.value}.title")}
    shown = set(DenialCode) - ABOUT_NOBODY - of_staff | {DenialCode.WINDOW, DenialCode.UNREADABLE}

    words = [denial_word(code.value, texts) for code in shown]

    assert len(set(words)) == len(shown) > 10
    assert denial_word("", texts) == texts.text("denial.other")
    assert texts.text("denial.other") not in words


@both
def test_one_attempt_is_told_without_a_number_and_several_with_it(lang):
    texts = catalogue(lang)

    for kind in (StaffEventKind.OPENED, StaffEventKind.DENIED):
        assert "1" not in staff_words(kind, 1, texts)
        assert "3" in staff_words(kind, 3, texts)
    assert texts.counted("uses.approved", 1) == texts.text("uses.approved")


@both
def test_everything_staff_can_do_has_words(lang):
    texts = catalogue(lang)

    assert len({staff_words(kind, 2, texts) for kind in StaffEventKind}) == len(StaffEventKind)
    assert staff_name(StaffEventKind.OPENED, "operator/3f2a", texts).endswith(" 3f2a")
    assert staff_name(StaffEventKind.DENIED, "operator/3f2a", texts) == texts.text("uses.staff")
    assert staff_name(StaffEventKind.OPENED, None, texts) == texts.text("uses.staff")
    assert notice_word("something new", texts) == texts.text("notice.other")


def test_a_list_has_the_comma_of_its_language():
    assert catalogue(Lang.EN).listed(["Name", "Address"]) == "Name, Address"
    assert catalogue(Lang.ZH_CN).listed(["姓名", "地址"]) == "姓名、地址"
