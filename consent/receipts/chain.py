"""How receipts of one consent hang together: each names the digest of the one before it, the first has none.

The chain is the grant's and not the person's, because a use's receipt goes to its recipient: a digest that two
recipients see would tell them that they serve the same person. The order is that of the ledger: the grant's own
receipt is number 0, uses follow by the `number` their rows carry, which the data base hands out without a gap,
and the withdrawal is the last. What is digested is the exact bytes that were signed (the payload of the JWS),
not the signature: a chain outlives the keys, and is followed without signing anything.

A chain that was cut off at its end still holds: that nothing is missing there is what its head proves
(`receipts.head`), and the ledger (`bundle`).

Nothing of it is stored. A digest needs the receipts before it, so a process keeps the digests of the grants it has
lately met, and reads what it has not made itself from the committed rows.

`chains(vault, wanted) -> dict`: of each grant named with a number, its chain up to before that number.
"""

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any, Final

from sqlalchemy import Connection

from consent.asking.ask import details_of
from consent.ids import DisclosureId, GrantId, RecipientId, canonical_json, fields_of
from consent.permits.committed import SIGNING, CommittedUse, Ref, committed_uses
from consent.receipts.records import GrantFacts, Named, record
from consent.recipients.pairwise import pairwise
from vault.families.guardians import link_name
from vault.ids import Bucket, SubjectId, TenantId
from vault.opening import Vault
from vault.storage.rowset import RowSet

type Key = tuple[Bucket, GrantId]
type Text = Callable[["Chain", CommittedUse], str]

_KEPT: Final = 2048
_IN_REQUEST: Final = '"terms_signature":"sha-256:'

_GRANTS = RowSet(
    "WITH {rows} SELECT g.bucket, g.id, g.subject, g.recipient_id, r.legal_name, r.registration_no, r.jurisdiction, "
    "r.country, g.purpose, "
    "g.consent_kind, g.fields, g.notice_id, n.version, n.lang, g.notice_hash, n.rights, g.terms_id, g.terms_hash, "
    "g.retention, g.max_uses, g.window_from, g.window_to, g.parent_grant, g.onward, g.approval_hash, s.shown_at, g.decided_at, "
    f"g.ledger_year, e.idx, e.leaf, e.body, {SIGNING.format('g.decided_at')}, t.hash, s.details, "
    "a.guardian, a.guardian_from, g.written_hash, g.written_lang, g.written_by FROM rows "
    "JOIN consent_grant g ON g.bucket = rows.bucket AND g.id = rows.id "
    "JOIN notice_showing s ON s.bucket = g.bucket AND s.id = g.showing_id "
    "JOIN recipient r ON r.id = g.recipient_id JOIN notice_version n ON n.id = g.notice_id "
    "LEFT JOIN terms_signature t ON t.terms_id = g.terms_id "
    "LEFT JOIN guarded_step a ON a.bucket = g.bucket AND a.grant_id = g.id AND a.number = 0 "
    "JOIN ledger_entry e ON e.bucket = g.bucket AND e.year = g.ledger_year AND e.id = g.id",
    bucket="int",
    id="bytes",
)
_BETWEEN = RowSet(
    "WITH {rows} SELECT d.bucket, d.id FROM rows JOIN disclosure d ON d.grant_id = rows.id "
    "AND d.bucket = rows.bucket AND d.number >= rows.first AND d.number < rows.until",
    bucket="int",
    id="bytes",
    first="int",
    until="int",
)


class Chain:
    """One grant's receipts as far as they are known: its facts, its record as text, the digest of each receipt."""

    __slots__ = ("_lock", "digests", "facts", "record")

    def __init__(self, facts: GrantFacts, text: str) -> None:
        self.facts, self.record = facts, text
        self.digests: list[str] = []
        self._lock = Lock()

    def put(self, number: int, payload: str) -> None:
        """The exact text of receipt `number`; only the next one is news."""
        if number == len(self.digests):
            found = digest(payload)
            with self._lock:
                if number == len(self.digests):
                    self.digests.append(found)

    def before(self, number: int) -> str:
        """The digest of the receipt before `number`."""
        return self.digests[number - 1]


class _Lately:
    """The chains met lately, the oldest forgotten first; shared by the threads of a process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[TenantId, Key], Chain] = OrderedDict()

    def get(self, tenant: TenantId, keys: Iterable[Key]) -> dict[Key, Chain]:
        with self._lock:
            found = {key: self._kept[tenant, key] for key in keys if (tenant, key) in self._kept}
            for key in found:
                self._kept.move_to_end((tenant, key))
        return found

    def put(self, tenant: TenantId, chains: Mapping[Key, Chain]) -> None:
        with self._lock:
            for key, chain in chains.items():
                self._kept[tenant, key] = chain
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        """As after a restart."""
        with self._lock:
            self._kept.clear()


LATELY: Final = _Lately()


def digest(payload: str) -> str:
    """What a receipt's successor calls it: `sha-256:` and unpadded base64url, of its payload's exact bytes."""
    raw = hashlib.sha256(payload.encode()).digest()
    return f"sha-256:{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def chains(
    vault: Vault,
    wanted: Mapping[Key, int],
    first: Callable[[Chain], str],
    text: Text,
    uses: Sequence[CommittedUse] = (),
    conn: Connection | None = None,
) -> dict[Key, Chain]:
    """Each grant's chain, known up to before the number wanted; grants that are not there are left out.

    `first` and `text` make the payload of a grant's and of a use's receipt; `uses` are at hand already.
    What must be read is read by `conn`, or by a connection of its own.
    """
    tenant = vault.installation.tenant
    found = LATELY.get(tenant, wanted)
    if missing := [key for key in wanted if key not in found]:
        fresh = _read(vault, missing, conn)
        for chain in fresh.values():
            chain.put(0, first(chain))
        LATELY.put(tenant, fresh)
        found |= fresh
    for use in _earlier(vault, found, wanted, uses, conn):
        chain = found[use.bucket, use.grant_id]
        if use.number == len(chain.digests):
            chain.put(use.number, text(chain, use))
    return found


def _earlier(
    vault: Vault,
    found: Mapping[Key, Chain],
    wanted: Mapping[Key, int],
    uses: Sequence[CommittedUse],
    conn: Connection | None,
) -> list[CommittedUse]:
    """The uses whose receipts must be made to know the digests that are wanted, in order."""
    at_hand = {(use.bucket, use.grant_id, use.number): use for use in uses}
    needed = [
        (*key, number) for key, chain in found.items() for number in range(len(chain.digests), wanted[key])
    ]
    absent = {(bucket, grant) for bucket, grant, number in needed if (bucket, grant, number) not in at_hand}
    if absent:
        spans = [(*key, len(found[key].digests), wanted[key]) for key in sorted(absent)]
        with _reading(vault, conn) as reader:
            refs: list[Ref] = [(Bucket(bucket), DisclosureId(use)) for bucket, use in _BETWEEN(reader, spans)]
            read = [use for use in committed_uses(reader, refs) if use is not None]
        at_hand |= {(use.bucket, use.grant_id, use.number): use for use in read}
    return [at_hand[one] for one in sorted(needed)]


def _reading(vault: Vault, conn: Connection | None) -> AbstractContextManager[Connection]:
    return vault.data.glance() if conn is None else nullcontext(conn)


def _read(vault: Vault, keys: Sequence[Key], conn: Connection | None) -> dict[Key, Chain]:
    with _reading(vault, conn) as reader:
        rows = _GRANTS(reader, list(keys))
    facts = [_facts(row) for row in rows]
    return {(one.bucket, one.id): Chain(one, canonical_json(record(one, named(vault, one)))) for one in facts}


def named(vault: Vault, facts: GrantFacts) -> Named:
    """The names of those whose consent it is, for its recipient alone."""
    link = "" if facts.link is None else pairwise(vault, facts.recipient_id, SubjectId(facts.link))
    return Named(principal=pairwise(vault, facts.recipient_id, facts.subject), link=link)


def _facts(row: Sequence[Any]) -> GrantFacts:
    bucket, grant, subject, recipient, name, registration, law, country, purpose, kind, fields, *rest = row
    notice, version, lang, notice_hash, rights, terms, terms_hash, retention, uses, opens, closes, *rest = (
        rest
    )
    parent, onward, approval, asked, decided, year, idx, leaf, body, signing, signed, details, *rest = rest
    guardian, guardian_from, *written = rest
    return GrantFacts(
        bucket=Bucket(bucket),
        id=GrantId(grant),
        subject=SubjectId(subject),
        recipient_id=RecipientId(recipient),
        recipient_name=name,
        registration_no=registration,
        jurisdiction=law,
        country=country,
        purpose=purpose,
        kind=kind,
        fields=fields_of(fields),
        notice_id=notice,
        notice_version=version,
        notice_lang=lang,
        notice_hash=notice_hash,
        rights=rights,
        terms_id=terms,
        terms_hash=terms_hash,
        terms_signature=_signature(signed, details),
        written_hash=written[0],
        written_lang=written[1],
        written_by=written[2],
        retention=retention,
        max_uses=uses,
        window_from=opens,
        window_to=closes,
        parent=None if parent is None else GrantId(parent),
        onward=fields_of(onward),
        approval=approval,
        asked_at=asked,
        decided_at=decided,
        ledger_year=year,
        idx=idx,
        leaf=leaf,
        body=body,
        signing=signing,
        link=None if guardian is None else link_name(SubjectId(subject), SubjectId(guardian), guardian_from),
    )


def _signature(at_publication: str | None, details: str) -> str:
    """What names the recipient's signature under its terms: that in the request, if there was one (`terms.signature`).

    The data base takes no grant without either. Requests without one, the most, are not parsed for it.
    """
    in_request = details_of(details).terms_signature if _IN_REQUEST in details else None
    return in_request or at_publication or ""
