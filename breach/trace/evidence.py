"""What attribution looks at: people, not cells, because the cells of one row leak together.

The test fields are the identifier fields that nearly every matched person shows. A person is fully found when each of
them was confirmed in exactly one version, partly found when anything else was. A recipient holds a person when it
received all test fields, and is able to have leaked the person when it received the very versions found: one that
never received the e-mail address cannot be the source of rows that show it. Partly found people are evidence for
every recipient that received any field of them that the dump shows.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How a found person relates to the recipients (numbered from 0).

    `able`: (recipient, m) pairs who received exactly what was found; m - 1 is the number of further
    deliveries to it that showed other versions. `others`: the other holders. `age`: by how many changes,
    over all test fields, the versions found are later than the first ones. Of a partly found person all
    holders are in `others`, and `touched` names everybody who received anything.
    """

    able: tuple[tuple[int, int], ...] = ()
    others: tuple[int, ...] = ()
    age: int = 0
    partly: bool = False
    touched: tuple[int, ...] = ()

    @property
    def suspects(self) -> tuple[int, ...]:
        """The recipients who, besides the outside, can explain this person."""
        return self.touched if self.partly else tuple(k for k, _ in self.able)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreceived:
    """Values of one field that nobody was given, in people. `never`: people, at most, whose value of this field
    nobody ever received, and `never_found`: those the dump shows with it. `later`: people of whom there is
    more than one version, and `later_found`: those whom the dump shows with one after the first that nobody
    received, though somebody did another. `never_served` and `later_served`: how many of those found each suspect
    received anything else of, the most first.
    """

    field: str
    never: int
    never_found: int
    later: int
    later_found: int
    never_served: tuple[int, ...] = ()
    later_served: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the ranking uses. Numbers of people throughout.

    `held[i]`: people of whom recipient i received all test fields. Where the ledger only bounds that number,
    `held` is its upper bound and `held_least` its lower one: the accusation counts with the first, the
    defence with the second, so neither side gains from what is not known. `fields`: how many test fields
    there are. `people`: people in the vault.
    `dark`: people never disclosed to anybody; `dark_found`: how many of them the dump shows. `rows`: rows of the
    dump, whosever they are; 0 where that is not known. `unreceived`: one for each identifier field, shown or not.
    """

    held: tuple[int, ...]
    people: int
    dark: int
    dark_found: int
    found: Counter[Pattern] = field(default_factory=Counter)
    held_least: tuple[int, ...] = ()
    fields: int = 3
    rows: int = 0
    unreceived: tuple[Unreceived, ...] = ()

    def missed(self) -> list[int]:
        """Per recipient: people it held, at most, who were not found in any version."""
        return self._without_found(self.held)

    def missed_least(self) -> list[int]:
        """Per recipient: people it held, at least, who were not found in any version."""
        return self._without_found(self.held_least or self.held)

    def _without_found(self, held: tuple[int, ...]) -> list[int]:
        left = list(held)
        for pattern, count in self.found.items():
            for recipient in (*(k for k, _ in pattern.able), *pattern.others):
                left[recipient] -= count
        return [max(count, 0) for count in left]

    @property
    def total(self) -> int:
        """Found people."""
        return self.found.total()
