"""The limits of the parser's process, put on by itself before it reads the first byte.

Memory, processor time, open files, no file to be written, no core file, no network. Where the system allows it
the process moves into a network of its own that has nothing in it. Where it does not (a container without user
namespaces), no new file can be opened any more once everything is loaded, and a socket is a file: that is the
fallback.
"""

import ctypes
import importlib
import os
import resource
import sys
from contextlib import suppress

MEMORY = 2 << 30
"""Bytes of address space."""

_FILES = 16
_CPU_SECONDS = 600
_CPU_SECONDS_PER_MEBIBYTE = 20
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LATER = (
    "encodings.gb18030",
    "encodings.big5hkscs",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "encodings.utf_32",
    "encodings.gb2312",
    "encodings.big5",
)


def confine(size: int) -> bool:
    """Put the limits on, for a dump of `size` bytes; whether the process now has a network of its own."""
    for name in _LATER:
        importlib.import_module(name)
    alone = _without_network()
    if not alone:
        _load_everything()
    seconds = _CPU_SECONDS + size // (1 << 20) * _CPU_SECONDS_PER_MEBIBYTE
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES if alone else 3),
    ):
        _lower(what, most)
    return alone


def _without_network() -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    for spaces in (os.CLONE_NEWUSER | os.CLONE_NEWNET, os.CLONE_NEWNET):
        with suppress(OSError):
            os.unshare(spaces)
            return True
    return False


def _load_everything() -> None:
    """What would be loaded when a country's numbers are first met cannot be opened any more then."""
    importlib.import_module("phonenumbers").PhoneMetadata.load_all()


def _lower(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
