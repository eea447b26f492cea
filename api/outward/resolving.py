"""Looking a name up within a time: the system's resolver cannot be told to hurry, nor be interrupted.

Each look-up has a thread, which is left to itself once the caller's time is over. Whoever asks for a name that
is being looked up waits for that same answer, so that a name whose servers never answer holds one thread, not
many.

`looked_up(resolve, host, port, within_s) -> list[str]`: raises TimeoutError, and whatever `resolve` raises.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Final

type Resolve = Callable[[str, int], Iterable[str]]
type _Name = tuple[Resolve, str, int]

MOST_AT_ONCE: Final = 64
"""How many names may be looked up at once; a resolver that holds more than these is not answering anybody."""

_lock = threading.Lock()
_under_way: dict[_Name, Future[list[str]]] = {}  # guarded by _lock


def looked_up(resolve: Resolve, host: str, port: int, within_s: float) -> list[str]:
    """The addresses of `host`, or TimeoutError when `within_s` seconds were not enough."""
    name = (resolve, host, port)
    with _lock:
        answer = _under_way.get(name)
        if answer is None:
            if len(_under_way) >= MOST_AT_ONCE:
                raise TimeoutError
            answer = _begun(name)
    return answer.result(timeout=within_s)


def _begun(name: _Name) -> Future[list[str]]:
    answer: Future[list[str]] = Future()
    # A daemon: one that hangs must not keep the process from ending.
    threading.Thread(target=_look, args=(name, answer), name="resolver", daemon=True).start()
    _under_way[name] = answer
    return answer


def _look(name: _Name, answer: Future[list[str]]) -> None:
    resolve, host, port = name
    try:
        found = list(resolve(host, port))
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is the caller's, who waits in another thread
        _end(name)
        answer.set_exception(error)
    else:
        _end(name)
        answer.set_result(found)


def _end(name: _Name) -> None:
    """Whoever asks from now on looks again."""
    with _lock:
        del _under_way[name]
