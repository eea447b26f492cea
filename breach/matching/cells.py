"""What a trace counts over the cells and rows of a dump: counts only, stored with each stage and shown in the report."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True, kw_only=True)
class Cells:
    """Counts over the cells and rows of a dump; owned by the matching thread.

    `looked_up` by field, digests (of whatever field) as `digest`; `matched` by field, digests included, and of
    these `matched_by_digest`; `unmatchable`: digests that no tag can be compared with, by algorithm (`salted`:
    those that name a salt); `recognised_only`: kinds that are not looked up by themselves; `unreadable`: cells
    of an identifier column that are no value of any kind; `aliases_tried`: values that look like an alias, by
    field, and digests, which all may be one.

    Of rows that show masked values and no whole identifier: `masked` cells looked up, by field; `rows_masked`
    and, of these, `rows_agreed_masked` (one person left, by two or more independent parts, see `agreed_by`:
    rows by number of parts); `candidates`: the other rows by how many people fit (`none`, `1`, `2`, `3-9`,
    `10-64`, `too_many`); `rows_linkable` rows, of those without a hit, are compared by blind codes, and
    `rows_not_linked` came behind the last. `rows_controlled` rows were put together again from two rows each,
    and `controls_agreed` of them agreed as well. `rows_by_mailbox`: rows that show another spelling of one person's
    mailbox, and nothing else that is known.
    """

    looked_up: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    matched_by_digest: Counter[str] = field(default_factory=Counter)
    unmatchable: Counter[str] = field(default_factory=Counter)
    recognised_only: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    candidates: Counter[str] = field(default_factory=Counter)
    agreed_by: Counter[str] = field(default_factory=Counter)
    aliases_tried: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    rows: int = 0
    rows_agreed: int = 0
    rows_conflicting: int = 0
    rows_masked: int = 0
    rows_agreed_masked: int = 0
    rows_controlled: int = 0
    controls_agreed: int = 0
    rows_by_mailbox: int = 0
    rows_linkable: int = 0
    rows_not_linked: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The counts as a JSON object that `from_dict` reads back."""
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in ((one.name, getattr(self, one.name)) for one in fields(self))
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Cells":
        """The counts of an earlier run, to be continued."""
        counts: dict[str, Any] = {
            name: Counter(value) if isinstance(value, dict) else value for name, value in stored.items()
        }
        return cls(**counts)
