"""The world fixture of the web tests."""

import pytest

from tests.flow.installation import open_world


@pytest.fixture
def world(vault, tmp_path):
    made = open_world(vault, tmp_path)
    with made.http:
        yield made
