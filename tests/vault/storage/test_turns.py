"""Taking turns: first come first served, handed on after an error too, and nobody waits for ever."""

import threading

import pytest

from vault.storage.turns import Turns

PATIENCE = 30.0


def queue_up(turns, names, order):
    """One thread for each name, each waiting before the next one comes."""
    threads = []
    for name in names:
        before = len(turns._waiting)

        def run(name=name):
            with turns.taken():
                order.append(name)

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)
        while len(turns._waiting) == before:
            pass
    return threads


def test_whoever_waits_longest_is_next_even_when_the_last_holder_comes_back_at_once():
    turns, order = Turns(PATIENCE), []

    with turns.taken():
        threads = queue_up(turns, "abc", order)
    with turns.taken():
        order.append("again")
    for thread in threads:
        thread.join(PATIENCE)

    assert order == ["a", "b", "c", "again"]


def test_an_error_hands_the_turn_on():
    turns = Turns(0.01)

    with pytest.raises(RuntimeError), turns.taken():
        raise RuntimeError

    with turns.taken() as mine:
        assert mine


def test_a_turn_that_does_not_come_in_time_is_done_without_and_loses_nobody_elses():
    turns = Turns(0.01)

    with turns.taken() as first, turns.taken() as second:  # the same thread again: it could wait for ever
        assert (first, second) == (True, False)
    with turns.taken() as third:
        assert third
