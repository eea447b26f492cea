"""Giving aliases: written when a person approves, served at every disclosure under that approval, gone with the person.

The same person gives the same recipient the same alias whatever it asks for next, so nothing is learned by
asking again. A disclosure reads the alias as it stood when the use was committed; the person's own value is not
opened for it.

* `give(conn, vault, person, recipient_id, fields, now_ms) -> bool`: False where the pool has nothing left.
* `served(conn, vault, wanted) -> list[str | None]`: wanted are (bucket, person, recipient, alias code, Unix ms).
* `forget(conn, people)`: what finds their aliases is destroyed with them.
"""

from collections.abc import Iterable, Sequence
from itertools import count

from sqlalchemy import Connection

from consent.ids import RecipientId
from consent.marks.alias_pool import pool, take_number
from consent.marks.aliases import Alias, address, digests, holder
from consent.wording.alias_fields import ALIASES
from vault.ids import Bucket, Person, SubjectId, bucket_of_hash
from vault.opening import Vault
from vault.storage.rowset import RowSet

type Wanted = tuple[Bucket, SubjectId, RecipientId, str, int]
"""(bucket, person, recipient, alias code, as of when in Unix ms)."""

_HELD = RowSet(
    "WITH {rows} SELECT rows.i, a.epoch, a.domain FROM rows JOIN alias a ON a.bucket = rows.bucket "
    "AND a.subject = rows.subject AND a.recipient_id = rows.recipient AND a.field = rows.field "
    "AND a.issued_at <= rows.at ORDER BY rows.i, a.epoch",
    bucket="int",
    subject="bytes",
    recipient="text",
    field="text",
    at="int",
)
_GIVE = RowSet(
    "WITH {rows} INSERT INTO alias (bucket, subject, recipient_id, field, epoch, domain, issued_at) "
    "SELECT bucket, subject, recipient, field, epoch, domain, :now FROM rows",
    bucket="int",
    subject="bytes",
    recipient="text",
    field="text",
    epoch="int",
    domain="text",
)
_FIND_BY = RowSet(
    "WITH {rows} INSERT INTO alias_digest (bucket, digest, shape, home, subject, recipient_id, field, epoch) "
    "SELECT bucket, digest, shape, home, subject, recipient, field, epoch FROM rows WHERE true "
    "ORDER BY bucket, digest ON CONFLICT DO NOTHING RETURNING digest",
    bucket="int",
    digest="bytes",
    shape="int",
    home="int",
    subject="bytes",
    recipient="text",
    field="text",
    epoch="int",
)
_NUMBERS = RowSet(
    "WITH {rows} SELECT rows.i, n.number FROM rows JOIN relay_number n ON n.holder = rows.holder",
    holder="bytes",
)
_FORGET = (
    RowSet(
        "WITH {rows} DELETE FROM alias_digest WHERE subject IN (SELECT subject FROM rows)",
        bucket="int",
        subject="bytes",
    ),
    RowSet(
        "WITH {rows} DELETE FROM alias WHERE (bucket, subject) IN (SELECT bucket, subject FROM rows)",
        bucket="int",
        subject="bytes",
    ),
)


def give(
    conn: Connection,
    vault: Vault,
    person: Person,
    recipient_id: RecipientId,
    fields: Iterable[str],
    now_ms: int,
) -> bool:
    """Make the aliases among `fields` that this recipient has not yet; the caller holds the person's row."""
    codes = [code for code in fields if code in ALIASES]
    if not codes:
        return True
    wanted = [(*person, recipient_id, ALIASES[code], now_ms) for code in codes]
    known = {i for i, *_ in _HELD(conn, wanted)}
    missing = [ALIASES[code] for i, code in enumerate(codes) if i not in known]
    return all(_make(conn, vault, person, recipient_id, base, now_ms) for base in missing)


def served(conn: Connection, vault: Vault, wanted: Sequence[Wanted]) -> list[str | None]:
    """The alias of each, in order; None where there is none. Two statements at most."""
    asked = [(bucket, who, whom, ALIASES[code], at) for bucket, who, whom, code, at in wanted]
    latest = {i: (epoch, domain) for i, epoch, domain in _HELD(conn, asked)}
    held = {i: _alias(asked[i], *found) for i, found in latest.items()}
    return _texts(conn, vault, [held.get(i) for i in range(len(wanted))])


def texts_of(conn: Connection, vault: Vault, aliases: Sequence[Alias]) -> list[str | None]:
    """What these aliases are, in order."""
    return _texts(conn, vault, aliases)


def forget(conn: Connection, people: Sequence[Person]) -> None:
    """Nothing leads from an alias to these people any more."""
    for statement in _FORGET:
        statement(conn, people)


def _alias(asked: Wanted, epoch: int, domain: str) -> Alias:
    bucket, who, whom, base, _ = asked
    return Alias(bucket=bucket, subject=who, recipient_id=whom, field=base, epoch=epoch, domain=domain)


def _texts(conn: Connection, vault: Vault, aliases: Sequence[Alias | None]) -> list[str | None]:
    key = vault.keyring.service_key("alias")
    phones = [(i, one) for i, one in enumerate(aliases) if one is not None and one.field == "phone"]
    rows = _NUMBERS.in_order(conn, [(holder(key, one),) for _, one in phones])
    numbers = {i: row[0] for (i, _), row in zip(phones, rows, strict=True) if row is not None}
    return [
        None if one is None else address(key, one) if one.domain else numbers.get(i)
        for i, one in enumerate(aliases)
    ]


def _make(
    conn: Connection, vault: Vault, person: Person, recipient_id: RecipientId, base: str, now_ms: int
) -> bool:
    domain = _newest_domain(conn) if base == "email" else ""
    if domain is None:
        return False
    key = vault.keyring.service_key("alias")
    for epoch in count(1):
        one = _alias((*person, recipient_id, base, now_ms), epoch, domain)
        text = address(key, one) if domain else take_number(conn, holder(key, one), now_ms)
        if text is None:
            return False
        if _findable(conn, vault, one, text):
            _GIVE(conn, [(*person, recipient_id, base, epoch, domain)], now=now_ms)
            return True
    raise AssertionError  # unreachable: every epoch has another tag


def _findable(conn: Connection, vault: Vault, one: Alias, text: str) -> bool:
    """Let the alias be found; False when somebody else has the very same already, once in 2^64 or so."""
    buckets = vault.installation.buckets
    about = (one.bucket, one.subject, one.recipient_id, one.field, one.epoch)
    rows = [
        (bucket_of_hash(digest, buckets), digest, shape, *about)
        for shape, digest in digests(vault.keyring.service_key("alias"), one.field, text)
    ]
    return len(_FIND_BY(conn, rows)) == len(rows)


def _newest_domain(conn: Connection) -> str | None:
    domains = pool(conn).domains
    return domains[0] if domains else None
