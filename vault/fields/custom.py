"""An operator's own fields: what a definition says, what it may say, and the field it becomes.

A definition is written in TOML, one table for each field (docs/operators.md), and kept as JSON. It may be
replaced by a later version of itself; but whatever tags, keys and canonical forms are made from stays as it
was, because values stored under it must still be found.
"""

import json
import re
import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, cast, get_args

from vault.errors import VaultError
from vault.fields.builtin import FIRST_CUSTOM
from vault.fields.field import Ends, Field, Sensitivity
from vault.fields.pattern import BadPattern, Pattern
from vault.fields.pattern import parse as parse_pattern
from vault.fields.text import InvalidValue, ascii_digits, clean
from vault.fields.veil import keep_ends

LAST_CUSTOM: Final = 255
LANGUAGES: Final = ("en", "zh-CN")
MAX_TAGS: Final = 16
_CODE = re.compile(r"x_[a-z][a-z0-9_]{0,28}[a-z0-9]")
_DROPPABLE = frozenset(string.punctuation + " ·")
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_STAYS = ("number", "case", "drop", "unique", "searchable", "identifying", "pattern", "tags")

_NOTHING = Ends(0, 0)

type Case = Literal["keep", "upper", "lower"]


class BadDefinition(VaultError):
    """A definition that cannot be taken; the text says which member and why."""

    code = "field.definition"


class CustomLength(InvalidValue):
    """Longer than the operator's field allows."""

    code = "custom.length"


class CustomPattern(InvalidValue):
    """Not of the shape the operator's field asks for."""

    code = "custom.pattern"


REASONS = (CustomPattern.code, CustomLength.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One field as its operator defines it.

    `labels`: its name by language. `longest`: most characters of a value. `case`: what becomes of the letters A
    to Z. `drop`: punctuation that is left out. `bits`: the operator's estimate of how hard a value is to guess,
    never more than the pattern allows. `mask` and `tags`: ends that are shown, ends that are tagged.
    """

    code: str
    number: int
    labels: Mapping[str, str]
    pattern: Pattern
    longest: int
    sensitivity: Sensitivity = Sensitivity.SENSITIVE
    unique: bool = False
    searchable: bool = False
    identifying: bool = False
    case: Case = "keep"
    drop: str = ""
    bits: float
    mask: Ends = _NOTHING
    tags: tuple[Ends, ...] = ()

    def __post_init__(self) -> None:
        for wrong, says in self._faults():
            if wrong:
                raise BadDefinition(f"{self.code if _CODE.fullmatch(self.code) else 'a field'}: {says}")

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        return (
            (_CODE.fullmatch(self.code) is None, "the code is x_ and 2 to 30 of a-z, 0-9 and _"),
            (not FIRST_CUSTOM <= self.number <= LAST_CUSTOM, "number is between 32 and 255"),
            (not _labelled(self.labels), "labels are given in en and zh-CN, 1 to 60 characters each"),
            (not 1 <= self.longest <= 200, "longest is between 1 and 200"),
            (
                not _DROPPABLE.issuperset(self.drop),
                "drop holds ASCII punctuation, the blank and the middle dot",
            ),
            (not 0 < self.bits <= self.pattern.bits, "bits is above 0 and not above what the pattern allows"),
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
                any(not 1 <= sum(ends) <= self.longest or min(ends) < 0 for ends in self.tags),
                "a tag covers an end",
            ),
            (min(self.mask) < 0 or sum(self.mask) > self.longest, "mask shows ends"),
        )

    def field(self) -> Field:
        """The field this defines."""
        return Field(
            code=self.code,
            number=self.number,
            sensitivity=self.sensitivity,
            unique=self.unique,
            searchable=self.searchable,
            identifying=self.identifying,
            bits=self.bits,
            canonical=self._canonical,
            stored=self._canonical,
            mask=self._mask,
            reasons=REASONS,
            ends=self.tags,
            end_bits=tuple(self.pattern.end_bits(*each) for each in self.tags),
            labels=tuple(sorted(self.labels.items())),
        )

    def as_json(self) -> str:
        """The definition as it is kept: one JSON object, always spelled the same way."""
        plain: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        plain |= {"pattern": self.pattern.text, "mask": self.mask._asdict(), "labels": dict(self.labels)}
        plain["tags"] = [ends._asdict() for ends in self.tags]
        return json.dumps(plain, ensure_ascii=False, sort_keys=True)

    def _canonical(self, text: str) -> str:
        kept = clean(text).translate(dict.fromkeys(map(ord, self.drop)))
        value = ascii_digits(clean(kept))
        if self.case != "keep":
            value = value.translate(_UPPER if self.case == "upper" else _LOWER)
        if len(value) > self.longest:
            raise CustomLength("not a value of this field")
        if not self.pattern.matches(value):
            raise CustomPattern("not a value of this field")
        return value

    def _mask(self, value: str) -> str:
        return keep_ends(value, *self.mask)


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
    if moved or new.longest < old.longest:
        raise BadDefinition(
            f"{new.code}: {', '.join(moved) or 'longest'} cannot change once values are stored by it"
        )


def _labelled(labels: Mapping[str, str]) -> bool:
    texts = [labels.get(language, "") for language in LANGUAGES]
    return set(labels) == set(LANGUAGES) and all(
        0 < len(text) <= 60 and clean(text) == text for text in texts
    )


_KINDS: Mapping[str, tuple[type, ...]] = {
    "code": (str,),
    "number": (int,),
    "labels": (dict,),
    "pattern": (str,),
    "longest": (int,),
    "sensitivity": (str,),
    "unique": (bool,),
    "searchable": (bool,),
    "identifying": (bool,),
    "case": (str,),
    "drop": (str,),
    "bits": (int, float),
    "mask": (dict,),
    "tags": (list,),
}
_REQUIRED = frozenset({"number", "labels", "pattern", "longest", "bits"})


def _read(table: Mapping[str, Any]) -> Definition:
    for name, given in table.items():
        if name not in _KINDS or type(given) not in _KINDS[name]:
            raise BadDefinition(f"{name[:40]} is no member of a definition, or of the wrong type")
    missing = _REQUIRED - table.keys()
    if missing:
        raise BadDefinition(f"{', '.join(sorted(missing))} missing")
    if table.get("case", "keep") not in get_args(Case.__value__):
        raise BadDefinition("case is keep, upper or lower")
    if table.get("sensitivity", "sensitive") not in list(Sensitivity):
        raise BadDefinition("sensitivity is ordinary or sensitive")
    try:
        pattern = parse_pattern(table["pattern"])
    except BadPattern as wrong:
        raise BadDefinition(f"pattern: {wrong}") from None
    known: dict[str, Any] = dict(table) | {"pattern": pattern, "bits": float(table["bits"])}
    known["sensitivity"] = Sensitivity(table.get("sensitivity", "sensitive"))
    known["mask"] = _ends(table.get("mask", {}))
    known["tags"] = tuple(_ends(ends) for ends in cast("Sequence[Any]", table.get("tags", ())))
    return Definition(**known)


def _ends(given: Any) -> Ends:
    if not isinstance(given, dict) or not given.keys() <= {"first", "last"}:
        raise BadDefinition("ends are given as { first = 2, last = 4 }")
    if any(type(count) is not int for count in given.values()):
        raise BadDefinition("ends are given as { first = 2, last = 4 }")
    return Ends(given.get("first", 0), given.get("last", 0))
