"""A person's ledger key in their own hands: with it they tell their own tag in every log, and nobody can show
them another's.

A count, or that there is nothing to count, is proven of a tag (`index_proof`); whose tag that is no log says.
The key is given to the person when they are taken in and in the copy of everything, as unpadded base64url of
its 32 bytes, and the `enrol` entry commits to the SHA-256 of "pv1/ledger-key" ‖ 00 ‖ key, in hexadecimal, as
`ledger_key`.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from consent.ledger.bundles.verify import Check, Verdict
from consent.ledger.entries.entry import Kind
from consent.ledger.errors import Malformed
from consent.ledger.openings import tag_of
from vault.base64url import b64url, unb64url

FIELD: Final = "ledger_key"
"""The name of the committed field, and of the key wherever it is handed out."""

_LABEL = b"pv1/ledger-key\x00"
_BYTES = 32


def text_of(key: bytes) -> str:
    """The key as it is handed out."""
    return b64url(key)


def parse(text: str) -> bytes:
    """The key from its text; raises Malformed."""
    try:
        key = unb64url(text)
    except ValueError:
        raise Malformed("not a person's ledger key") from None
    if len(key) != _BYTES:
        raise Malformed("not a person's ledger key")
    return key


def digest_of(key: bytes) -> str:
    """What the `enrol` entry commits to."""
    return hashlib.sha256(_LABEL + key).hexdigest()


def only_about(verdict: Verdict, key: bytes) -> Verdict:
    """The verdict with one more check: that every count and entry is about the person who has this key."""
    if not verdict.ok:
        return verdict
    wrong = next(_strange(verdict, key), None)
    if wrong is None:
        return replace(verdict, checks=(*verdict.checks, Check("person", "bundle", ok=True)))
    where, detail = wrong
    failed = Check("person", where, ok=False, detail=detail)
    return Verdict(checks=(*verdict.checks, failed), anchored=verdict.anchored)


def _strange(verdict: Verdict, key: bytes) -> Iterator[tuple[str, str]]:
    """Where something is about another tag than this person's, and what."""
    for whole in verdict.complete:
        if not hmac.compare_digest(whole.tag, tag_of(key, whole.origin)):
            yield whole.origin, "the count is about another tag than this person's"
    for item in verdict.entries:
        where = f"{item.origin} entry {item.index}"
        if not hmac.compare_digest(item.entry.tag, tag_of(key, item.origin)):
            yield where, "the entry is about another tag than this person's"
        said = dict(item.fields).get(FIELD)
        if item.entry.kind is Kind.ENROL and said is not None and said != digest_of(key):
            yield where, "the person was enrolled with another key"
