"""Fixtures of the races: the same installation opened several times, as separate processes would."""

from collections.abc import Callable, Iterator

import pytest

from tests.backends import Backend
from vault.opening import Vault, open_vault
from vault.providers.base import Provider


@pytest.fixture
def others(backend: Backend, vault: Vault, provider: Provider) -> Iterator[Callable[[int], list[Vault]]]:
    """Opens the installation `count` times, each with engines and a key cache of its own."""
    opened: list[Backend] = []

    def reopen(count: int) -> list[Vault]:
        fresh = [backend.reopen() for _ in range(count)]
        opened.extend(fresh)
        return [open_vault(one.data, one.keys, provider) for one in fresh]

    yield reopen
    for one in opened:
        one.close()
