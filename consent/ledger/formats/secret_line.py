"""A private key of whoever signs notes, as one line of text: the form of Go's `note` package and of the C2SP tools.

`PRIVATE+KEY+<name>+<key id, 8 hexadecimal digits>+<base64 of the algorithm's byte and the seed>`. The
algorithm's byte says which layout follows, so the line needs no version of its own.
"""

from typing import Final, NamedTuple

from consent.ledger.errors import Malformed
from consent.ledger.formats import cosignature, note
from consent.ledger.formats.note import ED25519, VerifierKey
from vault.signing import signatures

_MARK: Final = "PRIVATE+KEY+"
_SEED_BYTES: Final = 32


class Secret(NamedTuple):
    """A key and its 32-byte seed."""

    key: VerifierKey
    seed: bytes


def of(name: str, seed: bytes, kind: bytes = ED25519) -> Secret:
    """The key of this seed; raises Malformed for what is no name, or no kind of key."""
    if kind != ED25519:
        return Secret(cosignature.key_of(name, seed, kind), seed)
    if not note.good_name(name):
        raise Malformed("a name has no blanks, no plus and no control characters")
    return Secret(VerifierKey(name, signatures.public_key(seed)), seed)


def line_of(key: VerifierKey, seed: bytes) -> str:
    """The line, with its end."""
    return f"{_MARK}{key.name}+{key.key_id.hex()}+{note.b64(key.kind + seed)}\n"


def read(line: str) -> Secret:
    """From a line without its end; raises Malformed unless name, key id and seed belong together."""
    if not line.startswith(_MARK):
        raise Malformed("no private key")
    try:
        name, key_id, text = line.removeprefix(_MARK).split("+", 2)
    except ValueError:
        raise Malformed("no private key") from None
    raw = note.unb64(text)
    if len(raw) != 1 + _SEED_BYTES:
        raise Malformed("no private key")
    found = of(name, raw[1:], raw[:1])
    if found.key.key_id.hex() != key_id:
        raise Malformed("a private key under the name of another")
    return found
