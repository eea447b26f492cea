"""An operator's own fields: what a definition says, what it may say, and the field it becomes.

A definition is written in TOML, one table for each field (docs/operators.md), and kept as JSON. It may be
replaced by a later version of itself; but whatever tags, keys and canonical forms are made from stays as it
was, because values stored under it must still be found. A field holds texts of a pattern (`written`), or what it
measures (`measure`): moments, coordinates.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from vault.errors import VaultError
from vault.fields.builtin import FIRST_CUSTOM
from vault.fields.field import Ends, Field, Sensitivity
from vault.fields.measure import BadMeasure, Measure
from vault.fields.measure import parse as parse_measure
from vault.fields.pattern import BadPattern
from vault.fields.pattern import parse as parse_pattern
from vault.fields.text import clean
from vault.fields.written import Case, Written

LAST_CUSTOM: Final = 255
LANGUAGES: Final = ("en", "zh-CN")
MAX_TAGS: Final = 16
CODE: Final = "x_[a-z][a-z0-9_]{0,28}[a-z0-9]"
"""What the code of an operator's own field looks like."""

_STAYS = ("number", "unique", "searchable", "identifying", "tags")


class BadDefinition(VaultError):
    """A definition that cannot be taken; the text says which member and why."""

    code = "field.definition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One field as its operator defines it.

    `labels`: its name by language. `shape`: what its values look like. `bits`: the operator's estimate of how hard
    a value is to guess, never more than the shape allows. `tags`: ends of a text that are tagged.
    """

    code: str
    number: int
    labels: Mapping[str, str]
    shape: Written | Measure
    sensitivity: Sensitivity = Sensitivity.SENSITIVE
    unique: bool = False
    searchable: bool = False
    identifying: bool = False
    bits: float
    tags: tuple[Ends, ...] = ()

    def __post_init__(self) -> None:
        own = self.shape.faults if isinstance(self.shape, Written) else ()
        for wrong, says in (*self._faults(), *own):
            if wrong:
                raise BadDefinition(f"{self.code if re.fullmatch(CODE, self.code) else 'a field'}: {says}")

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        longest = self.shape.longest if isinstance(self.shape, Written) else 0
        return (
            (re.fullmatch(CODE, self.code) is None, "the code is x_ and 2 to 30 of a-z, 0-9 and _"),
            (not FIRST_CUSTOM <= self.number <= LAST_CUSTOM, "number is between 32 and 255"),
            (not _labelled(self.labels), "labels are given in en and zh-CN, 1 to 60 characters each"),
            (
                not 0 < self.bits <= self.shape.bits,
                f"bits is above 0 and not above what its shape allows, {self.shape.bits:.1f}",
            ),
            (
                self.unique and not (self.searchable and self.identifying),
                "what is unique is found and identifies",
            ),
            (bool(self.tags) and not self.searchable, "tags belong to a searchable field"),
            (
                len(set(self.tags)) != len(self.tags) or len(self.tags) > MAX_TAGS,
                "tags are at most 16, all different",
            ),
            (
                any(not 1 <= sum(ends) <= longest or min(ends) < 0 for ends in self.tags),
                "a tag covers an end",
            ),
        )

    def field(self) -> Field:
        """The field this defines."""
        shape = self.shape
        return Field(
            code=self.code,
            number=self.number,
            sensitivity=self.sensitivity,
            unique=self.unique,
            searchable=self.searchable,
            identifying=self.identifying,
            bits=self.bits,
            canonical=shape.canonical,
            stored=shape.canonical,
            mask=shape.mask,
            reasons=shape.reasons,
            ends=self.tags,
            end_bits=tuple(shape.pattern.end_bits(*each) for each in self.tags)
            if isinstance(shape, Written)
            else (),
            labels=tuple(sorted(self.labels.items())),
            measure=shape if isinstance(shape, Measure) else None,
        )

    def as_json(self) -> str:
        """The definition as it is kept: one JSON object, always spelled the same way."""
        said = ("code", "number", "sensitivity", "unique", "searchable", "identifying", "bits")
        plain: dict[str, Any] = {name: getattr(self, name) for name in said}
        plain |= {"labels": dict(self.labels), "tags": [ends._asdict() for ends in self.tags]}
        return json.dumps(plain | _told(self.shape), ensure_ascii=False, sort_keys=True)


def parse(text: str) -> tuple[Definition, ...]:
    """The definitions in a TOML document, one table each; raises BadDefinition."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise BadDefinition("not a TOML document") from None
    if not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise BadDefinition("one table for each field, named by its code")
    return tuple(_read({**table, "code": code}) for code, table in tables.items())


def from_json(text: str) -> Definition:
    """A definition as it was kept."""
    return _read(json.loads(text))


def check_successor(old: Definition, new: Definition) -> None:
    """Whether `new` may take the place of `old`; raises BadDefinition."""
    moved = [name for name in _STAYS if getattr(old, name) != getattr(new, name)]
    if isinstance(old.shape, Written) and isinstance(new.shape, Written):
        moved += new.shape.moved(old.shape)
    elif old.shape != new.shape:
        moved.append("kind or precision")
    if moved:
        raise BadDefinition(f"{new.code}: {', '.join(moved)} cannot change once values are stored by it")


def _labelled(labels: Mapping[str, str]) -> bool:
    texts = [labels.get(language, "") for language in LANGUAGES]
    return set(labels) == set(LANGUAGES) and all(
        0 < len(text) <= 60 and clean(text) == text for text in texts
    )


_KINDS: Mapping[str, tuple[type, ...]] = {
    "code": (str,),
    "number": (int,),
    "labels": (dict,),
    "kind": (str,),
    "precision": (str, int),
    "sensitivity": (str,),
    "unique": (bool,),
    "searchable": (bool,),
    "identifying": (bool,),
    "bits": (int, float),
    "tags": (list,),
}
_OF_TEXT: Mapping[str, tuple[type, ...]] = {
    "pattern": (str,),
    "longest": (int,),
    "case": (str,),
    "drop": (str,),
    "mask": (dict,),
}
_REQUIRED = frozenset({"number", "labels", "bits"})


def _read(table: Mapping[str, Any]) -> Definition:
    measured = "kind" in table
    known = _KINDS if measured else {**_KINDS, **_OF_TEXT}
    for name, given in table.items():
        if name not in known or type(given) not in known[name]:
            raise BadDefinition(f"{name[:40]} is no member of such a definition, or of the wrong type")
    required = _REQUIRED | ({"precision"} if measured else {"pattern", "longest"})
    if missing := required - table.keys():
        raise BadDefinition(f"{', '.join(sorted(missing))} missing")
    if not measured and "precision" in table:
        raise BadDefinition("precision belongs to a kind that is measured")
    if table.get("sensitivity", "sensitive") not in list(Sensitivity):
        raise BadDefinition("sensitivity is ordinary or sensitive")
    own = {name: table[name] for name in ("unique", "searchable", "identifying") if name in table}
    return Definition(
        code=table["code"],
        number=table["number"],
        labels=table["labels"],
        shape=_measure(table) if measured else _written(table),
        sensitivity=Sensitivity(table.get("sensitivity", "sensitive")),
        bits=float(table["bits"]),
        tags=tuple(_ends(ends) for ends in cast("Sequence[Any]", table.get("tags", ()))),
        **own,
    )


def _measure(table: Mapping[str, Any]) -> Measure:
    try:
        return parse_measure(table["kind"], table["precision"])
    except BadMeasure as wrong:
        raise BadDefinition(str(wrong)) from None


def _written(table: Mapping[str, Any]) -> Written:
    if table.get("case", "keep") not in get_args(Case.__value__):
        raise BadDefinition("case is keep, upper or lower")
    try:
        pattern = parse_pattern(table["pattern"])
    except BadPattern as wrong:
        raise BadDefinition(f"pattern: {wrong}") from None
    return Written(
        pattern=pattern,
        longest=table["longest"],
        case=table.get("case", "keep"),
        drop=table.get("drop", ""),
        shown=_ends(table.get("mask", {})),
    )


def _told(shape: Written | Measure) -> dict[str, Any]:
    """The members of a definition that say what its values look like."""
    if isinstance(shape, Measure):
        precision = int(shape.precision) if shape.precision.isdigit() else shape.precision
        return {"kind": shape.of, "precision": precision}
    return {
        "pattern": shape.pattern.text,
        "longest": shape.longest,
        "case": shape.case,
        "drop": shape.drop,
        "mask": shape.shown._asdict(),
    }


def _ends(given: Any) -> Ends:
    if not isinstance(given, dict) or not given.keys() <= {"first", "last"}:
        raise BadDefinition("ends are given as { first = 2, last = 4 }")
    if any(type(count) is not int for count in given.values()):
        raise BadDefinition("ends are given as { first = 2, last = 4 }")
    return Ends(given.get("first", 0), given.get("last", 0))
