"""Whether leakers are found when everybody holds every leaked row, and how far one may take their figures at their word.

Innocents are never accused in a decodable file, so a leaker's figure does not depend on how many of them there are:
each file is decoded with a few innocents, and the line is that of a thousand.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from breach.trace.calibration import calibrate
from breach.trace.codes import Scorer, decode
from tests.bench.report import note
from tests.sim.forgeries import ATTACKS, Dice, interleave, worst_case

BESIDE = 12
LENGTHS = (16, 32, 64, 128, 512)


def measure(dice: Dice, files: int, line: float, sizes: Sequence[int] = (1, 2, 3, 5)) -> list[dict[str, Any]]:
    """Per number of leakers and attack: clean marks and, half as many again, marks of which 3 % are misread."""
    cells = []
    for size in sizes:
        attacks = ATTACKS if size > 1 else {"copy": interleave}
        for name, attack in attacks.items():
            for factor, wrong in ((4, 0.0), (6, 0.03)):
                count = math.ceil(factor * size**2 * line)
                found = [
                    _found(
                        dice,
                        line,
                        leakers=size,
                        count=count,
                        attack=attack,
                        wrong=wrong,
                    )
                    for _ in range(files)
                ]
                cells.append(
                    {
                        "leakers": size,
                        "attack": name,
                        "marks": count,
                        "misread": wrong,
                        "files": files,
                        "any": sum(one > 0 for one, _ in found) / files,
                        "all": sum(one == size for one, _ in found) / files,
                        "innocents_accused": sum(wrongly for _, wrongly in found),
                    }
                )
        note(f"marks: {size} leakers who share every row: {_worst(cells, size)}")
    return cells


def _found(dice: Dice, line: float, **how: Any) -> tuple[int, int]:
    decoded = decode(Scorer(worst_case(dice, others=BESIDE, **how)), line)
    guilty = sum(k < how["leakers"] for k in decoded.accused)
    return guilty, len(decoded.accused) - guilty


def _worst(cells: Sequence[dict[str, Any]], size: int) -> str:
    mine = [cell for cell in cells if cell["leakers"] == size]
    return f"any {min(cell['any'] for cell in mine):.3f}, all {min(cell['all'] for cell in mine):.3f}"


def calibration(dice: Dice, files: int, innocents: int) -> list[dict[str, Any]]:
    """Ln e-values of lone sources and of innocents, by number of marks (one reading in a hundred is wrong)."""
    lines = []
    for count in LENGTHS:
        guilty, innocent = [], []
        for _ in range(files):
            read = worst_case(dice, leakers=1, others=innocents, count=count, attack=interleave, wrong=0.01)
            scores = Scorer(read).score()
            guilty.append(scores[:1])
            innocent.append(scores[1:])
        made = calibrate(np.concatenate(guilty), np.concatenate(innocent))
        lines.append(
            {
                "marks": count,
                "guilty": made.guilty,
                "innocent": made.innocent,
                "cllr": round(made.cllr, 4),
                "cllr_min": round(made.cllr_min, 4),
                "share_above": {f"{level:g}": share for level, share in made.above.items()},
                "most_supported_ln": round(made.most_supported, 2),
            }
        )
        note(f"marks: {count} marks of a lone source: Cllr_min {made.cllr_min:.4f}")
    return lines
