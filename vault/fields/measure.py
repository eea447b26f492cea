"""Measured values: what an operator's own field measures, and to what precision it is true.

A recipient is told the precision (`/v1/marking-rules`); digits beyond it mean nothing, whatever they are.
"""

from dataclasses import dataclass
from enum import StrEnum

from vault.errors import VaultError
from vault.fields import coordinates, moment
from vault.fields.moment import Precision


class Measured(StrEnum):
    """What is measured."""

    MOMENT = "moment"
    COORDINATES = "coordinates"


class BadMeasure(VaultError):
    """No such measure, or no such precision of it."""

    code = "field.measure"


@dataclass(frozen=True, slots=True)
class Measure:
    """`precision`: of a moment `hour`, `minute` or `second`; of coordinates a number of decimals, `1` to `5`."""

    of: Measured
    precision: str

    @property
    def bits(self) -> float:
        """No value is harder to guess than so many bits."""
        if self.of is Measured.MOMENT:
            return moment.bits(Precision(self.precision))
        return coordinates.bits(int(self.precision))

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes with which texts are refused."""
        return moment.REASONS if self.of is Measured.MOMENT else coordinates.REASONS

    def canonical(self, text: str) -> str:
        """The canonical form; raises InvalidValue."""
        if self.of is Measured.MOMENT:
            return moment.canonical(text, Precision(self.precision))
        return coordinates.canonical(text, int(self.precision))

    def mask(self, value: str) -> str:
        """What may be shown: the year, or whole degrees."""
        return moment.mask(value) if self.of is Measured.MOMENT else coordinates.mask(value)


def parse(kind: str, precision: str | int) -> Measure:
    """The measure an operator writes as `kind` and `precision`; raises BadMeasure."""
    if kind not in list(Measured):
        raise BadMeasure("kind is moment or coordinates, or left out")
    if kind == Measured.MOMENT and precision not in list(Precision):
        raise BadMeasure("precision of a moment is hour, minute or second")
    if kind == Measured.COORDINATES and (type(precision) is not int or precision not in coordinates.DECIMALS):
        raise BadMeasure("precision of coordinates is 1 to 5, the number of decimals")
    return Measure(Measured(kind), str(precision))
