"""What was signed, remembered outside the data base, so that a restored older data base is noticed.

One JSON file, origin -> [size, root as base64], replaced whole and durably (write, fsync, rename, fsync of the
folder). It is written after the commit of the checkpoints it names: it may lag behind, it never runs ahead.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consent.ledger import note
from consent.ledger.checkpoint import Checkpoint
from consent.ledger.errors import Malformed


@dataclass(frozen=True, slots=True)
class Memory:
    """The second copy of the newest signed heads, at `path`."""

    path: Path

    def load(self) -> dict[str, Checkpoint]:
        """The remembered heads by origin; no file yet remembers nothing. Raises Malformed for a damaged one."""
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return {}
        try:
            return {
                origin: Checkpoint(origin, int(size), note.unb64(root))
                for origin, (size, root) in json.loads(text).items()
            }
        except (ValueError, TypeError, AttributeError) as error:
            raise Malformed("the remembered heads cannot be read") from error

    def save(self, heads: Mapping[str, Checkpoint]) -> None:
        """Replace the file durably."""
        text = json.dumps(
            {name: [at.size, note.b64(at.root)] for name, at in sorted(heads.items())}, indent=1
        )
        fresh = self.path.with_suffix(".new")
        with fresh.open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
