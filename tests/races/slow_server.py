"""A command whose every statement waits a moment: `python -m tests.races.slow_server SEED ARGUMENTS...`.

The waits of `dawdling` in a process of its own, so that real servers race with the gaps between their
statements open.
"""

import sys

from api.cli.main import main
from tests.races.crowd import dawdling

if __name__ == "__main__":
    with dawdling(int(sys.argv[1])):
        main(sys.argv[2:])
