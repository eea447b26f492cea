"""Finding whoever a value, a part or a digest of one may belong to, and confirming it inside the vault.

Set-based: one statement for each 5,000 probes. A hit is a suggestion; `confirm` opens the value it names and
compares the part that the probe is about.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import batched
from typing import NamedTuple

from sqlalchemy import Connection

from vault.fields.catalogue import BUILTIN, Catalogue, Field
from vault.ids import PROFILE, Bucket, RecordId, SubjectId
from vault.keys.keyring import Keyring
from vault.storage.rowset import RowSet
from vault.tags.compounds import COMPOUNDS, Compound
from vault.tags.making import IndexKeys, digest_of, tagger
from vault.tags.opened import Wanted, canonical_versions
from vault.tags.registry import DIGESTS, forms_of, kind, kinds_of
from vault.tags.shapes import Shape

MATCH_CHUNK = 5_000


class Probe(NamedTuple):
    """What to look for: a field code, a shape, and the text (or digest) that shape is tagged by."""

    field: str
    text: str | bytes
    shape: int = Shape.EXACT


class Hit(NamedTuple):
    """A stored version whose tag equals that of probe number `probe` (0-based)."""

    probe: int
    bucket: Bucket
    subject: SubjectId
    record: RecordId
    field: str
    version: int


_MATCH = RowSet(
    # CROSS JOIN keeps SQLite from turning the loop around; to PostgreSQL it is a plain join.
    "WITH {rows} SELECT rows.i, t.bucket, t.subject, t.version FROM rows CROSS JOIN tag t "
    "WHERE t.tag = rows.tag AND t.kind = rows.kind AND t.epoch = :epoch "
    "ORDER BY rows.i, t.bucket, t.subject, t.version LIMIT :most",
    kind="int",
    tag="int",
)
_ALL = 1 << 62


def match(
    conn: Connection,
    keys: IndexKeys,
    probes: Sequence[Probe],
    *,
    catalogue: Catalogue = BUILTIN,
    most: int = _ALL,
) -> list[Hit]:
    """Every version any probe may have meant, in the order of the probes; unconfirmed.

    `conn` reads the data base of sealed values. Probes for what has no tags find nothing. `most`: how many
    hits at most are wanted of each statement's 5,000 probes.
    """
    hits: list[Hit] = []
    for number, part in enumerate(batched(probes, MATCH_CHUNK)):
        hits += _match_chunk(conn, keys, part, number * MATCH_CHUNK, catalogue, most)
    return hits


def _match_chunk(
    conn: Connection,
    keys: IndexKeys,
    probes: Sequence[Probe],
    start: int,
    catalogue: Catalogue,
    most: int,
) -> list[Hit]:
    ready = tagger(keys)
    rows: list[tuple[int, int]] = []
    owners: list[int] = []
    for at, (code, text, shape) in enumerate(probes):
        kept = _kept_bits(catalogue.field(code)).get(shape) if code in catalogue else None
        if kept is not None:
            number = kind(code, shape, catalogue=catalogue)
            raw = text.encode() if isinstance(text, str) else text
            rows.append((number, ready.tag(number, raw, kept)))
            owners.append(at)
    found = _MATCH(conn, rows, epoch=keys.index_epoch, most=most)
    return [
        Hit(start + owners[i], bucket, subject, PROFILE, probes[owners[i]].field, version)
        for i, bucket, subject, version in found
    ]


@lru_cache(maxsize=512)
def _kept_bits(field: Field) -> dict[int, int]:
    """The shapes a field has tags of, and how many bits of each are kept."""
    shapes = {found.shape: found.kept for found in kinds_of(field)}
    shapes |= {shape: 64 for shape, _ in DIGESTS if forms_of(field.code)}
    return shapes | {shape: 64 for shape, found in _COMPOUNDS.items() if found.field == field.code}


def confirm(
    conn: Connection,
    keyring: Keyring,
    hits: Sequence[Hit],
    probes: Sequence[Probe],
    *,
    catalogue: Catalogue = BUILTIN,
) -> list[bool]:
    """For each hit, whether the stored value really has the part, digest or whole form its probe is about.

    Opens the values inside the vault and lets nothing out but yes or no to what the caller already holds, so
    it needs no permit. An erased person, a struck out version or a damaged value confirms nothing.
    """
    wanted = [Wanted(*hit[1:]) for hit in hits]
    own = canonical_versions(conn, keyring, wanted, catalogue=catalogue)
    pairs = [
        Wanted(hit.bucket, hit.subject, hit.record, found.other, None)
        for hit in hits
        if (found := _COMPOUNDS.get(probes[hit.probe].shape))
    ]
    others = iter(canonical_versions(conn, keyring, pairs, catalogue=catalogue))
    return [
        _holds(catalogue, probes[hit.probe], versions, others)
        for hit, versions in zip(hits, own, strict=True)
    ]


def _holds(
    catalogue: Catalogue,
    probe: Probe,
    versions: Sequence[tuple[int, str]],
    others: Iterator[Sequence[tuple[int, str]]],
) -> bool:
    compound = _COMPOUNDS.get(probe.shape)
    if compound is not None:
        seconds = [text for _, text in next(others)]
        return any(
            compound.text({compound.field: name, compound.other: second}) == probe.text
            for _, name in versions
            for second in seconds
        )
    return any(probe.text in _parts(catalogue.field(probe.field), probe.shape, text) for _, text in versions)


def _parts(field: Field, shape: int, canonical: str) -> tuple[str | bytes | None, ...]:
    """What a canonical form is tagged by in one shape."""
    forms, digest = forms_of(field.code), dict(DIGESTS).get(Shape(shape)) if shape in _DIGESTS else None
    if digest is not None:
        make = digest_of(digest)
        return tuple(make(form.encode()).digest() for form in forms(canonical)) if forms else ()
    return tuple(found.cut(canonical) for found in kinds_of(field) if found.shape == shape)


_COMPOUNDS: dict[int, Compound] = {found.shape: found for found in COMPOUNDS}
_DIGESTS = frozenset(shape for shape, _ in DIGESTS)
