"""From what a row of a file shows to what is looked up: the mask solver (vault.md §6.5).

Each column is read as a whole value, a masked one or a digest. Every tag whose part lies inside what is known
makes a plan; a plan's `bits` say how few people it will suggest: about (people / 2^bits). One or two unknown
digits inside a part are tried out. Whoever satisfies the column is among the hits of each of its plans, so the
most selective one decides and the others only intersect.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vault.fields.catalogue import BUILTIN, Catalogue
from vault.fields.text import InvalidValue
from vault.tags import hashed, masked, masked_address
from vault.tags.compounds import COMPOUNDS, OWNER, Compound
from vault.tags.hashed import Digest
from vault.tags.lookup import Probe
from vault.tags.masked import UNKNOWN, Masked
from vault.tags.registry import DIGESTED, DIGESTS, forms_of, kinds_of
from vault.tags.shapes import Shape

MOST_VARIANTS: Final = 110
_DIGITS = "0123456789"
_NUMBERS = frozenset({"phone", "resident_id", "bank_card"})
_DIGEST_SHAPES = {name: shape for shape, name in DIGESTS}


class Exact(NamedTuple):
    """A whole value in canonical form."""

    canonical: str


type Reading = Exact | Masked | Digest
"""What a cell says about a value of its field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Probes of which any may hit; `how` names the tag, `fields` whose columns it makes use of."""

    how: str
    fields: frozenset[str]
    probes: tuple[Probe, ...]
    bits: float
    certain: bool = False
    """Whether a confirmed hit alone names the person: a whole identifying value or its digest."""

    def expected(self, people: int) -> float:
        """How many of so many people it will suggest, about."""
        return people / 2**self.bits


def read_cell(field: str, text: str, *, catalogue: Catalogue = BUILTIN) -> Reading | None:
    """What a text says as a value of `field`; None when it says nothing that can be looked for."""
    digest = hashed.read(text) if forms_of(field) else None
    if digest is not None:
        return digest
    hidden = masked.read(field, text)
    if field == "address" and masked_address.hides(text):
        return hidden
    if hidden is not None and masked.is_starred(text):
        return hidden
    try:
        return Exact(catalogue.field(field).canonical(text))
    except InvalidValue:
        return hidden


def digest_probes(digest: Digest) -> tuple[Probe, ...]:
    """What a digest of a value of unknown field is looked for by; nothing when its algorithm is not tagged."""
    shape = _DIGEST_SHAPES.get(digest.algorithm)
    return () if shape is None else tuple(Probe(code, digest.data, shape) for code in DIGESTED)


def plans(readings: Mapping[str, Reading], *, catalogue: Catalogue = BUILTIN) -> list[Plan]:
    """Every way to look for the person of a row, given by field code; the most selective first."""
    made = [plan for code, reading in readings.items() for plan in _column(catalogue, code, reading)]
    made += [plan for found in COMPOUNDS for plan in _pair(found, readings)]
    return sorted(made, key=lambda plan: (not plan.certain, -plan.bits))


def _column(catalogue: Catalogue, code: str, reading: Reading) -> Iterator[Plan]:
    if isinstance(reading, Exact):
        yield from _whole(catalogue, code, reading.canonical)
    elif isinstance(reading, Masked):
        yield from _hidden(catalogue, code, reading)
    elif reading.algorithm in _DIGEST_SHAPES:
        probe = Probe(code, reading.data, _DIGEST_SHAPES[reading.algorithm])
        yield _plan(reading.algorithm, (probe,), catalogue.field(code).bits, certain=True)


def _whole(catalogue: Catalogue, code: str, canonical: str) -> Iterator[Plan]:
    field = catalogue.field(code)
    kinds = {found.shape: found for found in kinds_of(field)}
    if Shape.EXACT in kinds:
        probes = [Probe(code, canonical)]
        if Shape.PLAIN in kinds:
            probes.append(Probe(code, kinds[Shape.PLAIN].cut(canonical) or canonical, Shape.PLAIN))
        yield _plan("exact", probes, field.bits, certain=field.identifying)
        return
    for shape, found in kinds.items():
        text = found.cut(canonical)
        if text is not None:
            yield _plan(_name(shape), (Probe(code, text, shape),), min(found.bits, found.kept))


def _hidden(catalogue: Catalogue, code: str, hidden: Masked) -> Iterator[Plan]:
    for found in kinds_of(catalogue.field(code)):
        part = found.reach(hidden)
        texts = _variants(code, part) if part else ()
        if texts:
            probes = [Probe(code, text, found.shape) for text in texts]
            yield _plan(_name(found.shape), probes, min(found.bits, found.kept) - math.log2(len(texts)))


def _variants(code: str, part: str) -> tuple[str, ...]:
    """Every text a part may stand for; none when there are too many."""
    unknown = part.count(UNKNOWN)
    if not unknown:
        return (part,)
    if code not in _NUMBERS or unknown == len(part) or 10**unknown > MOST_VARIANTS:
        return ()
    check = "X" if code == "resident_id" and part.endswith(UNKNOWN) else ""
    choices = [_DIGITS] * (unknown - 1) + [_DIGITS + check]
    pieces = part.split(UNKNOWN)
    return tuple(
        "".join(itertools.chain.from_iterable(zip(pieces, (*filled, ""), strict=True)))
        for filled in itertools.product(*choices)
    )


def _pair(found: Compound, readings: Mapping[str, Reading]) -> Iterator[Plan]:
    names, others = _name_parts(found, readings.get(OWNER)), _other_parts(found, readings.get(found.other))
    probes = [
        Probe(OWNER, text, found.shape)
        for name in names
        for other in others
        if (text := found.join(name, other)) is not None
    ]
    if probes:
        plan = _plan(_name(found.shape), probes, found.bits - math.log2(len(probes)))
        yield Plan(how=plan.how, fields=frozenset({OWNER, found.other}), probes=plan.probes, bits=plan.bits)


def _name_parts(found: Compound, reading: Reading | None) -> Sequence[str]:
    if isinstance(reading, Exact):
        part = found.of_name(reading.canonical)
        return () if part is None else (part,)
    return found.of_masked_name(reading) if isinstance(reading, Masked) else ()


def _other_parts(found: Compound, reading: Reading | None) -> Sequence[str]:
    part: str | None = None
    if isinstance(reading, Exact):
        part = found.of_other(reading.canonical)
    elif isinstance(reading, Masked):
        part = found.of_masked_other(reading)
    return _variants(found.other, part) if part else ()


def _plan(how: str, probes: Sequence[Probe], bits: float, *, certain: bool = False) -> Plan:
    return Plan(
        how=how, fields=frozenset({probes[0].field}), probes=tuple(probes), bits=bits, certain=certain
    )


def _name(shape: int) -> str:
    return Shape(shape).name.lower() if shape in Shape else "ends"
