"""Replacing keys of every layer while everything serves (vault.md §6.6): root, tenant key, people's keys, index.

Each job is a row of the key data base with its stage and a cursor. A step does a bounded piece of work and moves
the row on; whoever is killed in between leaves everything readable, and the piece is done again.
"""

from vault.rotation.jobs import Job, Kind, NothingToResume, RotationRunning, jobs, running
from vault.rotation.people import Moved, rotate_person
from vault.rotation.root import Either, OpensNothing, Unwraps, opens, rewrap_root
from vault.rotation.run import Report, resume, run, start, step
from vault.rotation.tenant_key import destroy_retired

__all__ = [
    "Either",
    "Job",
    "Kind",
    "Moved",
    "NothingToResume",
    "OpensNothing",
    "Report",
    "RotationRunning",
    "Unwraps",
    "destroy_retired",
    "jobs",
    "opens",
    "resume",
    "rewrap_root",
    "rotate_person",
    "run",
    "running",
    "start",
    "step",
]
