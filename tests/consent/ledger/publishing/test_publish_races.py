"""Signing while others append: every signed head is one the log really had, and only grows."""

import random
from itertools import pairwise

from sqlalchemy import select

from consent.ledger.append import append
from consent.ledger.entries.entry import encode
from consent.ledger.formats import checkpoint as checkpoints
from consent.ledger.origin import origin_of
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import checkpoint
from consent.ledger.tree import EMPTY, leaf_hash
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item, assert_whole
from tests.races.crowd import at_once

SIGNER = Signer(HOST, bytes(32))
WRITERS, PUBLISHERS = 4, 3


def _write(backend: Backend, number: int) -> int:
    dice = random.Random(number)
    for _ in range(15):
        with backend.data.write() as conn:
            append(
                conn, [an_item(dice, tag=dice.randrange(4)) for _ in range(dice.choice([1, 30]))], NOW, HOST
            )
    return 0


def _publish(backend: Backend) -> int:
    return sum(len(publish(backend.data, SIGNER, NOW)) for _ in range(10))


def test_heads_signed_during_appends_are_prefixes_of_the_final_log(backend: Backend):
    writers = [lambda number=number: _write(backend, number) for number in range(WRITERS)]

    signed = sum(at_once([*writers, *[lambda: _publish(backend)] * PUBLISHERS]))
    signed += len(publish(backend.data, SIGNER, NOW))

    leaves = [leaf_hash(encode(one)) for one in assert_whole(backend)]
    with backend.data.read() as conn:
        notes = conn.execute(select(checkpoint.c.note).order_by(checkpoint.c.size)).scalars().all()
    heads = [checkpoints.verify(note, [SIGNER.key(origin_of(HOST, LOG))]) for note in notes]
    assert len(heads) == signed
    assert heads[-1].size == len(leaves)
    assert all(before.size < after.size for before, after in pairwise(heads))
    assert all(head.root == EMPTY.extend(leaves[: head.size]).root() for head in heads)
