"""Blind tags: how a value is found without opening anybody's data (vault.md §6.5).

A tag is the first 64 bits of HMAC-SHA-256 over a canonical form, a part of one, a digest of one or two parts
together, under a key of its own per kind and index epoch. Tags only suggest: whoever acts on a hit first calls
`confirm`. `registry` says what is tagged, `making` makes tags, `lookup` finds and confirms, `writing` stores.
"""

from vault.tags.fitting import Fitting, fitting
from vault.tags.hashed import Digest
from vault.tags.hashed import read as read_digest
from vault.tags.lookup import Hit, Probe, confirm, match
from vault.tags.making import IndexKeys, tag64, tags_for, tags_for_person, tags_of_history
from vault.tags.masked import Masked
from vault.tags.opened import Wanted
from vault.tags.registry import kind
from vault.tags.same import same
from vault.tags.shapes import Shape
from vault.tags.solver import Exact, Plan, Reading, digest_probes, plans, read_cell

__all__ = [
    "Digest",
    "Exact",
    "Fitting",
    "Hit",
    "IndexKeys",
    "Masked",
    "Plan",
    "Probe",
    "Reading",
    "Shape",
    "Wanted",
    "confirm",
    "digest_probes",
    "fitting",
    "kind",
    "match",
    "plans",
    "read_cell",
    "read_digest",
    "same",
    "tag64",
    "tags_for",
    "tags_for_person",
    "tags_of_history",
]
