"""A command that is killed at a chosen place: `python -m tests.faults.die MODULE:PATH before|after N ARGUMENTS...`.

The function is called as ever, but at its N-th call the process ends by SIGKILL, as if the power had failed.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

from api.cli.main import main


def die_at(place: str, when: str, number: int) -> None:
    """Replace the function by one that kills this process."""
    module_name, _, path = place.partition(":")
    *above, name = path.split(".")
    owner: Any = reduce(getattr, above, importlib.import_module(module_name))
    asked: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def deadly(*given: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = asked(*given, **more)
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)


if __name__ == "__main__":
    die_at(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    main(sys.argv[4:])
