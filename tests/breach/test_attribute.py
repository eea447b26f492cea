"""Attribution on simulated ledgers: innocents stay below the line, leakers are found, twins stay together."""

import itertools
import math
import random
from collections import Counter
from dataclasses import replace

import pytest

from breach.trace.attribute import Outcome, Rules, attribute
from breach.trace.evidence import Evidence, Pattern
from breach.trace.mixture import accuse
from breach.trace.rivals import strongest
from tests.sim.leaks import leak, ledger, seen, with_sibling

RULES = Rules(eps=1e-6)


def city(dice, recipients=12):
    return ledger(dice, recipients=recipients, people=6_000, dark=1_500, least=300, most=3_000)


def named(result):
    return {finding.recipient for finding in result.findings if finding.named}


def test_innocents_rarely_pass_one_hundred_and_never_the_threshold():
    """P(ln E > ln 100) <= 1/100, for the plain and the strict figure, whoever else leaked."""
    plain, strict, scores = 0, 0, 0
    for seed in range(60):
        dice = random.Random(seed)
        world = city(dice)
        guilty = {} if seed % 3 == 0 else {0: dice.choice([0.02, 0.1, 0.6])}
        result = attribute(leak(dice, world, guilty, dice.choice([1e-4, 2e-3])), RULES)

        innocents = [finding for finding in result.findings if finding.recipient not in guilty]
        scores += len(innocents)
        strict += sum((f.ln_e_strict or 0) > math.log(100) for f in innocents)
        plain += sum(f.ln_e > math.log(100) for f in innocents) if not guilty else 0
        assert not any(finding.named for finding in innocents)

    assert strict <= scores / 100
    assert plain <= scores / 100


def test_a_lone_leaker_is_named_in_nearly_every_run_from_eighty_rows():
    found = runs = 0
    for seed in range(60):
        dice = random.Random(1_000 + seed)
        world = city(dice)
        guilty = dice.randrange(12)
        rows = dice.sample(sorted(world.sets[guilty]), 80)
        strangers = {person for person in range(world.people) if dice.random() < 5e-4}

        result = attribute(seen(world, set(rows) | strangers), RULES)

        runs += 1
        found += named(result) == {guilty}

    assert found >= 0.97 * runs


def test_colluders_who_merge_their_files_are_all_named():
    for seed in range(10):
        dice = random.Random(2_000 + seed)
        result = attribute(leak(dice, city(dice), {2: 0.2, 5: 0.2, 7: 0.2}, 5e-4), RULES)

        assert named(result) == {2, 5, 7}


def test_identical_recipients_are_reported_as_a_set_and_never_as_a_name():
    for seed in range(10):
        dice = random.Random(3_000 + seed)
        world = with_sibling(dice, city(dice), 4, 1.0)

        result = attribute(leak(dice, world, {4: 0.2}, 5e-4), RULES)

        assert result.outcome is Outcome.ONE_OF_A_SET
        assert result.sets == ((4, 12),)
        assert named(result) == set()


def test_siblings_that_share_nine_tenths_are_told_apart():
    dice = random.Random(4)
    world = ledger(dice, recipients=12, people=12_000, dark=2_000, least=2_500, most=3_500)
    world = with_sibling(dice, world, 4, 0.9)

    assert named(attribute(leak(dice, world, {4: 0.3}, 5e-4), RULES)) == {4}


def test_a_count_known_only_within_bounds_weakens_the_accusation():
    dice = random.Random(11)
    evidence = leak(dice, city(dice), {4: 0.2}, 5e-4)
    vague = replace(evidence, held_least=tuple(held // 2 for held in evidence.held))

    sharp, loose = (attribute(e, RULES).findings[0].ln_e_strict for e in (evidence, vague))

    assert loose < sharp


def test_a_leak_of_our_own_store_names_no_recipient():
    for seed in range(9):
        dice = random.Random(5_000 + seed)

        result = attribute(leak(dice, city(dice), {}, (0.05, 0.3, 0.6)[seed % 3]), RULES)

        assert named(result) == set()
        assert result.outcome is Outcome.OWN_STORE
        assert result.own_store > max(finding.ln_e for finding in result.findings)


def test_nobody_is_named_without_dark_controls_that_bound_the_outside():
    dice = random.Random(6)
    world = ledger(dice, recipients=1, people=500, dark=0, least=500, most=500)

    result = attribute(leak(dice, world, {0: 0.5}, 0), RULES)

    assert result.outside_limit == 1
    assert named(result) == set()


def test_a_recipient_who_never_received_the_values_found_is_not_accused():
    able = Pattern(able=((0, 1),), others=(1,))
    evidence = Evidence(held=(500, 500), people=2_000, dark=500, dark_found=0, found=Counter({able: 120}))

    result = attribute(evidence, RULES)

    assert named(result) == {0}
    assert next(f for f in result.findings if f.recipient == 1).hits == 0


def test_an_empty_match_attributes_nothing():
    evidence = Evidence(held=(10, 20), people=100, dark=50, dark_found=0)

    result = attribute(evidence, RULES)

    assert result.outcome is Outcome.NOT_ATTRIBUTED
    assert [finding.ln_e_strict for finding in result.findings] == [None, None]


def test_the_bound_on_the_rivals_is_above_every_story_they_could_tell():
    """Differential: a grid over all fractions never beats the bound, and comes close to it."""
    dice = random.Random(7)
    world = ledger(dice, recipients=3, people=200, dark=40, least=30, most=90)
    evidence = leak(dice, world, {1: 0.5}, 0.02)
    grid = [0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8]
    missed = evidence.missed()

    def likelihood(fractions, pi):
        value = (evidence.people - evidence.total) * math.log1p(-pi)
        value += sum(m * math.log1p(-f) for m, f in zip(missed, fractions, strict=True))
        for pattern, count in evidence.found.items():
            silent = math.prod(1 - fractions[k] for k, _ in pattern.able)
            value += count * math.log(1 - (1 - pi) * silent)
        return value

    for excluded in ((), (1,), (0, 2)):
        options = [[0.0] if k in excluded else grid for k in range(3)]
        best = max(
            likelihood(f, pi) for f in itertools.product(*options) for pi in (0.005, 0.01, 0.02, 0.05, 0.2)
        )
        bound = strongest(evidence, excluded).bound
        assert best <= bound + 1e-9
        assert bound - best < 3


def test_the_accusing_mixture_is_a_probability():
    """Summed over everything that could be found, each recipient's mixture stays at or below one."""
    total = Counter()
    # Two people: recipient 0 received both (the second in two versions), recipient 1 only the second.
    partly = [
        Pattern(partly=True, others=(0,), touched=(0,)),
        Pattern(partly=True, others=(0, 1), touched=(0, 1)),
    ]
    outcomes_a = [
        None,
        partly[0],
        Pattern(able=((0, 1),)),
        *[Pattern(able=(), others=(0,), age=a) for a in (1, 2, 3)],
    ]
    outcomes_b = [
        None,
        partly[1],
        Pattern(able=((0, 2), (1, 1))),
        Pattern(able=((0, 2),), others=(1,), age=1),
        Pattern(able=(), others=(0, 1), age=2),
    ]
    for a, b in itertools.product(outcomes_a, outcomes_b):
        found = Counter(pattern for pattern in (a, b) if pattern is not None)
        evidence = Evidence(held=(2, 1), people=2, dark=0, dark_found=0, found=found)
        for k, ln_mixture in accuse(evidence, [0, 1]).by_member.items():
            total[k] += math.exp(ln_mixture)

    assert set(total) == {0, 1}
    # Of three shares of first versions only one is summed.
    assert all(0.15 < sum_of_all <= 1 + 1e-9 for sum_of_all in total.values())


@pytest.mark.parametrize("choices", [1, 7])
def test_a_choice_of_test_fields_is_paid_for(choices):
    dice = random.Random(8)
    evidence = leak(dice, city(dice), {3: 0.1}, 5e-4)

    free = attribute(evidence, RULES).findings[0]
    paid = attribute(evidence, Rules(eps=1e-6, field_sets=choices)).findings[0]

    assert free.ln_e_strict - paid.ln_e_strict == pytest.approx(math.log(choices))


def test_partly_found_people_count_for_whoever_received_anything_of_them():
    dice = random.Random(12)
    evidence = leak(dice, city(dice), {3: 0.2}, 5e-4)
    damaged = Counter()
    for pattern, count in evidence.found.items():
        holders = tuple(k for k, _ in pattern.able)
        part = sum(dice.random() < 0.2 for _ in range(count))
        damaged[pattern] += count - part
        damaged[Pattern(partly=True, others=holders, touched=holders)] += part

    assert named(attribute(replace(evidence, found=+damaged), RULES)) == {3}


def test_the_same_evidence_gives_the_same_figures_to_the_last_digit():
    first, second = (
        attribute(leak(random.Random(9), city(random.Random(9)), {1: 0.1}, 1e-3), RULES) for _ in "ab"
    )

    assert first == second
