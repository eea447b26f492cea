"""The world fixture of the flow tests: every scene runs on SQLite and on PostgreSQL."""

import pytest

from tests.flow.installation import open_world


@pytest.fixture
def world(vault, tmp_path):
    made = open_world(vault, tmp_path)
    with made.http:
        yield made
