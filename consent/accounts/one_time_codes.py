"""One-time codes: six digits that reach a person at a phone number or e-mail address of theirs.

A code holds for ten minutes, five tries and one use, in the browser that asked for it (`binding`), for the one
thing it was asked for (`about`), and only as long as that browser asks for no newer one for the same: what strangers
ask for, or the person for something else, takes none away. What it takes is the same in the same statements whether
or not the address is anybody's: a code for nobody is stored too, and no answer tells them apart.

* `issue(conn, vault, value, asked, now_ms) -> Issued`; `Issued.known` is for whoever sends codes, and no one else.
  With `only` an address of somebody else is as good as nobody's.
* `spend(conn, vault, ticket, code, asked, now_ms) -> Person | None`, in the caller's transaction, which must be
  committed whatever the answer is: tries count.
"""

import hashlib
import hmac
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from consent.schema.account_tables import MOST_TRIES, sign_in_code
from vault.errors import MalformedId
from vault.finding.holder import KeyValue, holder
from vault.ids import (
    ID_BYTES,
    Person,
    SubjectId,
    bucket_for,
    bucket_of_hash,
    new_secret,
    secret_bucket,
    secret_hash,
)
from vault.opening import Vault
from vault.people.holds import take_people

TICKET_PREFIX: Final = "otc"
LIFETIME_MS: Final = 600_000
DIGITS: Final = 6
_PLACE: Final = ("bucket", "address", "asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What a code is good for: the browser's secret it is bound to, and a digest of what it approves ("" signs in)."""

    binding: str
    about: bytes = b""

    def __repr__(self) -> str:
        return "AskedFor()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new code, which is stored nowhere, and the ticket under which it is entered."""

    ticket: str
    code: str
    known: bool

    def __repr__(self) -> str:
        return "Issued()"


def address_of(vault: Vault, value: KeyValue) -> bytes:
    """The keyed digest, 32 bytes, under which an address is known to the data base."""
    return _mac(vault, b"address", value.field.encode(), value.canonical.encode())


def issue(
    conn: Connection,
    vault: Vault,
    value: KeyValue,
    asked: AskedFor,
    now_ms: int,
    *,
    only: Person | None = None,
) -> Issued:
    """Make a code; an earlier one of this address for the same asker and thing is worth nothing from this commit on."""
    address = address_of(vault, value)
    found = holder(conn, vault, value)
    found = found if only in {None, found} else None
    # From the digest, never from the person: what the ticket shows must not tell two numbers of one person.
    bucket = bucket_of_hash(address, vault.installation.buckets)
    ticket, code = new_secret(TICKET_PREFIX, bucket), f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    row = {
        "bucket": bucket,
        "address": address,
        "asked": _mac(vault, b"asked", asked.binding.encode(), asked.about),
        "ticket_hash": secret_hash(ticket),
        "code_mac": _code_mac(vault, ticket, code, asked),
        "subject": found[1] if found else secrets.token_bytes(ID_BYTES),
        "tries": 0,
        "created_at": now_ms,
        "expires_at": now_ms + LIFETIME_MS,
        "used_at": None,
    }
    dialect = sqlite if conn.dialect.name == "sqlite" else postgresql
    written = dialect.insert(sign_in_code).values(row)
    changed = {name: value for name, value in row.items() if name not in _PLACE}
    conn.execute(written.on_conflict_do_update(index_elements=_PLACE, set_=changed))
    return Issued(ticket=ticket, code=code, known=found is not None)


def spend(
    conn: Connection, vault: Vault, ticket: str, code: str, asked: AskedFor, now_ms: int
) -> Person | None:
    """Use a code up; whose it is, or None: wrong, old, used, superseded and nobody's codes look alike.

    The person may be gone meanwhile: the caller looks whether they are still there.
    """
    try:
        bucket = secret_bucket(TICKET_PREFIX, ticket)
    except MalformedId:
        return None
    c = sign_in_code.c
    own = (c.bucket == bucket) & (c.ticket_hash == secret_hash(ticket))
    # The person's row first, as everywhere: an erasure takes it before it throws codes away.
    _hold(conn, vault, conn.execute(select(c.subject).where(own)).scalar_one_or_none())
    # Counted before it is compared: whoever tries at the same moment waits for this row, and finds one try fewer.
    tried = conn.execute(
        update(sign_in_code)
        .where(own, c.used_at.is_(None), c.tries < MOST_TRIES, c.expires_at > now_ms)
        .values(tries=c.tries + 1)
        .returning(c.subject, c.code_mac)
    ).one_or_none()
    given = _code_mac(vault, ticket, code, asked)
    if tried is None or not hmac.compare_digest(given, tried.code_mac):
        return None
    used = conn.execute(update(sign_in_code).where(own, c.used_at.is_(None)).values(used_at=now_ms))
    if used.rowcount != 1:
        return None
    return _person(vault, SubjectId(tried.subject))


def _hold(conn: Connection, vault: Vault, subject: bytes | None) -> None:
    if subject is not None:
        take_people(conn, [_person(vault, SubjectId(subject))])


def _person(vault: Vault, subject: SubjectId) -> Person:
    return bucket_for(subject, vault.installation.buckets), subject


def digits_in(text: str) -> str:
    """A code as people type or paste it: with blanks, or in wide digits."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def sweep_codes(conn: Connection, now_ms: int) -> None:
    """Forget codes that have run out."""
    conn.execute(delete(sign_in_code).where(sign_in_code.c.expires_at <= now_ms))


def _code_mac(vault: Vault, ticket: str, code: str, asked: AskedFor) -> bytes:
    return _mac(vault, b"code", ticket.encode(), asked.binding.encode(), asked.about, code.encode())


def _mac(vault: Vault, *parts: bytes) -> bytes:
    """HMAC-SHA-256 over parts, each behind its length, so that no two lists of parts read alike."""
    text = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hmac.digest(vault.keyring.service_key("code"), b"perusal code v1" + text, hashlib.sha256)
