"""Everything a person can be found by, recomputed from their own values: what erasure deletes and looks for again.

Packed, with integers big-endian, the last three once for each probe:

| offset | length | meaning                                     |
|--------|--------|---------------------------------------------|
| 0      | 1      | 1: nothing else can have been written       |
| 1      | 2      | kind of tag                                 |
| 3      | 2      | index epoch                                 |
| 5      | 8      | tag, signed                                 |

The texts themselves are never kept: from a probe nobody comes back to the value without the index root.
"""

import struct
from typing import Final, NamedTuple, Self

from sqlalchemy import Connection

from vault.fields.catalogue import Catalogue
from vault.ids import Bucket, SubjectId
from vault.keys.tag_keys import TagKeys
from vault.opening import Vault
from vault.people.canonical_history import CanonicalHistory, canonical_history
from vault.people.stored import People, every_values
from vault.tags.making import tags_of_history

_PACKED = struct.Struct(">HHq")


class Probe(NamedTuple):
    """One tag that was or may have been written for a person."""

    kind: int
    epoch: int
    tag: int


class Trace(NamedTuple):
    """A probe and whose it is."""

    bucket: Bucket
    subject: SubjectId
    probe: Probe


class Probes(NamedTuple):
    """What one person is looked for by.

    `complete`: nothing else can have been written for their values. Otherwise some form is lost, or the key is,
    and what is left has to be looked for by whose it is.
    """

    known: frozenset[Probe]
    complete: bool

    def joined(self, other: Self) -> Self:
        """Both together."""
        return type(self)(self.known | other.known, self.complete and other.complete)


UNKNOWN: Final = Probes(frozenset(), complete=False)
"""Of somebody whose values nothing opens."""


def probes_of(conn: Connection, vault: Vault, people: People) -> dict[SubjectId, Probes]:
    """The tags of every version of every value of these people, in every epoch written to; one statement."""
    keys = vault.keyring.tag_keys
    return {
        subject: _probes(keys, vault.catalogue, canonical_history(vault.catalogue, values))
        for subject, values in every_values(conn, vault, people).items()
    }


def pack(probes: Probes) -> bytes:
    """The stored form."""
    return bytes([probes.complete]) + b"".join(_PACKED.pack(*probe) for probe in sorted(probes.known))


def unpack(packed: bytes) -> Probes:
    """Back from the stored form."""
    known = frozenset(Probe(*found) for found in _PACKED.iter_unpack(packed[1:]))
    return Probes(known, complete=packed[:1] == b"\x01")


def _probes(keys: TagKeys, catalogue: Catalogue, history: CanonicalHistory) -> Probes:
    versions = history.by_field()
    made = {
        Probe(kind, epoch, tag)
        for epoch in keys.tag_epochs
        for kind, tag, _ in tags_of_history(keys, versions, epoch=epoch, catalogue=catalogue)
    }
    return Probes(frozenset(made), complete=not history.lost)
