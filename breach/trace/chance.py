"""What agrees by chance: whether masked rows may count, and what a wrong candidate does to the figures.

A wrong candidate is somebody whom a stranger's masked row fits. Three things keep it from speaking against an
innocent:

* **The outside rate sees it.** Wrong candidates fall on people whether or not anybody received them, so the dark
  controls (people never disclosed) are hit as often as everybody else. The rate pi of the reading with masked rows is
  bounded from the dark people whom masked rows hit too, and the strict figure grants every rival story whatever rate
  suits it best. Wrong candidates thus raise pi and weaken the reading; they make nobody's e-value larger than one in
  the mean, as long as they fall on a recipient's people no more often than on others.
* **Whole values keep a reading of their own.** The figure that names is the mean of two e-values: one sees whole
  values and digests alone, the other masked rows as well. A mean of e-values is an e-value. It costs a reader of whole
  values ln 2 at most, however many strangers' masks are in the file, and it names from masked rows alone only if their
  own e-value, halved, passes the line.
* **Controls close the door.** Where people cluster (one city, one family name) wrong candidates do not fall evenly,
  and pi would be too low. Controls have the file's own clusters: they are its rows, put together from two each
  (`breach.matching.masked`). Masked rows count only while, by the upper limit of that rate, at most a tenth of those that
  agree can agree by chance. Otherwise their reading gets the e-value 0: allowed always, because it only lowers a mean.
"""

from breach.trace.guilt import upper_limit

MOST_BY_CHANCE = 0.1
"""The largest share of agreeing masked rows that may agree by chance."""

LEVEL = 0.05
"""Of the upper limit: the controls screen, the threshold of the e-value decides."""


def may_count(rows: int, agreed: int, controls: int, controls_agreed: int) -> bool:
    """Whether masked rows may speak: of `rows` so many `agreed`, of `controls` so many. Without any, no."""
    if not agreed or not controls:
        return False
    return rows * upper_limit(controls_agreed, controls, LEVEL) <= MOST_BY_CHANCE * agreed
