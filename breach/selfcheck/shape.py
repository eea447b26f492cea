"""The shape of the list: by how many bits of a slot it is asked, how many labels an answer has, and which
buckets hold them.

Every answer is as long as the longest can be, filled up with labels that nothing has. With few identifiers
there is one group, and a question says nothing; with many there are as many groups as leave at least PER_GROUP
in each on average.
"""

from typing import Final, NamedTuple

from vault.ids import Bucket, Buckets
from vault.oblivious import SLOT_BITS

PER_GROUP: Final = 512
"""Labels in a group on average, at least: up to twice as many before groups are split."""

MOST_BITS: Final = 16
"""More would say more about who asks than a list of any length is worth."""

STEP: Final = 256
"""The lengths of answers are multiples of this, so that few new identifiers do not change them."""


class Group(NamedTuple):
    """The slots and the buckets one question is about; all four inclusive."""

    first_slot: int
    last_slot: int
    first_bucket: int
    last_bucket: int


def bits_for(count: int) -> int:
    """By how many bits of the slot a list of so many labels is asked."""
    return min(MOST_BITS, max(count // PER_GROUP, 1).bit_length() - 1)


def size_for(largest: int) -> int:
    """How many labels every answer has when the largest group has so many."""
    return -(-max(largest, 1) // STEP) * STEP


def width(bits: int) -> int:
    """How many slots a group has."""
    return 1 << SLOT_BITS - bits


def home_of(slot: int, buckets: Buckets) -> Bucket:
    """The bucket of a slot: slots lie in buckets in their order, so that a group is in one bucket or few."""
    return Bucket(buckets.first + (slot * buckets.many >> SLOT_BITS))


def group_of(prefix: int, bits: int, buckets: Buckets) -> Group:
    """The group of the slots that begin with `prefix`, a number of so many bits."""
    first = prefix * width(bits)
    last = first + width(bits) - 1
    return Group(first, last, home_of(first, buckets), home_of(last, buckets))
