"""`python -m tests.fuzz TARGET [--seconds N]`: coverage-guided fuzzing (atheris) of one parser, or of `all` in turn.

Ends with 0 when the law of the target held for the whole time; otherwise the fuzzer prints the input and ends
with its own code. Each target runs in a process of its own, because the fuzzer never returns.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("blob", "stream", "wrapped", "names", "delimited", "sql", "json", "lists", "containers")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*NAMES, "all"])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    options = parser.parse_args()
    chosen = NAMES if options.target == "all" else (options.target,)
    return max(_run(name, options.seconds) for name in chosen)


def _run(name: str, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        command = [sys.executable, "-m", "tests.fuzz.one", name, folder, f"-max_total_time={seconds}"]
        done = subprocess.run(
            [
                *command,
                "-print_final_stats=1",
                f"-artifact_prefix={folder}/",
                "-timeout=10",
                "-max_len=80000",
            ],
            check=False,
            cwd=Path(__file__).parents[2],
        )
    print(f"{name}: {'held' if done.returncode == 0 else 'BROKEN'} for {seconds} s", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
