"""One of many processes that append to the same logs: random lists over several logs, a third of them rolled back."""

import random

from consent.ledger.append import append
from tests.consent.ledger.kit import HOST, NOW, an_item
from vault.storage.database import open_database

BUCKETS = 3
PEOPLE = 6


class _Abandoned(Exception):
    pass


def _perhaps_abandon(dice: random.Random) -> None:
    if dice.random() < 0.33:
        raise _Abandoned


def write(url: str, number: int, rounds: int) -> list[tuple[int, int, bytes]]:
    """(bucket, index, leaf) of everything that was committed."""
    dice, data = random.Random(number), open_database(url)
    kept: list[tuple[int, int, bytes]] = []
    for _ in range(rounds):
        items = [
            an_item(dice, bucket=dice.randrange(BUCKETS), tag=dice.randrange(PEOPLE))
            for _ in range(dice.choice([1, 2, 17, 60]))
        ]
        try:
            with data.write() as conn:
                positions = append(conn, items, NOW, HOST)
                _perhaps_abandon(dice)
        except _Abandoned:
            continue
        kept += [(at.bucket, at.idx, at.leaf) for at in positions]
    data.close()
    return kept
