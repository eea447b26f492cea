"""Decoding of marks: the mean of one by exact enumeration, tracing in small, rounds, rows and repeatability."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breach.trace import codes
from breach.trace.codes import Marks, Scorer
from breach.trace.families import MIXES, Mix, Mixing, ln_own, ln_ratios
from consent.marks.symbols import BIASES

LAW = [p for p, _ in BIASES]
SHARE = [share for _, share in BIASES]


def decode(read, bar, beside=None):
    return codes.decode(Scorer(read), bar, beside)


def marks(biases, bits, rows, held):
    """`held`: per suspect, the bit at each position or None where it does not hold it."""
    cells = [(k, x, bit) for k, own in enumerate(held) for x, bit in enumerate(own) if bit is not None]
    holders, positions, symbols = zip(*cells, strict=True) if cells else ((), (), ())
    return Marks(
        suspects=len(held),
        biases=np.array(biases, dtype=np.float64),
        bits=np.array(bits, dtype=np.uint8),
        rows=np.array(rows, dtype=np.int64),
        holders=np.array(holders, dtype=np.int64),
        positions=np.array(positions, dtype=np.int64),
        symbols=np.array(symbols, dtype=np.uint8),
    )


def everybody(dice, suspects, count, a_row, leak):
    """All suspects hold all marks; `leak(codes, biases)` makes what is read."""
    biases = dice.choice(LAW, size=count, p=SHARE)
    codes = (dice.random((suspects, count)) < biases).astype(np.uint8)
    return biases, codes, marks(biases, leak(codes), np.arange(count) // a_row, codes.tolist())


SMALL = st.integers(1, 5).flatmap(
    lambda size: st.tuples(
        st.lists(st.sampled_from(LAW), min_size=size, max_size=size),
        st.lists(st.integers(0, 1), min_size=size, max_size=size),
        st.lists(st.integers(0, 1), min_size=size, max_size=size).map(sorted),
        st.lists(st.lists(st.sampled_from([0, 1, None]), min_size=size, max_size=size), max_size=3),
        st.floats(-2, 3),
    )
)


@given(SMALL)
@settings(max_examples=30)
def test_an_innocent_has_a_mean_of_at_most_one_whatever_is_read_and_whoever_is_accused(case):
    """Exact: all bits suspect 0 may have got, with their probabilities; others and the line are anything at all."""
    biases, bits, rows, others, bar = case
    mean, of_round = 0.0, [0.0, 0.0]
    given_others = tuple(range(1, len(others) + 1))
    for own in product((0, 1), repeat=len(bits)):
        chance = math.prod(p if bit else 1 - p for p, bit in zip(biases, own, strict=True))
        read = marks(biases, bits, rows, [own, *others])
        mean += chance * math.exp(decode(read, bar).ln_e[0])
        for at, given_bits in enumerate(((), given_others)):
            of_round[at] += chance * math.exp(Scorer(read).score(given_bits)[0])

    assert mean <= 1 + 1e-9
    assert of_round == pytest.approx([1, 1], abs=1e-9)


@given(
    st.sampled_from(MIXES),
    st.floats(0.05, 0.95),
    st.integers(0, 3).flatmap(lambda known: st.tuples(st.just(known), st.integers(0, known))),
)
def test_a_mix_is_what_playing_it_through_by_hand_gives(mix, p, accused):
    """Differential: enumerate every copy of the unknown leakers and the leakers' choice."""
    known, ones = accused
    size = max(mix.size, known + 1)

    def one_read(own):
        total = 0.0
        for copies in product((0, 1), repeat=size - known - 1):
            have = ones + own + sum(copies)
            chance = math.prod(p if copy else 1 - p for copy in copies)
            total += chance * by_hand(mix.way, have, size)
        return total + mix.noise * (1 - 2 * total)

    for bit in (0, 1):
        likely = [abs(1 - bit - one_read(own)) for own in (0, 1)]
        without = (1 - p) * likely[0] + p * likely[1]
        line = ln_ratios(p, bit, known, ones)[MIXES.index(mix)]
        assert np.exp(line) == pytest.approx([one / without for one in likely])


def by_hand(way, have, size):
    if have in {0, size}:
        return have / size
    tie = 2 * have == size
    return {
        Mixing.INTERLEAVE: have / size,
        Mixing.MAJORITY: 0.5 if tie else float(2 * have > size),
        Mixing.MINORITY: 0.5 if tie else float(2 * have < size),
        Mixing.COIN: 0.5,
        Mixing.ALL_ONES: 1.0,
        Mixing.ALL_ZEROS: 0.0,
    }[way]


def test_the_family_is_fixed():
    """What is said for the best story is paid by their number: another family is another method."""
    assert len(MIXES) == 32
    assert len(set(MIXES)) == 32
    assert Mix(Mixing.MINORITY, 5, 0.1) in MIXES
    assert ln_own(0.5, 1).shape == (2, 2)


def test_a_lone_leaker_of_eighty_three_marks_is_accused_and_nobody_else():
    named = 0
    for seed in range(20):
        dice = np.random.default_rng(seed)
        _, _, read = everybody(dice, 200, 83, 4, lambda codes: codes[7])
        decoded = decode(read, math.log(200 / 1e-6))

        named += decoded.accused == (7,)
        assert set(decoded.accused) <= {7}
        assert (decoded.held[7], decoded.agreeing[7]) == (83, 83)

    assert named >= 19


@pytest.mark.parametrize("way", list(Mixing))
def test_three_who_mix_are_all_accused_at_the_length_of_the_bar(way):
    dice = np.random.default_rng(list(Mixing).index(way))

    def leak(codes):
        ones = codes[:3].sum(axis=0)
        chance = np.array([by_hand(way, have, 3) for have in range(4)])
        return (dice.random(len(ones)) < chance[ones]).astype(np.uint8)

    _, _, read = everybody(dice, 300, 747, 4, leak)

    decoded = decode(read, math.log(1_000 / 1e-6))

    assert decoded.accused == (0, 1, 2)
    assert max(decoded.ln_e[3:]) < math.log(300) + 3


def test_knowing_one_leaker_lifts_the_other():
    """With the same figures and no line to pass, the second leaker stays lower than when the first is known."""
    dice = np.random.default_rng(5)
    _, _, read = everybody(
        dice, 50, 240, 4, lambda codes: np.where(dice.random(240) < 0.7, codes[0], codes[1])
    )

    blind, informed = decode(read, math.inf), decode(read, blind_bar := 20.0)

    assert blind.ln_e[0] > blind_bar > blind.ln_e[1]
    assert [one.given for one in informed.rounds[:2]] == [(), (0,)]
    assert informed.ln_e[1] > blind.ln_e[1] + 3
    assert informed.rounds[-1].accused == ()


def test_rows_that_were_kept_whole_speak_louder_than_their_marks_alone():
    """Two files put one behind the other: of each leaker's marks half agree row by row."""
    dice = np.random.default_rng(6)
    rows = np.arange(240) // 4
    _, codes, read = everybody(dice, 50, 240, 4, lambda codes: np.where(rows % 2, codes[0], codes[1]))
    alone = marks(read.biases, read.bits, np.arange(240), codes.tolist())

    whole, single = decode(read, math.inf), decode(alone, math.inf)

    assert min(np.subtract(whole.ln_e[:2], single.ln_e[:2])) > 2


def test_what_else_is_known_counts_towards_the_line_and_not_in_the_figure():
    dice = np.random.default_rng(8)
    _, _, read = everybody(dice, 20, 32, 4, lambda codes: codes[3])
    alone = decode(read, 20.0)

    helped = decode(read, 20.0, [15.0 if k == 3 else 0.0 for k in range(20)])

    assert alone.accused == ()
    assert helped.accused == (3,)
    assert helped.ln_e[3] == alone.ln_e[3]


def test_without_a_reading_nothing_is_said_for_or_against_anybody():
    decoded = decode(marks([], [], [], [[], []]), 10.0, [20.0, 0.0])

    assert (decoded.ln_e, decoded.accused, decoded.positions) == ((0.0, 0.0), (), 0)


def test_a_suspect_who_holds_no_mark_that_was_read_is_neither_accused_nor_cleared():
    decoded = decode(marks([0.5], [1], [0], [[1], [None]]), 10.0, [0.0, 30.0])

    assert decoded.ln_e[1] == 0
    assert decoded.accused == ()
