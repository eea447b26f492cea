"""`python -m tests.bench NAME [--json]`: runs one benchmark; exit code 1 when its own checks fail."""

import argparse
import importlib
import sys

from tests.bench.report import emit, note

NAMES = (
    "redeem",
    "introspect",
    "rls",
    "trace",
    "columns",
    "marks",
    "intake",
    "dating",
    "guilt",
    "vault",
    "bulk",
    "rotation",
    "withdraw",
    "ledger",
    "linkage",
    "selfcheck",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name in NAMES:
        one = names.add_parser(name)
        one.add_argument("--json", action="store_true", dest="as_json")
        importlib.import_module(f"tests.bench.{name}").arguments(one)
    options = parser.parse_args()
    bench = importlib.import_module(f"tests.bench.{options.name}")
    result = bench.run(options)
    emit(options.name, result, as_json=options.as_json)
    wrong = list(bench.failures(result))
    for line in wrong:
        note(f"FAILED: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
