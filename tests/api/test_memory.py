"""Where copies of keys in memory may go: not into core dumps, and not into swap where that can be had."""

import resource

import pytest

from api.sealing import memory


class Libc:
    """The two calls; `refuses` is what mlockall answers."""

    def __init__(self, refuses=0):
        self.refuses, self.locked, self.dumpable = refuses, [], None

    def prctl(self, _option, value, *_rest):
        self.dumpable = value

    def mlockall(self, flags):
        self.locked.append(flags)
        return self.refuses


@pytest.fixture
def machine(monkeypatch):
    """A pretended machine: who runs the server, how much it may lock, and whether the system lets it."""

    def pretend(*, user, most, refuses=0):
        libc, limits = Libc(refuses), {}
        monkeypatch.setattr(memory.sys, "platform", "linux")
        monkeypatch.setattr(memory.os, "geteuid", lambda: user)
        monkeypatch.setattr(memory.ctypes, "CDLL", lambda *_, **__: libc)
        monkeypatch.setattr(memory.resource, "getrlimit", lambda _what: (65_536, most))
        monkeypatch.setattr(memory.resource, "setrlimit", limits.__setitem__)
        memory.keep_memory_private()
        return libc, limits

    return pretend


def test_there_are_no_core_dumps_and_nobody_attaches(machine):
    libc, limits = machine(user=1000, most=65_536)
    assert limits[resource.RLIMIT_CORE] == (0, 0)
    assert libc.dumpable == 0


def test_memory_is_locked_where_there_is_no_limit(machine, capfd):
    libc, limits = machine(user=1000, most=resource.RLIM_INFINITY)
    assert limits[resource.RLIMIT_MEMLOCK] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert libc.locked == [7]
    assert capfd.readouterr().err == ""


def test_under_a_limit_nothing_is_locked_so_that_later_memory_does_not_run_into_it(machine, capfd):
    libc, _ = machine(user=1000, most=1 << 26)
    assert libc.locked == []
    assert '"reason": "limited_by_the_system"' in capfd.readouterr().err


def test_a_refusal_is_told_and_is_no_reason_to_stop(machine, capfd):
    machine(user=0, most=resource.RLIM_INFINITY, refuses=-1)
    assert '"reason": "refused_by_the_system"' in capfd.readouterr().err
