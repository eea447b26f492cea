"""Suggestions weighed in clear: shares add up with a stranger's, and a program that fails is told as that."""

from pathlib import Path

import pytest

from tests.vault.linkage.test_suggesting import record
from tests.vault.people.made_up import enrol
from vault.ids import Bucket, SubjectId
from vault.linkage import choice, filling, plain
from vault.linkage.plain import LinkageStopped, shares, weigh
from vault.linkage.suggesting import Suggested, Suggestion, suggest
from vault.reading.records import NewPerson, create_many

ANN, BOB = (Bucket(0), SubjectId(b"a" * 16)), (Bucket(0), SubjectId(b"b" * 16))


def test_the_shares_of_a_row_and_of_a_stranger_make_one():
    found = [Suggestion(0, ANN, 0.9), Suggestion(0, BOB, 0.8), Suggestion(4, BOB, 0.8)]

    given = shares(found, [20.0, 10.0, -3.0], 1024)

    whole = 1024 + 2**20 + 2**10
    assert given == pytest.approx(
        {(0, ANN): 2**20 / whole, (0, BOB): 2**10 / whole, (4, BOB): 0.125 / 1024.125}
    )
    assert shares([Suggestion(0, ANN, 1.0)], [9_999.0], 10) == pytest.approx({(0, ANN): 1.0})


def test_a_program_that_ends_without_an_answer_is_told(vault, now, monkeypatch):
    create_many(vault, [NewPerson(record(0))], now)
    choice.turn_on(vault, "operator", now)
    filling.fill(vault)
    suggested = suggest(vault, [record(0)])
    assert len(suggested.found) == 1
    monkeypatch.setattr(plain, "_PROGRAM", Path("/nowhere/program.py"))

    with pytest.raises(LinkageStopped):
        weigh(vault, [record(0)], suggested)
    assert weigh(vault, [], Suggested()).bits == ()


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_splink_tells_a_person_with_slips_from_one_who_is_merely_alike(vault, now):
    create_many(vault, [NewPerson(record(at)) for at in range(5)], now)
    enrol(vault, range(3), now)
    choice.turn_on(vault, "operator", now, plain=True)
    filling.fill(vault)
    rows = [record(0) | {"name": "欧阳文搏"}, record(1) | {"name": "邓小婉", "birth_date": "2001-12-30"}]
    suggested = suggest(vault, rows, least=0.5)

    weighed = weigh(vault, rows, suggested)
    again = weigh(vault, rows, suggested, weighed.model)

    assert weighed.bits == again.bits
    by_row = {one.row: bits for one, bits in zip(suggested.found, weighed.bits, strict=True)}
    assert by_row[0] > 10 > by_row[1]
