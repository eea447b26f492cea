"""Tables of alias contact points: who was given one, what finds them in a leaked file, and where they come from.

`alias` says that a recipient was given an alias of somebody's; the alias itself is made of a key and not
stored. Of `alias_digest` the bucket comes from the digest, so that one look-up finds it wherever its person
lives: `home` is theirs. A relay number in the pool knows its holder by a keyed digest only, and never gets
another one: a number that was given twice would accuse the wrong recipient. All but the pool only grows, and
goes with its person.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint

from consent.schema.rules import Rule, always, attach_rule
from vault.storage import columns as col
from vault.storage.appendonly import append_only
from vault.storage.database import metadata
from vault.storage.tenancy import tenant_column


def _field() -> CheckConstraint:
    return CheckConstraint("field IN ('email', 'phone')", name="field")


alias = Table(
    "alias",
    metadata,
    col.bucket(),
    col.key("subject"),
    col.text_key("recipient_id"),
    col.text_key("field"),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    col.text("domain"),
    col.time("issued_at"),
    _field(),
    CheckConstraint("(field = 'email') = (domain <> '')", name="domain"),
)

alias_digest = Table(
    "alias_digest",
    metadata,
    col.bucket(),
    col.key("digest"),
    col.number("shape"),
    col.number("home"),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("field"),
    col.big("epoch"),
    CheckConstraint("length(digest) = 16", name="digest"),
    _field(),
    Index("ix_alias_digest_subject", "subject", "bucket"),
)

alias_domain = Table(
    "alias_domain",
    metadata,
    col.key(),
    col.text("domain"),
    col.time("added_at"),
    tenant_column(),
    UniqueConstraint("tenant", "domain"),
)
"""The operator's domains for alias addresses; new ones are made under the one added last."""

relay_number = Table(
    "relay_number",
    metadata,
    col.key("place"),
    col.text("number"),
    col.time("added_at"),
    Column("holder", LargeBinary),
    Column("taken_at", BigInteger),
    tenant_column(),
    UniqueConstraint("tenant", "number"),
    UniqueConstraint("tenant", "holder"),
    CheckConstraint("(holder IS NULL) = (taken_at IS NULL)", name="taken"),
)
"""The operator's pool of numbers. `place` is random: numbers are given out in its order, which nobody can foretell."""

alias_sighting = Table(
    "alias_sighting",
    metadata,
    col.bucket(),
    col.key(),
    col.raw("subject"),
    col.text("recipient_id"),
    col.text("field"),
    col.big("epoch"),
    col.text("source"),
    col.text("place"),
    Column("note", Text),
    col.text("actor"),
    col.time("seen_at"),
    col.time("told_at"),
    CheckConstraint("source IN ('message', 'dump')", name="source"),
    Index("ix_alias_sighting_subject", "subject", "bucket"),
)
"""Where an alias turned up: `place` names the file, or the report of a message. The same place is told once (its id)."""

append_only(alias_domain)
append_only(alias_sighting)
for _table in (alias, alias_digest):
    attach_rule(_table, Rule(_table.name, "BEFORE UPDATE", always("an alias never changes")))
attach_rule(
    relay_number,
    Rule("relay_number", "BEFORE UPDATE", always("a number is given once"), only="OLD.holder IS NOT NULL"),
)
