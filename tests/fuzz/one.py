"""One target in this process: `python -m tests.fuzz.one TARGET FOLDER [libFuzzer options]`; never returns."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["vault", "breach.intake"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    target = TARGETS[name]
    for at, seed in enumerate(target.seeds):
        (folder / f"seed-{at}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(folder), *sys.argv[3:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
