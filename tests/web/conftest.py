"""The web tests play in the worlds of the flow tests."""

from tests.flow.conftest import lasting_world, world

__all__ = ["lasting_world", "world"]
