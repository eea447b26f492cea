"""What one batch of rows asks of the vault: each distinct value once, and in which rows it stood."""

from collections.abc import Sequence

from breach.intake.columns import IDENTIFIERS, Kind
from breach.matching.masked_cells import masked_reading
from vault.tags import Digest, Probe, Reading, digest_probes


class Asked:
    """The distinct values of one batch (`probes`) and where they stood: (row, probe number) pairs.

    `masked`: the masked cells by row; `helpers`: names and addresses of rows of another width.
    """

    def __init__(self) -> None:
        self.probes: list[Probe] = []
        self.cells: list[tuple[int, int]] = []
        self.masked: dict[int, list[str]] = {}
        self.helpers: dict[int, list[tuple[Kind, str]]] = {}
        self.numbers: dict[Kind, dict[str, int]] = {kind: {} for kind in IDENTIFIERS}
        self._digests: dict[Digest, range] = {}

    def add(self, kind: Kind, value: str) -> int:
        number = len(self.probes)
        self.numbers[kind][value] = number
        self.probes.append(Probe(kind.value, value))
        return number

    def of_digest(self, digest: Digest) -> range:
        """The numbers of the probes of a digest; none when nothing it could be compared with is tagged."""
        numbers = self._digests.get(digest)
        if numbers is None:
            probes = digest_probes(digest)
            numbers = self._digests[digest] = range(len(self.probes), len(self.probes) + len(probes))
            self.probes += probes
        return numbers


def readings_of(texts: Sequence[str]) -> dict[str, Reading]:
    """What masked cells show, by field; of two for one field the first."""
    shown: dict[str, Reading] = {}
    for code, reading in filter(None, map(masked_reading, texts)):
        shown.setdefault(code, reading)
    return shown
