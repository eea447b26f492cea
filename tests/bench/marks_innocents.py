"""How high innocents score: tens of millions of them, under every attack, by what their score depends on.

Where everybody holds all marks and every row has one, a score depends on an innocent's bits only through how
many of them are 1 among the positions of one bias that show one bit: ten binomial numbers. They are drawn
instead of the bits, which gives the same law a hundred times as fast; a few of every batch are also drawn bit
by bit and scored by the decoder itself, and the two must agree. No weight of a first round is taken off, so the
figures are high rather than low.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breach.trace.calibration import LEVELS
from breach.trace.codes import Marks, Scorer, ln_mean
from breach.trace.families import SHARES, ln_own, ln_ratios
from consent.marks.symbols import Position, Symbols, encode
from tests.bench.report import note
from tests.sim.forgeries import ATTACKS, LAW, Attack, Dice, biases, codes
from vault.ids import PROFILE, SubjectId

BATCH = 25_000
CHECKED = 8
SIZES = (1, 2, 3, 5)
KINDS = tuple(product(range(len(LAW)), (0, 1)))
"""(bias, bit read): positions of one kind are worth the same."""

type Figures = NDArray[np.float64]


def measure(dice: Dice, scores: int, line: float) -> dict[str, Any]:
    """Score so many innocents; `line` is the threshold in nats."""
    tail, top, done, agreed = Counter[float](), -math.inf, 0, 0.0
    plan = cycle(product(SIZES, ATTACKS.values()))
    while done < scores:
        size, attack = next(plan)
        of, read = _file(dice, size, math.ceil(4 * size**2 * line), attack)
        best = _batch(dice, of, read, min(BATCH, scores - done))
        done += min(BATCH, scores - done)
        top = max(top, float(best.max(initial=-math.inf)))
        for level in (*LEVELS, math.exp(line)):
            tail[level] += int((best > math.log(level)).sum())
        agreed = max(agreed, _difference(dice, of, read))
        if not done % (200 * BATCH):
            note(f"marks: {done:,} innocent scores, the highest {top:.1f} of {line:.1f}")
    return {
        "scores": done,
        "attacks": len(ATTACKS),
        "leakers": list(SIZES),
        "accused": tail[math.exp(line)],
        "highest_ln_e": round(top, 2),
        "threshold": round(line, 2),
        "share_above": {f"{level:g}": tail[level] / done for level in LEVELS},
        "difference_to_the_decoder": agreed,
    }


def _file(dice: Dice, size: int, count: int, attack: Attack) -> tuple[Figures, NDArray[np.uint8]]:
    of = biases(dice, count)
    return of, attack(dice, codes(dice, size, of))


def _batch(dice: Dice, of: Figures, read: NDArray[np.uint8], innocents: int) -> Figures:
    """Ln e-values of those innocents that might exceed the lowest level; the others cannot."""
    base, steps = worth()
    many = np.array([((of == LAW[p]) & (read == bit)).sum() for p, bit in KINDS])
    ones = dice.binomial(many, [LAW[p] for p, _ in KINDS], size=(innocents, len(KINDS)))
    scores = many @ base + ones @ steps
    # A mean over stories is never above the best of them.
    return ln_mean(scores[scores.max(axis=1) > math.log(min(LEVELS))])


def worth() -> tuple[Figures, Figures]:
    """Per kind of position and story: what a 0 adds to the score, and what a 1 adds more."""
    lines = []
    for p, bit in KINDS:
        own = np.exp(ln_own(LAW[p], bit))
        rows = [np.log(share * each + 1 - share) for each in own for share in SHARES]
        lines.append(np.concatenate((ln_ratios(LAW[p], bit), rows)))
    table = np.array(lines)
    return table[:, :, 0], table[:, :, 1] - table[:, :, 0]


def _difference(dice: Dice, of: Figures, read: NDArray[np.uint8]) -> float:
    """The largest difference between the shortcut and the decoder, for innocents drawn bit by bit."""
    own = codes(dice, CHECKED, of)
    base, steps = worth()
    counts = [(of == LAW[p]) & (read == bit) for p, bit in KINDS]
    short = ln_mean(
        np.array([mine.sum() for mine in counts]) @ base
        + np.array([[bits[mine].sum() for mine in counts] for bits in own]) @ steps
    )
    return float(np.abs(short - Scorer(everybody(of, read, own)).score()).max())


def everybody(of: Figures, read: NDArray[np.uint8], own: NDArray[np.uint8], a_row: int = 1) -> Marks:
    """Suspects with these bits, who all hold every position, `a_row` in each row."""
    return Marks(
        suspects=len(own),
        biases=of,
        bits=read,
        rows=np.arange(len(of)) // a_row,
        holders=np.repeat(np.arange(len(own)), len(of)),
        positions=np.tile(np.arange(len(of)), len(own)),
        symbols=own.reshape(-1),
    )


def keyed(dice: Dice, files: int, line: float, recipients: int = 1_000) -> dict[str, Any]:
    """The same with bits from the keyed function itself, four marks a row, all of it through the decoder."""
    top, tail, done = -math.inf, Counter[float](), 0
    for at, attack in zip(range(files), cycle(ATTACKS.values()), strict=False):
        of, own = _of_key(dice.bytes(32), recipients, 4 * 9 * math.ceil(line))
        read = attack(dice, own[:3])
        scores = Scorer(everybody(of, read, own, 4)).score()[3:]
        top, done = max(top, float(scores.max())), done + len(scores)
        tail.update({level: int((scores > math.log(level)).sum()) for level in LEVELS})
        if at % 10 == 9:
            note(f"marks: {done:,} innocent scores by the keyed function, the highest {top:.1f}")
    return {
        "scores": done,
        "highest_ln_e": round(top, 2),
        "share_above": {f"{level:g}": tail[level] / done for level in LEVELS},
    }


def _of_key(key: bytes, recipients: int, count: int) -> tuple[Figures, NDArray[np.uint8]]:
    symbols = Symbols(key)
    positions = [
        encode(Position(SubjectId((x // 4).to_bytes(16, "big")), PROFILE, "phone", 1, f"carrier-{x % 4}"))
        for x in range(count)
    ]
    of = symbols.biases(positions)
    own = [np.frombuffer(symbols.of(f"org_{k:026d}", positions, of), np.uint8) for k in range(recipients)]
    return np.array(of), np.array(own)


def failures(result: dict[str, Any]) -> Iterator[str]:
    """An innocent accused, more of them above a level than an e-value allows, or a shortcut that is none."""
    if result["accused"]:
        yield f"{result['accused']} innocents were accused"
    for level, share in result["share_above"].items():
        if share > 1 / float(level):
            yield f"{share:g} of the innocents exceed {level}"
    if result["difference_to_the_decoder"] > 1e-6:
        yield f"the shortcut is off by {result['difference_to_the_decoder']:g}"
