"""A process that erases everybody who was ordered erased, and is killed with -9 before a step of its choosing.

Its own process, because only a real kill leaves everything as it stands: nothing is rolled back by hand, no
`finally` runs. It is forked from a server that has loaded the program once.
"""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from consent.erasure.erase import run_to_end
from tests.backends import open_backend
from vault.erasure.erased_list import ErasedList
from vault.erasure.horizon import Horizon
from vault.opening import open_vault
from vault.providers.local import LocalProvider

HORIZON = Horizon(backup_days=30, index_days=365)
ROOT = bytes(range(32))
PATIENCE = 60.0


def erase_until(step: int, urls: tuple[str, str, str], now_ms: int, erased: Path) -> int:
    """Erase in a process of its own that dies before statement or commit `step` (counted over both data bases).

    Returns the exit code: 0 when it came to the end first, -9 when it was killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.erasing"])
    child = context.Process(target=_erase, args=(step, urls, now_ms, str(erased)))
    child.start()
    child.join(PATIENCE)
    assert child.exitcode is not None, "the process hangs"
    code = child.exitcode
    child.close()
    return code


def _erase(step: int, urls: tuple[str, str, str], now_ms: int, erased: str) -> None:
    backend = open_backend(*urls)
    vault = open_vault(backend.data, backend.keys, LocalProvider(ROOT))
    seen = 0

    def count(*_: Any, **__: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(engine: Engine) -> None:
        for name in ("before_cursor_execute", "commit"):
            event.listen(engine, name, count)

    watch(backend.data.engine)
    watch(backend.keys.engine)
    slept = 0.0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += 100 * seconds

    run_to_end(vault, lambda: now_ms + int(slept * 1000), HORIZON, sleep, erased=ErasedList(Path(erased)))
    backend.close()
