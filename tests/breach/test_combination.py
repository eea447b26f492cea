"""Marks and contacts beside the ledger: twins are told apart, an innocent is not, and nothing is counted twice."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from breach.trace.attribute import Outcome, Rules, attribute
from breach.trace.codes import Marks
from consent.marks.symbols import BIASES
from tests.sim.leaks import leak, ledger, with_sibling

RULES = Rules(eps=1e-6)
TWIN = 12


def twins(seed):
    """A leak by recipient 4, which holds exactly what recipient 12 holds: the ledger cannot tell them apart."""
    dice = random.Random(seed)
    world = ledger(dice, recipients=12, people=6_000, dark=1_500, least=300, most=3_000)
    return leak(dice, with_sibling(dice, world, 4, 1.0), {4: 0.2}, 5e-4)


def marked(seed, count, source=4, holders=(4, TWIN, 0, 1)):
    """`count` marks read, four a row, all of them as `source` was given them."""
    dice = np.random.default_rng(seed)
    biases = dice.choice([p for p, _ in BIASES], size=count, p=[share for _, share in BIASES])
    codes = {k: (dice.random(count) < biases).astype(np.uint8) for k in (*holders, source)}
    return Marks(
        suspects=13,
        biases=biases,
        bits=codes[source],
        rows=np.arange(count) // 4,
        holders=np.repeat(holders, count),
        positions=np.tile(np.arange(count), len(holders)),
        symbols=np.concatenate([codes[k] for k in holders]),
    )


def named(result):
    return {finding.recipient for finding in result.findings if finding.named}


def by_number(result):
    return {finding.recipient: finding for finding in result.findings}


@pytest.mark.parametrize("leaker", [4, TWIN])
def test_marks_name_the_one_of_two_that_hold_the_same_and_leave_no_set(leaker):
    result = attribute(twins(1), RULES, marks=marked(1, 120, leaker))

    findings = by_number(result)
    assert result.outcome is Outcome.NAMED
    assert named(result) == {leaker}
    assert result.sets == ()
    assert findings[leaker].ln_e_strict < result.threshold <= findings[leaker].ln_e_total
    assert findings[4 + TWIN - leaker].ln_e_marks < 0
    assert result.marks.accused == (leaker,)


def test_a_few_marks_leave_the_set_as_it_is():
    bare, few = attribute(twins(2), RULES), attribute(twins(2), RULES, marks=marked(2, 8))

    assert bare.sets == few.sets == ((4, TWIN),)
    assert named(few) == set()


def test_marks_of_a_stranger_accuse_nobody_and_a_loud_ledger_still_names():
    """The file's marks were nobody's: the ledger's word then counts as the mean with 1, which costs ln 2."""
    dice = random.Random(3)
    world = ledger(dice, recipients=13, people=6_000, dark=1_500, least=300, most=3_000)
    evidence = leak(dice, world, {4: 0.2}, 5e-4)
    strangers = marked(3, 12, source=9, holders=(0, 1, 2))

    bare, result = attribute(evidence, RULES), attribute(evidence, RULES, marks=strangers)

    before, after = (by_number(one)[4] for one in (bare, result))
    assert named(bare) == named(result) == {4}
    assert after.ln_e_marks is None
    assert after.ln_e_total == pytest.approx(before.ln_e_total - math.log(2))
    assert after.ln_e_strict == before.ln_e_strict


def test_all_evidence_is_multiplied_and_each_figure_stands_alone():
    result = attribute(twins(4), RULES, marks=marked(4, 60), beside={4: 7.5, 3: -0.1})

    four = by_number(result)[4]
    ledger_says = math.log((1 + math.exp(four.ln_e_strict)) / 2)
    assert four.ln_e_contacts == 7.5
    assert four.ln_e_total == pytest.approx(ledger_says + four.ln_e_marks + 7.5)
    assert by_number(result)[3].ln_e_contacts == -0.1
    assert by_number(result)[5].ln_e_contacts is None


def test_one_alias_names_where_the_ledger_says_nothing():
    """Recipient 3 has too few hits to be examined at all."""
    evidence = replace(twins(5), found=type(twins(5).found)())

    result = attribute(evidence, RULES, beside={3: 40.0})

    assert named(result) == {3}
    assert by_number(result)[3].ln_e_strict is None


def test_what_is_not_marked_is_judged_as_ever():
    evidence, empty = twins(6), marked(6, 0)

    assert attribute(evidence, RULES, marks=empty) == attribute(evidence, RULES)
