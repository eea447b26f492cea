"""Keeping the keys in this process's memory out of files: no core dumps, no debugger, no swap.

Python cannot wipe memory, so where copies of it may go is what can be limited. Each step is tried; what a
system refuses is told as an event and does not keep the server from starting.
"""

import ctypes
import os
import resource
import sys

from api.events import Event, log_event

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def keep_memory_private() -> None:
    """Forbid core dumps and attaching; lock what is in memory, as far as the system lets us."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        log_event(Event.MEMORY_UNLOCKED, reason="only_on_linux")
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    # Under a limit the lock would hold for later memory too, and the server would run out of it in the middle of work.
    limit, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if os.geteuid() and most != resource.RLIM_INFINITY:
        log_event(Event.MEMORY_UNLOCKED, reason="limited_by_the_system")
        return
    if limit != most:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))
    # On fault: pages are locked as they are touched, not all at once with every library's unused megabytes.
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT):
        log_event(Event.MEMORY_UNLOCKED, reason="refused_by_the_system")
