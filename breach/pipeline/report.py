"""The report of a trace as one JSON document: every count, the whole ranking, the statement in both languages.

It holds ids and names of recipients, counts and hashes, and no personal value. Figures are rounded to six
decimals, so that the same trace run again writes the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from breach.matching.engines import Way
from breach.weighing.contacts import REMARKABLE
from consent.staff import insiders
from vault.ids import decode_id

PREFIX = "trc"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """A finished trace. `body` is the JSON document; the properties are what callers ask it most.

    `way`: how the dump was matched, which changes nothing in the document; None for a report that was there already.
    """

    id: bytes
    body: Mapping[str, Any]
    way: Way | None = field(default=None, compare=False)

    @property
    def outcome(self) -> str:
        """named, one_of_a_set, own_store, not_attributed or repost."""
        return str(self.body["outcome"])

    @property
    def suspects(self) -> tuple[str, ...]:
        """Ids of the recipients named, strongest first."""
        named = (line for line in self.body["ranking"] if line.get("named"))
        return tuple(line["recipient"] for line in named if line["kind"] == "recipient")

    @property
    def suspect_sets(self) -> tuple[tuple[str, ...], ...]:
        """Sets of recipient ids of which at least one leaked and which cannot be told apart.

        A set with somebody inside in it is no ground for a claim against the recipients in it.
        """
        sets = (tuple(one) for one in self.body["sets"])
        return tuple(one for one in sets if not any(map(inside, one)))

    @property
    def alias_holders(self) -> tuple[str, ...]:
        """Ids of the recipients whose aliases are in the file by more than chance or a guess."""
        lines = self.body["ranking"]
        return tuple(one["recipient"] for one in lines if (one.get("ln_e_contacts") or 0.0) > REMARKABLE)

    @property
    def people_found(self) -> int:
        """People of whom the dump shows whole values, or their digests, in agreeing rows."""
        return int(self.body["people"]["found"])

    @property
    def before_ms(self) -> int:
        """Disclosures committed before this instant (Unix ms) were considered."""
        return int(self.body["parameters"]["before"])

    @property
    def sha256(self) -> str:
        """SHA-256 of the document's bytes, hexadecimal."""
        return hashlib.sha256(report_json(self).encode()).hexdigest()


def report_json(report: TraceReport) -> str:
    """The document as canonical JSON text: sorted members, no blanks, every figure finite."""
    return json.dumps(report.body, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def stored(text: str) -> TraceReport:
    """A report read back from the text `report_json` wrote."""
    body = json.loads(text)
    return TraceReport(id=decode_id(PREFIX, body["trace"]), body=body)


def inside(suspect: str) -> bool:
    """Whether a suspect of a ranking is somebody inside, not a recipient."""
    return suspect.startswith(insiders.PREFIX)
