"""The command line, as in the tests of commands."""

from tests.cli.conftest import perusal

__all__ = ["perusal"]
