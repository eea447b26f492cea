"""Whom a verifier believes: logs, witnesses and their quorum in the C2SP tlog-policy text, receipt keys as a JWK set.

| line                              | meaning                                                             |
|-----------------------------------|---------------------------------------------------------------------|
| `log <vkey> [<url>]`              | a log; its key is named by its origin, its URL is where it is read  |
| `witness <name> <vkey> [<url>]`   | a cosigner; its URL is where it is asked (`add-checkpoint`)         |
| `group <name> <k> <member> ...`   | counts as one witness when k of its members do; `any` is 1, `all` all |
| `quorum <name>`                   | the witness or group a checkpoint needs; `none` needs nobody        |

Names are defined before they are used, and each may be a member once. `keys.json` holds Ed25519 public keys
whose `kid` is their RFC 7638 thumbprint, so that no member of it can be changed unnoticed, the log keys that
sign no more (`retired`), and where logs ended that were given up (`ended`).
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, cosignature, ended, note, retired, strictjson
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.cosignature import Cosigned
from consent.ledger.formats.jws import unb64url
from consent.ledger.formats.note import ED25519, VerifierKey
from consent.ledger.formats.retired import Retired
from vault.base64url import b64url

NOBODY: Final = "none"
MAX_LINES: Final = 4096
_PLAIN = re.compile("[\t\n -~\x80-\U0010ffff]*")
_GAP = re.compile(r"[ \t]+")
"""Blanks of other alphabets are part of a name (tlog-policy, "Character set")."""
_THRESHOLD = re.compile(r"[1-9][0-9]{0,3}")
_WORDS = {"any", "all"}


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner under the name this policy has for it."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses as much as one, when `threshold` of `members` (names of witnesses and groups before it) do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A checkpoint a policy believes, and which of its witnesses cosigned it."""

    checkpoint: Checkpoint
    cosigned: tuple[Cosigned, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Log keys, receipt keys (Ed25519, 32 bytes each), witnesses and the quorum of them that a verifier demands.

    `urls` are (origin, URL) pairs of the logs that have one; `retired` are log keys that sign no more,
    `ended` the last heads of logs that were given up.
    """

    logs: tuple[VerifierKey, ...]
    receipt_keys: tuple[bytes, ...]
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NOBODY
    urls: tuple[tuple[str, str], ...] = ()
    retired: tuple[Retired, ...] = ()
    ended: tuple[Checkpoint, ...] = ()

    @property
    def text(self) -> str:
        """The policy file: logs and witnesses by name, groups in their order, nothing optional."""
        urls = dict(self.urls)
        lines = [_line("log", str(key), urls.get(key.name)) for key in sorted(self.logs, key=str)]
        known = sorted(self.witnesses, key=lambda one: one.name)
        lines += [_line("witness", one.name, str(one.key), one.url) for one in known]
        lines += [_line("group", one.name, str(one.threshold), *one.members) for one in self.groups]
        return "\n".join([*lines, f"quorum {self.quorum}", ""])

    @property
    def keys_json(self) -> str:
        """The key set, by key id, the log keys that sign no more, and the logs that were given up."""
        found: dict[str, Any] = {
            "keys": sorted((jwk(key) for key in self.receipt_keys), key=lambda item: item["kid"])
        }
        if self.retired:
            found[retired.MEMBER] = [one.document() for one in sorted(self.retired, key=str)]
        if self.ended:
            found[ended.MEMBER] = [
                ended.document(one) for one in sorted(self.ended, key=attrgetter("origin"))
            ]
        return json.dumps(found, indent=1, sort_keys=True) + "\n"

    def witnessed_by(self, cosigners: Collection[VerifierKey]) -> bool:
        """Whether these cosigners are the quorum, or more than it."""
        held = {one.name for one in self.witnesses if one.key in cosigners}
        for group in self.groups:
            if sum(member in held for member in group.members) >= group.threshold:
                held.add(group.name)
        return self.quorum == NOBODY or self.quorum in held

    def accept(self, data: bytes) -> Accepted:
        """The checkpoint inside a note that one of the logs signed and the quorum cosigned.

        Raises Malformed, or Unproven when the log or a witness fails, or witnesses are missing.
        """
        found = ended.within(self.ended, self._signed(data))
        cosigned = cosignature.verify(note.parse(data), [one.key for one in self.witnesses])
        if not self.witnessed_by([one.key for one in cosigned]):
            raise Unproven("not cosigned by the quorum of witnesses")
        return Accepted(found, cosigned)

    def _signed(self, data: bytes) -> Checkpoint:
        """The checkpoint inside a note that a key of its log signed, or that this policy itself names as its end."""
        said = checkpoint.parse_text(note.parse(data).text)
        try:
            return checkpoint.verify(data, [*self.logs, *retired.valid_at(self.retired, said.size)])
        except Unproven:
            if said not in self.ended:
                raise
        return said


def parse(text: str, keys_json: str = '{"keys":[]}') -> Policy:
    """A policy from its two files, with the comments and blank lines the format allows; raises Malformed."""
    if not _PLAIN.fullmatch(text) or text.count("\n") > MAX_LINES:
        raise Malformed("a policy is lines of plain text")
    draft = _Draft()
    for line in text.split("\n"):
        words = [word for word in _GAP.split(line) if word]
        if words and not words[0].startswith("#"):
            _take(draft, words)
    if draft.quorum is None:
        raise Malformed("a policy has one quorum line")
    return Policy(
        tuple(draft.logs),
        parse_keys(keys_json),
        tuple(draft.witnesses),
        tuple(draft.groups),
        draft.quorum,
        tuple(draft.urls),
        retired.in_key_set(keys_json),
        ended.in_key_set(keys_json),
    )


@dataclass(slots=True)
class _Draft:
    """A policy as far as it has been read; `free` are the names that no group has taken yet."""

    logs: list[VerifierKey] = field(default_factory=list)
    urls: list[tuple[str, str]] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    names: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    publics: set[bytes] = field(default_factory=set)


def _take(draft: _Draft, words: list[str]) -> None:
    match words:
        case ["log", vkey, *url] if len(url) <= 1:
            key = _key(draft, vkey, frozenset({ED25519}))
            draft.logs.append(key)
            draft.urls += [(key.name, one) for one in url]
        case ["witness", name, vkey, *url] if len(url) <= 1:
            _name(draft, name)
            key = _key(draft, vkey, cosignature.KINDS)
            draft.witnesses.append(Witness(name, key, url[0] if url else None))
        case ["group", name, word, *members] if members:
            draft.groups.append(_group(draft, name, word, members))
        case ["quorum", name] if draft.quorum is None and (name == NOBODY or name in draft.names):
            draft.quorum = name
        case _:
            raise Malformed("not a line of a policy, or one that names what is not defined before it")


def _group(draft: _Draft, name: str, word: str, members: list[str]) -> Group:
    if len(set(members)) < len(members) or not set(members) <= draft.free:
        raise Malformed("a group's members are defined before it, and of one group each")
    if word not in _WORDS and not _THRESHOLD.fullmatch(word):
        raise Malformed("not a threshold")
    threshold = {"any": 1, "all": len(members)}.get(word) or int(word)
    if threshold > len(members):
        raise Malformed("a threshold that its group can never reach")
    _name(draft, name)
    draft.free.difference_update(members)
    return Group(name, threshold, tuple(members))


def _name(draft: _Draft, name: str) -> None:
    if name == NOBODY or name in draft.names:
        raise Malformed("a name defined twice")
    draft.names.add(name)
    draft.free.add(name)


def _key(draft: _Draft, vkey: str, kinds: Collection[bytes]) -> VerifierKey:
    key = VerifierKey.parse(vkey)
    if key.kind not in kinds or key.public in draft.publics:
        raise Malformed("a key of another kind, or one named twice")
    draft.publics.add(key.public)
    return key


def _line(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None)


def parse_keys(keys_json: str) -> tuple[bytes, ...]:
    """The Ed25519 public keys of a key set; raises Malformed for anything else in it."""
    found = strictjson.load(keys_json)
    if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
        raise Malformed("not a key set")
    return tuple(map(_public, found["keys"]))


def jwk(public: bytes) -> dict[str, str]:
    """An Ed25519 public key as a JSON Web Key, named by its thumbprint."""
    x = b64url(public)
    return {"alg": "Ed25519", "crv": "Ed25519", "kid": thumbprint(public), "kty": "OKP", "use": "sig", "x": x}


def thumbprint(public: bytes) -> str:
    """The RFC 7638 SHA-256 thumbprint of an Ed25519 key."""
    x = b64url(public)
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return b64url(hashlib.sha256(text.encode()).digest())


def strangers(trusted: Policy, found: Policy) -> Iterator[str]:
    """What `found` names that `trusted` does not: the origins of unknown logs, the ids of unknown receipt keys.

    A log may have another key beside a trusted one, as while its key is replaced: what the trusted one signed
    counts. Of a log that was given up the head itself is known, or refused.

    Witnesses of its own it may have: the trusted policy counts only those that it knows itself.
    """
    old = {one.key for one in trusted.retired}
    known = {key.name for key in found.logs if key in trusted.logs or key in old}
    known |= {one.origin for one in trusted.ended}
    yield from (key.name for key in found.logs if key.name not in known)
    yield from (thumbprint(key) for key in found.receipt_keys if key not in trusted.receipt_keys)


def _public(item: Any) -> bytes:
    x = item.get("x") if isinstance(item, dict) else None
    public = unb64url(x) if isinstance(x, str) else b""
    if len(public) != 32 or {**jwk(public), **item} != jwk(public):
        raise Malformed("not an Ed25519 key named by its thumbprint")
    return public


NO_WITNESSES: Final = Policy((), ())
"""What an operator without witnesses says of them."""
