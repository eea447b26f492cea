"""What a server is made of is passed over by later collections, and nothing is kept by that."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from api.process import drop_cycles, settle_memory


class _Ring:
    """Something that holds itself, as an exception with its frames does."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _nothing_stays_settled() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_settling_drops_what_holds_only_itself():
    ring = weakref.ref(_Ring())

    settle_memory()

    assert ring() is None


def test_what_was_settled_is_passed_over_until_cycles_are_dropped():
    ring = _Ring()
    seen = weakref.ref(ring)
    settle_memory()
    del ring

    gc.collect()
    assert seen() is not None

    drop_cycles()
    assert seen() is None
