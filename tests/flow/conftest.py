"""The world fixture of the flow tests: every scene runs on SQLite and on PostgreSQL."""

import pytest

from tests.flow.installation import open_world


@pytest.fixture
def world(vault, tmp_path):
    made = open_world(vault, tmp_path)
    with made.http:
        yield made


@pytest.fixture(scope="module")
def lasting_world(lasting_vault, tmp_path_factory):
    """One for all tests of a module: for what is refused, and leaves nothing that another test would meet."""
    made = open_world(lasting_vault, tmp_path_factory.mktemp("world"))
    with made.http:
        yield made
