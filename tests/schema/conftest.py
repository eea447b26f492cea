"""A world with everybody in it who calls."""

import pytest

from tests.flow.installation import open_world
from tests.schema.callers import gather


@pytest.fixture
def callers(vault, tmp_path):
    world = open_world(vault, tmp_path)
    with world.http:
        yield gather(world)
