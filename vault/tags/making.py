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
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from vault.fields.catalogue import BUILTIN, Catalogue, Field
from vault.keys.tag_keys import TagKeys
from vault.sealing.prepared_hmac import PreparedHmac, prepare
from vault.tags.compounds import COMPOUNDS, OWNER
from vault.tags.cuts import Forms
from vault.tags.registry import DIGESTS, forms_of, kind, kinds_of
from vault.tags.shapes import Cut

_WHOLE: Final = 64
_NUMBER = struct.Struct(">q").unpack_from
_CANARY: Final = kind("phone")


class IndexKeys(Protocol):
    """Whatever can give tag keys; 64 hex digits each, of the epoch that is looked up when none is named.

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

    __slots__ = ("_keys", "_recipes", "_states", "canary")

    def __init__(self, index_key: Callable[[int], bytes], canary: bytes) -> None:
        self._keys = index_key
        self._states: dict[int, PreparedHmac] = {}
        self._recipes: dict[str, _Recipe] = {}
        self.canary = canary

    def tag(self, number: int, message: bytes, kept: int = _WHOLE) -> int:
        """The tag of `message` as one of kind `number`."""
        tag = _tag(self._state(number), message)
        if kept < _WHOLE:
            return self.tag(number, b"\0" + ((tag % (1 << 64)) >> (_WHOLE - kept)).to_bytes(8))
        return tag

    def of_value(self, field: Field, canonical: str) -> list[tuple[int, int, str]]:
        """Every (kind, tag, field code) of one value by itself."""
        recipe, code = self._recipe(field), field.code
        made: list[tuple[int, int, str]] = []
        for number, cut, prepared in recipe.texts:
            text = cut(canonical)
            if text is not None:
                made.append((number, _tag(prepared, text.encode()), code))
        for number, cut, kept in recipe.truncated:
            text = cut(canonical)
            if text is not None:
                made.append((number, self.tag(number, text.encode(), kept), code))
        if recipe.forms is not None:
            for form in recipe.forms(canonical):
                raw = form.encode()
                for number, fresh, prepared in recipe.digests:
                    hashed = fresh()
                    hashed.update(raw)
                    made.append((number, _tag(prepared, hashed.digest()), code))
        return made

    def _state(self, number: int) -> PreparedHmac:
        state = self._states.get(number)
        if state is None:
            state = self._states[number] = prepare(self._keys(number), hashlib.sha256)
        return state

    def _recipe(self, field: Field) -> "_Recipe":
        # By code and identity: to hash a field takes as long as to make a tag.
        known = self._recipes.get(field.code)
        if known is None or known.field is not field:
            known = self._recipes[field.code] = self._prepare(field)
        return known

    def _prepare(self, field: Field) -> "_Recipe":
        kinds, forms = kinds_of(field), forms_of(field.code)
        # Copied, too: to be told each time that nothing hangs on them takes longer than to hash.
        hashes = [(field.number << 6 | shape, digest_of(name)(b"").copy) for shape, name in DIGESTS]
        return _Recipe(
            field,
            tuple((one.number, one.cut, self._state(one.number)) for one in kinds if one.kept == _WHOLE),
            tuple((one.number, one.cut, one.kept) for one in kinds if one.kept < _WHOLE),
            forms,
            tuple((number, fresh, self._state(number)) for number, fresh in hashes if forms),
        )


class _Recipe(NamedTuple):
    """What is tagged of one field and under which keys, in the form the loops above run through."""

    field: Field
    texts: tuple[tuple[int, Cut, PreparedHmac], ...]
    truncated: tuple[tuple[int, Cut, int], ...]
    forms: Forms | None
    digests: tuple[tuple[int, Callable[[], Any], PreparedHmac], ...]


def _tag(prepared: PreparedHmac, message: bytes) -> int:
    inner, outer = prepared[0](), prepared[1]()  # `digest` written out: some fifty times a person
    inner.update(message)
    outer.update(inner.digest())
    return _NUMBER(outer.digest())[0]  # type: ignore[no-any-return]  # struct gives Any


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
    return [found[:2] for found in tagger(keys, epoch).of_value(catalogue.field(field), canonical)]


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
        made += ready.of_value(catalogue.field(code), canonical)
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
        for number, tag, _ in ready.of_value(catalogue.field(code), canonical)
    }
    for number, found in _COMPOUNDS:
        for version, name in history.get(OWNER, ()):
            for _, other in history.get(found.other, ()):
                text = found.text({OWNER: name, found.other: other})
                if text is not None:
                    made.add((number, ready.tag(number, text.encode()), version))
    return made


_COMPOUNDS = tuple((kind(made.field, made.shape), made) for made in COMPOUNDS)
