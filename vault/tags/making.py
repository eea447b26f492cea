"""Making tags: HMAC-SHA-256 under one key per kind and index epoch, of which 64 bits are kept (vault.md §6.5).

A bulk load makes some forty tags for each person, so the two halves of HMAC are hashed up to the key once per
kind and copied for every tag: less than half the time of the one-shot call, and the same result.

Kinds that keep fewer bits than 64 hash the kept bits again, with a zero byte in front that no canonical text
has: stored tags then look alike whatever they tell.
"""

import hashlib
import hmac
import struct
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, Protocol

from vault.fields.catalogue import BUILTIN, Catalogue, Field
from vault.tag_keys import TagKeys
from vault.tags.compounds import COMPOUNDS, OWNER
from vault.tags.cuts import Forms
from vault.tags.registry import DIGESTS, forms_of, kind, kinds_of
from vault.tags.shapes import Cut

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_NUMBER = struct.Struct(">q").unpack_from
_CANARY: Final = kind("phone")


class IndexKeys(Protocol):
    """Whatever can give tag keys; 32 bytes each, of the epoch that is looked up when none is named.

    Whoever makes tags of more than one value takes `Keyring.tag_keys`, which does not change meanwhile.
    """

    @property
    def index_epoch(self) -> int: ...

    @property
    def tag_epochs(self) -> tuple[int, ...]: ...

    def index_key(self, kind: int, epoch: int | None = None) -> bytes: ...


def tag64(key: bytes, message: str | bytes) -> int:
    """The 64-bit tag as the signed integer that data bases store."""
    raw = message.encode() if isinstance(message, str) else message
    return int.from_bytes(hmac.digest(key, raw, "sha256")[:8], signed=True)


class Tagger:
    """The tag keys of one epoch, ready for use. Thread-safe: prepared states are only ever copied."""

    __slots__ = ("_keys", "_states", "canary")

    def __init__(self, index_key: Callable[[int], bytes], canary: bytes) -> None:
        self._keys = index_key
        self._states: dict[int, tuple[Any, Any]] = {}
        self.canary = canary

    def tag(self, number: int, message: bytes, kept: int = 64) -> int:
        """The tag of `message` as one of kind `number`."""
        state = self._states.get(number) or self._prepare(number)
        inner, outer = state[0].copy(), state[1].copy()
        inner.update(message)
        outer.update(inner.digest())
        (tag,) = _NUMBER(outer.digest())
        if kept < 64:
            return self.tag(number, b"\0" + ((tag % (1 << 64)) >> (64 - kept)).to_bytes(8))
        return tag  # type: ignore[no-any-return]  # struct gives Any

    def _prepare(self, number: int) -> tuple[Any, Any]:
        padded = self._keys(number).ljust(_BLOCK, b"\0")
        state = hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))
        self._states[number] = state
        return state


_TAGGERS: weakref.WeakKeyDictionary[IndexKeys, dict[int, Tagger]] = weakref.WeakKeyDictionary()


def tagger(keys: IndexKeys, epoch: int | None = None) -> Tagger:
    """The tagger of an epoch (default: the one that is looked up), made again when its keys have changed."""
    wanted = keys.index_epoch if epoch is None else epoch
    known = _TAGGERS.get(keys)
    if known is None:
        known = _TAGGERS.setdefault(keys, {})
    found = known.get(wanted)
    # Tag keys do not change; of a keyring the roots may.
    if found is not None and isinstance(keys, TagKeys):
        return found
    canary = keys.index_key(_CANARY, wanted)
    if found is None or not hmac.compare_digest(found.canary, canary):
        found = known[wanted] = Tagger(partial(_index_key, weakref.ref(keys), wanted), canary)
    return found


def _index_key(keys: weakref.ref[IndexKeys], epoch: int, number: int) -> bytes:
    found = keys()
    if found is None:
        raise ReferenceError("these tag keys are gone")
    return found.index_key(number, epoch)


class _Recipe(NamedTuple):
    """What is tagged of one field, in the form the loop below runs through."""

    texts: tuple[tuple[int, Cut, int], ...]
    forms: Forms | None
    digests: tuple[tuple[int, Callable[[bytes], Any]], ...]


@lru_cache(maxsize=512)
def _recipe(field: Field) -> _Recipe:
    forms = forms_of(field.code)
    return _Recipe(
        tuple((found.number, found.cut, found.kept) for found in kinds_of(field)),
        forms,
        tuple((field.number << 6 | shape, digest_of(name)) for shape, name in DIGESTS) if forms else (),
    )


def digest_of(name: str) -> Callable[[bytes], Any]:
    """The hash constructor: md5 and sha1 protect nothing here, other people's files are full of them."""
    return partial(getattr(hashlib, name), usedforsecurity=False)


def tags_for(
    keys: IndexKeys,
    field: str,
    canonical: str,
    *,
    epoch: int | None = None,
    catalogue: Catalogue = BUILTIN,
) -> list[tuple[int, int]]:
    """Every (kind, tag) of one value by itself; none when the field has no tags of its own."""
    return [found[:2] for found in _own(tagger(keys, epoch), catalogue.field(field), canonical)]


def tags_for_person(
    keys: IndexKeys,
    values: Mapping[str, str],
    *,
    epoch: int | None = None,
    catalogue: Catalogue = BUILTIN,
) -> list[tuple[int, int, str]]:
    """Every (kind, tag, field whose version it carries) for canonical values by field code.

    Own tags of each value and compounds of two. `epoch` defaults to the one that is looked up.
    """
    ready = tagger(keys, epoch)
    made: list[tuple[int, int, str]] = []
    for code, canonical in values.items():
        made += _own(ready, catalogue.field(code), canonical)
    if OWNER in values:
        for number, found in _COMPOUNDS:
            text = found.text(values)
            if text is not None:
                made.append((number, ready.tag(number, text.encode()), OWNER))
    return made


def tags_of_history(
    keys: IndexKeys,
    history: Mapping[str, Sequence[tuple[int, str]]],
    *,
    epoch: int | None = None,
    catalogue: Catalogue = BUILTIN,
) -> set[tuple[int, int, int]]:
    """Every (kind, tag, version) that may ever have been written for a person.

    `history` gives (version, canonical form) of all versions by field code. Compounds are made of every pair of
    versions, whether or not the two were current together.
    """
    ready = tagger(keys, epoch)
    made = {
        (number, tag, version)
        for code, versions in history.items()
        for version, canonical in versions
        for number, tag, _ in _own(ready, catalogue.field(code), canonical)
    }
    for number, found in _COMPOUNDS:
        for version, name in history.get(OWNER, ()):
            for _, other in history.get(found.other, ()):
                text = found.text({OWNER: name, found.other: other})
                if text is not None:
                    made.add((number, ready.tag(number, text.encode()), version))
    return made


def _own(ready: Tagger, field: Field, canonical: str) -> list[tuple[int, int, str]]:
    recipe, code = _recipe(field), field.code
    tag = ready.tag
    made: list[tuple[int, int, str]] = []
    for number, cut, kept in recipe.texts:
        text = cut(canonical)
        if text is not None:
            made.append((number, tag(number, text.encode(), kept), code))
    if recipe.forms is not None:
        for form in recipe.forms(canonical):
            raw = form.encode()
            made += [(number, tag(number, digest(raw).digest()), code) for number, digest in recipe.digests]
    return made


_COMPOUNDS = tuple((kind(made.field, made.shape), made) for made in COMPOUNDS)
