"""What agrees by chance speaks against no innocent, and closes the door where there is too much of it."""

import math
import random
from statistics import fmean

import pytest

from breach.trace.attribute import MaskedRows, Rules, attribute
from breach.trace.chance import may_count
from tests.sim import masks
from tests.sim.leaks import ledger, seen

RULES = Rules(eps=1e-6)
PEOPLE = 3_000


def world(seed):
    dice = random.Random(seed)
    made = ledger(dice, recipients=6, people=PEOPLE, dark=900, least=150, most=1_200)
    return dice, made, masks.parts(dice, PEOPLE)


def counted(population, rows):
    agreed = masks.fitting(population, rows)
    controls = masks.controls(rows)
    return may_count(len(rows), len(agreed), len(controls), len(masks.fitting(population, controls)))


def e_values(result, innocents, figure):
    found = [getattr(one, figure) for one in result.findings if one.recipient in innocents]
    return [math.exp(value) for value in found if value is not None]


def test_wrong_candidates_leave_the_mean_e_value_of_innocents_at_one_or_less():
    """Strangers' masks alone, and beside somebody's leak; the reading with masked rows is let in all the same."""
    strict, plain = [], []
    for seed in range(24):
        dice, made, population = world(seed)
        strangers = set(masks.fitting(population, masks.parts(dice, dice.choice([500, 4_000]))))
        guilty = {0} if seed % 2 else set()
        leaked = {who for k in guilty for who in made.sets[k] if dice.random() < 0.2}

        result = attribute(seen(made, leaked), RULES, MaskedRows(seen(made, leaked | strangers)))

        innocents = set(range(6)) - guilty
        assert not any(one.named for one in result.findings if one.recipient in innocents)
        strict += e_values(result, innocents, "ln_e_strict")
        plain += [] if guilty else e_values(result, innocents, "ln_e")

    assert 0 < fmean(strict) <= 1
    assert 0 < fmean(plain) <= 1


def test_whole_values_name_the_leaker_through_any_number_of_strangers_masks():
    dice, made, population = world(100)
    leaked = {who for who in made.sets[2] if dice.random() < 0.3}
    strangers = set(masks.fitting(population, masks.parts(dice, 20_000)))

    alone = attribute(seen(made, leaked), RULES).findings[0]
    beside = attribute(seen(made, leaked), RULES, MaskedRows(seen(made, leaked | strangers))).findings[0]

    assert beside.named
    assert beside.recipient == alone.recipient == 2
    assert beside.ln_e_whole == alone.ln_e_strict
    assert beside.ln_e_strict >= alone.ln_e_strict - math.log(2) - 1e-9


def test_masked_rows_alone_name_whoever_their_own_e_value_carries():
    dice, made, population = world(101)
    leaked = set(masks.fitting(population, [population[who] for who in made.sets[1] if dice.random() < 0.3]))

    result = attribute(seen(made, set()), RULES, MaskedRows(seen(made, leaked)))

    first = result.findings[0]
    assert (first.recipient, first.hits, first.hits_masked, first.named) == (1, 0, len(leaked), True)
    assert first.ln_e_whole < 0


def test_rows_that_may_not_count_cost_the_others_a_factor_of_two_and_give_nothing():
    dice, made, _ = world(102)
    leaked = {who for who in made.sets[3] if dice.random() < 0.3}

    alone = attribute(seen(made, leaked), RULES).findings[0]
    closed = attribute(seen(made, leaked), RULES, MaskedRows(None)).findings[0]

    assert closed.ln_e_strict == pytest.approx(alone.ln_e_strict - math.log(2))
    assert closed.ln_e == pytest.approx(alone.ln_e - math.log(2))


def test_controls_let_leaked_rows_in_and_keep_strangers_out():
    for seed in range(20):
        dice, made, population = world(200 + seed)
        leaked = [population[who] for who in made.sets[0]][:150]
        strangers = masks.parts(dice, 2_000)

        assert counted(population, leaked)
        assert not counted(population, strangers)


@pytest.mark.parametrize(
    ("rows", "agreed", "controls", "controls_agreed", "may"),
    [(50, 45, 50, 0, True), (50, 45, 50, 3, False), (50, 45, 0, 0, False), (50, 0, 50, 0, False)],
)
def test_rows_count_while_chance_explains_a_tenth_of_them_at_most(
    rows, agreed, controls, controls_agreed, may
):
    assert may_count(rows, agreed, controls, controls_agreed) is may
