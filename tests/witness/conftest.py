"""The command line, as in the tests of commands; witnesses have all the time that a busy machine takes."""

import pytest

from tests.cli.conftest import perusal
from tests.receiver import PATIENCE

__all__ = ["perusal"]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("api.witnesses.WITHIN_S", PATIENCE)
