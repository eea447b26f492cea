"""The fuzzing targets themselves: genuine bytes pass, and a parser that is too kind would be caught."""

import pytest

from tests.fuzz import targets
from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_keeps_its_targets_law(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", ["blob", "stream", "wrapped"])
def test_every_seed_with_one_changed_bit_is_refused_without_breaking_the_law(name):
    for seed in TARGETS[name].seeds:
        for position in {0, 1, len(seed) // 2, len(seed) - 1}:
            changed = bytearray(seed)
            changed[position] ^= 1
            TARGETS[name].run(bytes(changed))


def test_a_blob_that_opens_without_having_been_sealed_breaks_the_law(monkeypatch):
    monkeypatch.setattr(targets, "open_sealed", lambda _key, _place, _data: b"anything")
    with pytest.raises(AssertionError, match="never sealed"):
        targets.blob(b"\x01\x01" + bytes(90))
