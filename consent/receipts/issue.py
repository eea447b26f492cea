"""Receipts: our signed word on a consent, on each of its uses and on its withdrawal, derived from committed rows.

A receipt carries the consent record of ISO/IEC TS 27560 (`records`), names the exact ledger entry (`log`,
`index`, `leaf`, `commitment`: what a verifier compares with the proven entry), and with `prev` the receipt
before it in its consent's chain (`receipts.chain`). It holds no value and no name of the person. It is never
stored: equal rows give equal bytes, under the key that was current when it happened.

| type                     | on                 | number in the chain            |
|--------------------------|--------------------|--------------------------------|
| `perusal-grant+jwt`      | a consent          | 0, `prev` null                 |
| `perusal-refusal+jwt`    | a refusal          | 0, and nothing follows         |
| `perusal-receipt+jwt`    | a use of it        | 1, 2, 3 ... in ledger order    |
| `perusal-withdrawal+jwt` | its withdrawal     | one more than the uses         |

* `receipts(vault, uses) -> list[str]` compact JWS, in order; `withdrawal_receipts(conn, vault, ended) -> list[str]`.
* `all_receipts(vault, key, uses, ended) -> list[str]`: a consent's whole chain.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from consent.ids import GrantId, RecipientId, canonical_json, disclosure_text, grant_text, use_text
from consent.instants import instant
from consent.ledger.append import Position
from consent.ledger.entries.entry import parse
from consent.ledger.origin import LogId, origin_of
from consent.permits.committed import CommittedUse
from consent.receipts.chain import Chain, Key, chains, named
from consent.receipts.records import GrantFacts, Past, record
from consent.signing import signed
from consent.signing.keys import Purpose, derived
from consent.signing.signed import PublicKey
from vault.base64url import b64url
from vault.ids import Bucket
from vault.opening import Vault
from vault.signing import signatures

GRANT_TYPE: Final = "perusal-grant+jwt"
REFUSAL_TYPE: Final = "perusal-refusal+jwt"
RECEIPT_TYPE: Final = "perusal-receipt+jwt"
WITHDRAWAL_TYPE: Final = "perusal-withdrawal+jwt"
_RECORD: Final = '"@record"'
"""Stands for the record while the rest is written: the record's text is made once for each consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A committed withdrawal, and the generation of the key its receipt has; times in Unix milliseconds.

    `terminated_at` is when its recipient had ended the consent before, if it had.
    """

    bucket: Bucket
    grant_id: GrantId
    recipient_id: RecipientId
    at: int
    disclosures: int
    position: Position
    signing: int
    terminated_at: int | None = None


def public_key(vault: Vault) -> PublicKey:
    """The first of the keys that verify this installation's receipts; `signing_keys.receipt_keys` gives all."""
    return signed.public_key(vault.keyring.service_key(Purpose.RECEIPT))


def receipts(vault: Vault, uses: Sequence[CommittedUse]) -> list[str]:
    """One receipt per committed use, in order."""
    found = _chains(vault, _wanted((use.bucket, use.grant_id, use.number) for use in uses), uses)
    return [_use_receipt(vault, found[use.bucket, use.grant_id], use) for use in uses]


def withdrawal_receipts(conn: Connection, vault: Vault, ended: Sequence[Ended]) -> list[str]:
    """One receipt per withdrawal, in order; `conn` may be the transaction that writes them."""
    wanted = _wanted((one.bucket, one.grant_id, one.disclosures + 1) for one in ended)
    found = _chains(vault, wanted, conn=conn)
    return [_withdrawal_receipt(vault, found[one.bucket, one.grant_id], one) for one in ended]


def all_receipts(
    vault: Vault, key: Key, uses: Sequence[CommittedUse], ended: Sequence[Ended], *, given: bool = True
) -> list[str]:
    """A consent's chain from its own receipt on: `uses` are all of its uses by number, `ended` its withdrawal if any.

    Of what was not `given` it is the person's own refusal, if that is how it ended.
    """
    found = _chains(vault, {key: len(uses) + 1}, uses)
    if key not in found or found[key].facts.refused is given:
        return []
    chain = found[key]
    first = _sign(
        vault,
        REFUSAL_TYPE if chain.facts.refused else GRANT_TYPE,
        chain.facts.signing,
        _grant_text(vault, chain),
    )
    return [
        first,
        *(_use_receipt(vault, chain, use) for use in uses),
        *(_withdrawal_receipt(vault, chain, one) for one in ended),
    ]


def _chains(
    vault: Vault,
    wanted: dict[Key, int],
    uses: Sequence[CommittedUse] = (),
    *,
    conn: Connection | None = None,
) -> dict[Key, Chain]:
    return chains(vault, wanted, partial(_grant_text, vault), partial(_use_text, vault), uses, conn)


def _wanted(numbers: Iterable[tuple[Bucket, GrantId, int]]) -> dict[Key, int]:
    """Of each grant the highest number that is asked for: everything before it must be known."""
    wanted: dict[Key, int] = {}
    for bucket, grant, number in numbers:
        wanted[bucket, grant] = max(number, wanted.get((bucket, grant), 0))
    return wanted


def _use_receipt(vault: Vault, chain: Chain, use: CommittedUse) -> str:
    text = _use_text(vault, chain, use)
    chain.put(use.number, text)
    return _sign(vault, RECEIPT_TYPE, use.signing, text)


def _withdrawal_receipt(vault: Vault, chain: Chain, ended: Ended) -> str:
    facts, position, number = chain.facts, ended.position, ended.disclosures + 1
    payload = {
        "iss": vault.installation.ledger_host,
        "iat": ended.at // 1000,
        "grant": grant_text(ended.grant_id),
        **_parent(facts),
        "recipient": ended.recipient_id,
        "withdrawn_at": instant(ended.at),
        "number": number,
        "prev": chain.before(number),
        "record": record(facts, named(vault, facts), _closing(facts, ended)),
        **_entry(position.origin, position.idx, position.leaf, position.body),
    }
    return _sign(vault, WITHDRAWAL_TYPE, ended.signing, canonical_json(payload))


def _closing(facts: GrantFacts, ended: Ended) -> tuple[Past, ...]:
    """The states between its giving and its withdrawal: its window may have closed on what was neither used up nor ended."""
    open_until = ended.at if ended.terminated_at is None else ended.terminated_at
    expired = ended.disclosures < facts.max_uses and facts.window_to <= open_until
    past: tuple[Past, ...] = (("ConsentExpired", facts.window_to),) if expired else ()
    return (*past, ("ConsentWithdrawn", ended.at))


def _grant_text(vault: Vault, chain: Chain) -> str:
    facts, host = chain.facts, vault.installation.ledger_host
    payload = {
        "iss": host,
        "aud": facts.recipient_id,
        "iat": facts.decided_at // 1000,
        "at": instant(facts.decided_at),
        "grant": grant_text(facts.id),
        "approval": facts.approval.hex(),
        **_parent(facts),
        "number": 0,
        "prev": None,
        "record": "@record",
        **_entry(origin_of(host, LogId(facts.bucket, facts.ledger_year)), facts.idx, facts.leaf, facts.body),
    }
    return canonical_json(payload).replace(_RECORD, chain.record)


def _use_text(vault: Vault, chain: Chain, use: CommittedUse) -> str:
    host = vault.installation.ledger_host
    payload = {
        "iss": host,
        "aud": use.recipient_id,
        "iat": use.committed_at // 1000,
        "at": instant(use.committed_at),
        "disclosure": disclosure_text(use.disclosure_id),
        "grant": grant_text(use.grant_id),
        **_parent(chain.facts),
        "use": use_text(use.use_id),
        "slot": use.slot,
        "of": use.quota,
        "purpose": use.purpose,
        "fields": list(use.fields),
        "retention": use.retention,
        "notice": use.notice_hash,
        "terms": use.terms_hash,
        "number": use.number,
        "prev": chain.before(use.number),
        "record": "@record",
        **_entry(origin_of(host, use.log), use.idx, use.leaf, use.body),
    }
    return canonical_json(payload).replace(_RECORD, chain.record)


def _parent(facts: GrantFacts) -> dict[str, str]:
    """The consent above, where there is one."""
    return {} if facts.parent is None else {"parent_grant": grant_text(facts.parent)}


def _sign(vault: Vault, kind: str, generation: int, payload: str) -> str:
    """The compact JWS of exactly this text, which is canonical JSON already."""
    key = derived(vault, Purpose.RECEIPT, generation)
    message = f"{signed.header(kind, PublicKey(b'', key.kid))}.{b64url(payload.encode())}"
    return f"{message}.{b64url(signatures.sign(key.seed, message.encode()))}"


def _entry(origin: str, idx: int, leaf: bytes, body: bytes) -> dict[str, Any]:
    return {
        "log": origin,
        "index": idx,
        "leaf": leaf.hex(),
        "commitment": parse(body).commitment.hex(),
    }
