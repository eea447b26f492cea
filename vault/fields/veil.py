"""Hiding the middle of a value: how much of its two ends may stay visible.

At least half of the characters are always hidden, so that a mask made for a long value does not give a short
one away.
"""


def keep_ends(value: str, first: int, last: int) -> str:
    """`value` with stars for all but `first` leading and `last` trailing characters, fewer when it is short.

    The end gives way before the start. Shape: as long as `value`.
    """
    shown = min(first + last, len(value) // 2)
    first = min(first, shown)
    last = shown - first
    return value[:first] + "*" * (len(value) - shown) + value[len(value) - last :]
