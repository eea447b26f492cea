"""Blind codes: how alike two records are, told without opening either (tracing.md §6, §7).

For what exact forms miss: a name with a letter wrong, an address in other words. `grams` says what of a value counts,
`codes` makes codes under a key, `likeness` compares them. Being alike only suggests: it is never a match.
"""

from vault.linkage.codes import BLOCKS, LINKED, WORDS, Codes, Encoder, Record
from vault.linkage.likeness import ALIKE, Pairs, blocked_pairs, every_pair

__all__ = [
    "ALIKE",
    "BLOCKS",
    "LINKED",
    "WORDS",
    "Codes",
    "Encoder",
    "Pairs",
    "Record",
    "blocked_pairs",
    "every_pair",
]
