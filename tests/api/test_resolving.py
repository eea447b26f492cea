"""Looking names up within a time: one thread for each name that hangs, and none for whoever comes when too many do."""

import threading

import pytest

from api.outward import resolving
from api.outward.fetching import FetchFailed, FetchFault, Guard, guarded_get
from api.outward.resolving import looked_up

SOON, LONG = 0.05, 30.0


@pytest.fixture
def hanging():
    """A resolver that answers once it is let go; `asked` counts who came to it."""
    asked, let_go = [], threading.Event()

    def resolve(host, port):
        asked.append(host)
        assert let_go.wait(LONG)
        return ["192.0.2.1"]

    yield resolve, asked, let_go
    let_go.set()


def test_an_answer_is_what_the_resolver_said():
    assert looked_up(lambda host, port: [host, str(port)], "a", 1, LONG) == ["a", "1"]


def test_what_the_resolver_raises_reaches_the_caller_and_the_next_one_asks_again():
    answers = iter([OSError("no such name"), ["192.0.2.1"]])

    def resolve(host, port):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    with pytest.raises(OSError, match="no such name"):
        looked_up(resolve, "a", 1, LONG)
    assert looked_up(resolve, "a", 1, LONG) == ["192.0.2.1"]


def test_a_name_that_hangs_holds_one_thread_however_many_ask_for_it(hanging):
    resolve, asked, let_go = hanging
    for _ in range(5):
        with pytest.raises(TimeoutError):
            looked_up(resolve, "hangs.example", 443, SOON)

    assert asked == ["hangs.example"]
    let_go.set()
    assert looked_up(resolve, "hangs.example", 443, LONG) == ["192.0.2.1"]


def test_a_name_that_hangs_holds_up_no_other(hanging):
    resolve, _, _ = hanging
    with pytest.raises(TimeoutError):
        looked_up(resolve, "hangs.example", 443, SOON)

    assert looked_up(lambda *_: ["192.0.2.2"], "answers.example", 443, LONG) == ["192.0.2.2"]


def test_when_too_many_names_hang_nobody_waits_for_another(hanging, monkeypatch):
    resolve, asked, _ = hanging
    monkeypatch.setattr(resolving, "MOST_AT_ONCE", 2)
    for host in ("one", "two", "three"):
        with pytest.raises(TimeoutError):
            looked_up(resolve, host, 443, SOON)

    assert set(asked) <= {"one", "two"}


def test_a_fetch_is_over_in_its_time_though_the_name_never_resolves(hanging):
    resolve, _, _ = hanging

    with pytest.raises(FetchFailed) as failed:
        guarded_get("https://hangs.example/", "text/plain", guard=Guard(resolve=resolve, within_s=SOON))

    assert failed.value.fault is FetchFault.TIMEOUT
