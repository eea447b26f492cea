"""Programs of others that run for as long as the tests do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.golang import build
from tests.strangers.judges import SIGSTORE, Go, Npm, Program, node


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Go]:
    program = Program.start(str(build(tmp_path_factory.mktemp("go"))), "judge")
    yield Go(program)
    program.end()


@pytest.fixture(scope="session")
def npm() -> Iterator[Npm]:
    found = node()
    if found is None:
        pytest.skip("no Node.js with the packages of tests/clients/package-lock.json")
    program = Program.start(found, "--no-warnings", str(SIGSTORE))
    yield Npm(program)
    program.end()
