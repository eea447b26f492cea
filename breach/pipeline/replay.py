"""A trace run again from the sealed dump, and its report compared with the first one, byte for byte.

Everything is computed anew: the dump is opened, parsed, matched and weighed as if for the first time, with the
parameters that stand in the report. What may honestly differ (people erased since, another version of the
programs) is not argued away: every place that differs is told, the programs' digests among them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from breach.errors import DumpDamaged
from breach.intake import quarantine
from breach.intake.quarantine import Quarantined
from breach.pipeline.report import TraceReport
from breach.pipeline.run import trace_again
from breach.pipeline.task import Progress
from vault.opening import Vault

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """`report`: as computed now; `differences`: (place in the document, as reported, as computed now)."""

    report: TraceReport
    told_sha256: str
    differences: tuple[tuple[str, Any, Any], ...]

    @property
    def same(self) -> bool:
        """Whether both documents are the same bytes."""
        return self.told_sha256 == self.report.sha256


def replay(
    vault: Vault,
    quarantined: Quarantined,
    told: TraceReport,
    *,
    now_ms: int,
    progress: Progress | None = None,
    actor: str = "staff",
) -> Replayed:
    """Run the trace of `told` again; leaves a line of custody and nothing else.

    Raises DumpDamaged when the sealed file is not the one the report is about.
    """
    if _sha256(vault, quarantined) != told.body["dump"]["sha256"]:
        raise DumpDamaged("the sealed file has another hash than the report tells")
    again = trace_again(vault, quarantined, told, now_ms=now_ms, progress=progress, actor=actor)
    return Replayed(
        report=again,
        told_sha256=told.sha256,
        differences=tuple(differences(told.body, again.body)),
    )


def differences(told: Any, now: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place where two JSON documents differ, as JSON pointers; None for what is missing."""
    if isinstance(told, Mapping) and isinstance(now, Mapping):
        for name in sorted({*told, *now}):
            yield from differences(told.get(name), now.get(name), f"{at}/{name}")
    elif isinstance(told, list) and isinstance(now, list) and len(told) == len(now):
        for place, (one, other) in enumerate(zip(told, now, strict=True)):
            yield from differences(one, other, f"{at}/{place}")
    elif told != now:
        yield at, told, now


def _sha256(vault: Vault, quarantined: Quarantined) -> str:
    digest = hashlib.sha256()
    with quarantine.opened(vault, quarantined) as source:
        for offset in range(0, source.size, _PIECE):
            digest.update(source.read(offset, min(_PIECE, source.size - offset)))
    return digest.hexdigest()
