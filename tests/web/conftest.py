"""The web tests play in the worlds of the flow tests, some with senders that keep what they are handed."""

import pytest

from tests.flow.conftest import lasting_world, world
from tests.flow.installation import open_world
from tests.web.code_post import Kept

__all__ = ["kept", "lasting_world", "sending_world", "world"]


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def sending_world(vault, tmp_path, kept):
    """A world whose messages are all kept."""
    made = open_world(vault, tmp_path, senders=kept.senders())
    with made.http:
        yield made
