"""A witness's folder: its keys, the logs it knows, its record and the second copy of that.

| file            | content                                                                          |
|-----------------|----------------------------------------------------------------------------------|
| `key`           | the Ed25519 key, one line (`consent.ledger.formats.secret_line`)                         |
| `key-ml-dsa-44` | the same for ML-DSA-44, where the witness has such a key                         |
| `logs`          | `log <vkey>` lines of a policy                                                   |
| `witness.db`    | the record (`consent.ledger.witnesses.witness_store`)                                      |
| `heads`         | what was cosigned, outside the data base                                         |
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.sealing.secret_file import first_line
from consent.ledger.errors import Malformed
from consent.ledger.formats import secret_line
from consent.ledger.formats.note import COSIGNER, COSIGNER_ML_DSA_44
from consent.ledger.publishing.memory import Memory
from consent.ledger.witnesses import witness_store
from consent.ledger.witnesses.witness_store import WitnessStore
from consent.ledger.witnesses.witnessing import Cosigner
from vault.storage.durable import write_new

_SEED_BYTES: Final = 32


class NoWitness(Exception):
    """The folder holds no witness, holds one already, or its key is not one."""

    code = "no_witness"


@dataclass(frozen=True, slots=True)
class WitnessHome:
    """The folder at `path`; `heads` may lie elsewhere, so that it is not restored together with the data base."""

    path: Path
    heads: Path | None = None

    @property
    def logs_file(self) -> Path:
        return self.path / "logs"

    @property
    def record_file(self) -> Path:
        return self.path / "witness.db"

    def cosigners(self) -> tuple[Cosigner, ...]:
        """The keys, Ed25519 first; raises NoWitness or ExposedSecret."""
        if not self._key_file(COSIGNER).is_file():
            raise NoWitness("the folder holds no witness; make one with: perusal witness init")
        files = [(kind, self._key_file(kind)) for kind in (COSIGNER, COSIGNER_ML_DSA_44)]
        return tuple(_read(first_line(path), kind) for kind, path in files if path.is_file())

    @contextmanager
    def opened(self) -> Iterator[WitnessStore]:
        """The record, which a missing data base must not make an empty one; raises NoWitness."""
        if not self.record_file.is_file():
            raise NoWitness(f"{self.record_file.name} is gone: nothing says what was cosigned")
        memory = Memory(self.heads or self.path / "heads")
        with witness_store.opened(self.record_file, memory) as record:
            yield record

    def create(self, name: str, *, ml_dsa: bool) -> tuple[Cosigner, ...]:
        """A new witness called `name`; raises NoWitness where one is, Malformed for what is no name."""
        kinds = (COSIGNER, COSIGNER_ML_DSA_44) if ml_dsa else (COSIGNER,)
        made = tuple(Cosigner.of(name, secrets.token_bytes(_SEED_BYTES), kind) for kind in kinds)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._key_file(COSIGNER).exists() or self.record_file.exists():
            raise NoWitness("the folder holds a witness already")
        witness_store.create(self.record_file)
        self.logs_file.touch(mode=0o600)
        # The first key comes last: without it the folder is not a witness.
        for one in reversed(made):
            write_new(self._key_file(one.key.kind), secret_line.line_of(one.key, one.seed).encode())
        return made

    def _key_file(self, kind: bytes) -> Path:
        return self.path / ("key" if kind == COSIGNER else "key-ml-dsa-44")


def _read(line: str, kind: bytes) -> Cosigner:
    try:
        key, seed = secret_line.read(line)
    except Malformed:
        raise NoWitness("a key file that holds no key of a witness") from None
    if key.kind != kind:
        raise NoWitness("a key file that holds no key of a witness")
    return Cosigner(key, seed)
