"""The garbage collector is left out of a batch and comes back, whoever else is inside."""

import gc
import threading

import pytest

from vault.storage.pause import without_collector


@pytest.fixture(autouse=True)
def collecting():
    gc.enable()
    yield
    gc.enable()


def test_the_collector_is_off_inside_and_on_again_behind_even_after_a_failure():
    with without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), without_collector():
        raise KeyError
    assert gc.isenabled()


def test_whoever_leaves_last_switches_it_on():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with without_collector():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with without_collector():
        thread.start()
        assert inside.wait(60)
    assert not gc.isenabled()
    leave.set()
    thread.join(60)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    with without_collector(), without_collector():
        pass
    assert not gc.isenabled()
