"""The command line `perusal`: for operators, investigators and outsiders who verify."""

from api.cli.main import main

__all__ = ["main"]
