"""Every field and every reason why a value or a person is refused has words in both languages."""

import re
from importlib import import_module
from inspect import getsource

import pytest

from api.i18n import Lang, catalogue
from api.portal.words import field_label
from vault.fields import BUILTIN, Catalogue
from vault.fields.catalogue import UnknownField
from vault.fields.coordinates import REASONS as OF_COORDINATES
from vault.fields.custom import parse
from vault.fields.moment import REASONS as OF_MOMENTS
from vault.fields.written import CustomLength, CustomPattern


@pytest.mark.parametrize("lang", list(Lang))
def test_every_built_in_field_has_a_name(lang):
    texts = catalogue(lang)
    names = [field_label(code, texts) for code in BUILTIN.codes]

    assert texts.text("field.unknown") not in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("lang", list(Lang))
def test_every_reason_has_a_sentence_and_every_sentence_a_reason(lang):
    prefix = "value."
    known = {key.removeprefix(prefix) for key in catalogue(lang).texts if key.startswith(prefix)}

    reasons = {reason for field in BUILTIN for reason in field.reasons}
    own = {CustomLength.code, CustomPattern.code, *OF_MOMENTS, *OF_COORDINATES}
    assert known == reasons | own | {UnknownField.code}


def test_every_refusal_of_a_person_has_a_sentence_and_no_sentence_stands_for_none():
    names = "vault.people.drafts vault.people.enrol vault.people.changes vault.families.merge vault.erasure.erase vault.families.guardians consent.families.ties"
    sources = [
        getsource(import_module(name)) for name in (*names.split(), "api.staff.people", "api.cli.enrol")
    ]
    own = r'(?:Refused\(|Final = |return |code=)"((?:person|merge|guardian|ward|malformed|unknown)_[a-z_]+)"'
    used = {code for source in sources for code in re.findall(own, source)}
    prefix = "refused."
    known = {key.removeprefix(prefix) for key in catalogue(Lang.EN).texts if key.startswith(prefix)}

    assert known - used <= {"malformed_id"}, "the code of an error"
    assert used <= known


def test_an_operators_field_goes_by_the_name_it_was_given():
    (own,) = parse(
        '[x_club]\nnumber = 32\nlabels = { en = "Club", zh-CN = "社团" }\npattern = "a{9}|b{9}"\nlongest = 9\nbits = 1'
    )
    fields = Catalogue([*BUILTIN, own.field()])

    assert field_label("x_club", catalogue(Lang.EN), fields) == "Club"
    assert field_label("x_club", catalogue(Lang.ZH_CN), fields) == "社团"
    assert field_label("x_club", catalogue(Lang.EN)) == catalogue(Lang.EN).text("field.unknown")
