"""Planted persons in a dump: taken out of what the ledger is asked about, weighed for whom they were planted with, told.

They are no people: evidence of who holds whom, controls, affected people and claims go without them. One of a
recipient's may stand in a file because the recipient let it out, or because our store was copied; the dark
ones, whom nobody was given, say which (`trace.canaries`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Final

from sqlalchemy import Connection

from breach.matching.cells import Cells
from breach.matching.items import people
from breach.trace.canaries import Planted, Shared, Tags
from breach.weighing.contacts import REMARKABLE
from consent.marks.alias_pool import numbers_before
from consent.marks.alias_sightings import suspicion
from consent.planted.making import LN_ADDRESSES, LN_RESIDENTS
from consent.planted.planting import Kind, Listed, holds, known, lists, mac_of, macs
from vault.honey.watch import Source
from vault.ids import Person
from vault.opening import Vault

OWN_STORE: Final = "own_store"
_PAGE = 5_000
_FIELDS = ("email", "phone", "resident_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The planted persons of one dump: by list the fields each shows; `lists` are those that were made before."""

    before_ms: int = 0
    lists: tuple[Listed, ...] = ()
    shown: Mapping[bytes, Mapping[Person, frozenset[str]]] = field(default_factory=dict)

    @property
    def people(self) -> frozenset[Person]:
        """Everybody met who is nobody."""
        return frozenset().union(*self.shown.values())

    def planted_with(self, recipient_id: str) -> int:
        """How many a recipient can have been given, at most."""
        return sum(
            one.people for one in self.lists if one.kind is Kind.SHARED or one.recipient_id == recipient_id
        )

    @property
    def total(self) -> int:
        """How many of the people of this installation are nobody."""
        return sum(one.people for one in self.lists)

    def of(self, kind: Kind, recipient_id: str | None = None) -> list[Listed]:
        """The lists of a kind, and of a recipient where there is one."""
        return [one for one in self.lists if one.kind is kind and one.recipient_id == recipient_id]

    def found(self, of: Sequence[Listed], code: str | None = None) -> int:
        """How many of these lists were met, showing a field."""
        shown = [fields for one in of for fields in self.shown.get(one.id, {}).values()]
        return sum(code is None or code in fields for fields in shown)


NOBODY: Final = Met()
"""Of an installation where nobody is planted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What is made of them: for the e-values, and counts by recipient number."""

    planted: Planted | None
    shared: Shared | None

    def counts(self) -> dict[int, tuple[int, int]]:
        """(found, planted) of recipients of whose persons any was found."""
        if self.planted is None:
            return {}
        both = zip(self.planted.found, self.planted.delivered, strict=True)
        return {k: (found, planted) for k, (found, planted) in enumerate(both) if found}

    def dark(self) -> tuple[int, int]:
        """(found, planted) of the dark ones."""
        return (self.planted.dark_found, self.planted.dark) if self.planted else (0, 0)

    def as_dict(self, recipient_ids: Sequence[str]) -> dict[str, Any]:
        """The counts as a member of the report."""
        found, dark = self.dark()
        each = zip(self.planted.delivered, self.planted.found, strict=True) if self.planted else ()
        return {
            "dark": dark,
            "dark_found": found,
            "shared": len(self.shared.present) if self.shared else 0,
            "shared_found": sum(self.shared.present) if self.shared else 0,
            "recipients": [
                {"recipient": recipient_ids[k], "planted": many, "found": met}
                for k, (many, met) in enumerate(each)
                if many
            ],
        }


def meet(conn: Connection, vault: Vault, trace_id: bytes, before_ms: int) -> Met:
    """Which planted persons a dump shows, of lists made before `before_ms`."""
    listed = tuple(one for one in lists(conn) if one.made_at < before_ms)
    if not listed:
        return NOBODY
    shown: dict[bytes, dict[Person, frozenset[str]]] = {}
    for part in batched(people(conn, trace_id, vault.installation.buckets), _PAGE):
        for at, list_id in known(conn, vault, [who for who, _ in part]).items():
            who, found = part[at]
            shown.setdefault(list_id, {})[who] = frozenset(item[2] for item in found)
    return Met(before_ms=before_ms, lists=listed, shown=shown)


def weigh(conn: Connection, vault: Vault, met: Met, recipient_ids: Sequence[str], cells: Cells) -> Weighed:
    """What they say of each recipient, and of our own store."""
    if not met.lists:
        return Weighed(planted=None, shared=None)
    relays = max(numbers_before(conn, met.before_ms), 1)
    spaces = {"email": LN_ADDRESSES, "phone": math.log(relays), "resident_id": LN_RESIDENTS}
    by_recipient = [met.of(Kind.UNIQUE, one) for one in recipient_ids]
    dark = met.of(Kind.DARK)

    def tags(code: str, lists_of: Sequence[Sequence[Listed]]) -> Tags:
        digests = cells.looked_up["digest"]
        tried = cells.looked_up[code] + digests
        return Tags(
            ln_space=spaces[code],
            issued=tuple(sum(one.people for one in each) for each in lists_of),
            hits=tuple(met.found(each, code) for each in lists_of),
            # More numbers than there are in the pool cannot be tried.
            tried=min(tried, relays) if code == "phone" else tried,
        )

    planted = Planted(
        delivered=tuple(sum(one.people for one in each) for each in by_recipient),
        found=tuple(met.found(each) for each in by_recipient),
        dark=sum(one.people for one in dark),
        dark_found=met.found(dark),
        tags=tuple(tags(code, by_recipient) for code in _FIELDS),
        dark_tags=tuple(tags(code, [dark]) for code in _FIELDS),
    )
    return Weighed(planted=planted, shared=_shared(conn, vault, met, recipient_ids))


def alarm(vault: Vault, weights: Mapping[str, float], place: str, seen_at: int) -> int:
    """An alarm for each recipient, and for our own store, of whom planted persons speak; how many were new."""
    told = [
        suspicion(vault, Source.PLANTED, whom, place, seen_at)
        for whom, weight in weights.items()
        if weight > REMARKABLE
    ]
    return vault.watch.raise_now(vault.data, vault.keyring, told)


def real(conn: Connection, vault: Vault, who: Sequence[Person]) -> list[bool]:
    """Of each whether it is somebody, and not planted."""
    planted = known(conn, vault, who)
    return [at not in planted for at in range(len(who))]


def _shared(conn: Connection, vault: Vault, met: Met, recipient_ids: Sequence[str]) -> Shared | None:
    listed = met.of(Kind.SHARED)
    if not listed:
        return None
    seen = {mac_of(vault, who[1]) for one in listed for who in met.shown.get(one.id, {})}
    every = [mac for one in listed for mac in macs(conn, one.id)]
    return Shared(
        present=tuple(mac in seen for mac in every),
        held=tuple(tuple(holds(vault, mac, one) for mac in every) for one in recipient_ids),
    )
