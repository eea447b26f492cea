import pytest

from tests.consent.world import World


@pytest.fixture
def world(vault, now) -> World:
    return World(vault, now)
