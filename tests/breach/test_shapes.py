"""The seven shapes of one number or address that files show, through the doors that investigators have: a file,
a search.
"""

import pytest

from breach.intake.columns import recognise
from breach.matching.cells import Cells
from breach.matching.rows import Matcher
from tests.vault.tags.population import people
from tests.vault.tags.test_find import EMAIL, PHONE, RESIDENT_ID, ZHANG
from vault.finding.naming import named
from vault.people.enrol import NewPerson, create_many

COLUMNS = ("phone", "resident_id", "email")
SHAPES = [
    (column, text)
    for column, shapes in zip(COLUMNS, (PHONE, RESIDENT_ID, EMAIL), strict=True)
    for text in shapes
]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whatever_shape_a_file_shows_a_value_in_it_leads_to_its_person_and_to_nobody_else(vault, now):
    crowd = people(20)
    zhang, *_ = create_many(vault, [NewPerson(ZHANG), *map(NewPerson, crowd)], now)
    layout = recognise([[one[column] for column in COLUMNS] for one in (ZHANG, *crowd)], len(COLUMNS))

    for column, text in SHAPES:
        with vault.data.read() as conn:
            found = Matcher(vault.keyring, layout, Cells()).match(
                conn, [[text if one == column else "" for one in COLUMNS]]
            )
        # A masked value alone is a candidate's: it leads to them, and is no match.
        candidates = {subject for _, subject, _ in found.weights}
        matched = {subject for _, subject, *_ in found.items}
        assert candidates | matched == {zhang.subject}, (column, text)
        assert bool(candidates) == ("*" in text), (column, text)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_search_takes_every_whole_shape_and_every_digest_and_leaves_masked_ones_alone(vault, now):
    zhang, *_ = create_many(vault, [NewPerson(ZHANG), *map(NewPerson, people(20))], now)

    for column, text in SHAPES:
        answer = named(vault, {column: text})
        masked = "*" in text
        assert answer.read == (() if masked else (column,)), (column, text)
        assert [one.subject for one in answer.found] == ([] if masked else [zhang.subject]), (column, text)
