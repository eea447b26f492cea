"""Whether a person's stored values agree with what a cell says: the exact test behind every suggestion."""

from collections.abc import Sequence

from vault.fields import address
from vault.fields.catalogue import field_of
from vault.fields.email import mailbox
from vault.tags.hashed import Digest
from vault.tags.making import digest_of
from vault.tags.masked import Masked
from vault.tags.registry import DIGESTS, forms_of, kinds_of
from vault.tags.solver import Exact, Reading

_TAGGED = frozenset(name for _, name in DIGESTS)


def agreeing(field: str, reading: Reading, versions: Sequence[tuple[int, str]]) -> int | None:
    """The newest of the (version, canonical form) pairs that a cell may be; None when it is none of them."""
    return next((version for version, text in reversed(versions) if agrees(field, reading, text)), None)


def agrees(field: str, reading: Reading, canonical: str) -> bool:
    """Whether a cell may be a value with this canonical form."""
    if isinstance(reading, Masked):
        return reading.fits(canonical) and (field != "address" or _has_parts(reading, canonical))
    if isinstance(reading, Digest):
        forms = forms_of(field)
        if forms is None or reading.algorithm not in _TAGGED:
            return False
        make = digest_of(reading.algorithm)
        return any(make(form.encode()).digest() == reading.data for form in forms(canonical))
    return reading.canonical == canonical or _same(field, reading, canonical)


def _has_parts(reading: Masked, canonical: str) -> bool:
    """Whether an address has every part by which a masked one is looked for."""
    shown = ((kind, kind.reach(reading)) for kind in kinds_of(field_of("address")))
    return all(part is None or kind.cut(canonical) == part for kind, part in shown)


def _same(field: str, reading: Exact, canonical: str) -> bool:
    """Two spellings of one thing: a mailbox, or an address of which one side leaves parts out."""
    if field == "email":
        return mailbox(reading.canonical) == mailbox(canonical)
    if field != "address":
        return False
    pairs = list(zip(address.parts(reading.canonical), address.parts(canonical), strict=True))
    named = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return len(named) > 1 and all(mine == theirs for mine, theirs in named)
