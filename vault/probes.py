"""Everything a person can be found by, recomputed from their own values: what erasure deletes and looks for again.

A packed probe, integers big-endian:

| offset | length | meaning                                     |
|--------|--------|---------------------------------------------|
| 0      | 2      | kind of tag                                 |
| 2      | 2      | index epoch                                 |
| 4      | 8      | tag, signed                                 |

The texts themselves are never kept: from a probe nobody comes back to the value without the index root.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from vault.ids import Bucket, SubjectId
from vault.keys import SubjectKey
from vault.opening import Vault
from vault.stored import every_value
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


def probes_of(conn: Connection, vault: Vault, bucket: Bucket, key: SubjectKey) -> list[Probe]:
    """The tags of every version of every value of one person that still opens, in every epoch written to."""
    history: dict[str, list[tuple[int, str]]] = {}
    for value in every_value(conn, vault, bucket, key):
        if value.text is not None and value.field in vault.catalogue:
            form = vault.catalogue.field(value.field).canonical(value.text)
            history.setdefault(value.field, []).append((value.version, form))
    keys = vault.keyring.tag_keys
    return sorted(
        {
            Probe(kind, epoch, tag)
            for epoch in keys.tag_epochs
            for kind, tag, _ in tags_of_history(keys, history, epoch=epoch, catalogue=vault.catalogue)
        }
    )


def pack(probes: Iterable[Probe]) -> bytes:
    """The stored form."""
    return b"".join(_PACKED.pack(*probe) for probe in probes)


def unpack(packed: bytes) -> list[Probe]:
    """Back from the stored form."""
    return [Probe(*found) for found in _PACKED.iter_unpack(packed)]
