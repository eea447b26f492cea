"""What the data base itself refuses, on both dialects (consent.md §2.6, §6): the handler code is not trusted.

* A disclosure row needs an active grant inside its window with a use left, an unvoided use with a slot
  left, the same recipient, person and purpose, and only granted fields; inserting it spends both counters.
* A grant moves only along `grant_transition`, counts its disclosures, and is withdrawn by a withdrawal row only, and
  terminated by a termination only, revoked or invalidated by an annulment only.
* A use is minted from an active grant, never for more than is left, nor for fields the grant has not; it counts
  its disclosures and is voided once. A refresh token belongs to a counted grant and mints until it is voided.
* A disclosure's redeliveries and a day's denials are one row each whose counter only goes up; an Idempotency-Key
  stands for one disclosure for ever.
* A grant for onward provision lies inside an active parent of the same person that names its recipient, ends before its
  parent does, and mints and discloses nothing while anything above it is not active (`chains`).
* Nothing that was shown, approved, disclosed or withdrawn can be changed or deleted. What came to nothing can be swept out
  (`sweeping`): a request nobody took up, a use that a refresh token minted and nobody spent, and its token.
"""

from sqlalchemy import MetaData, Table

from consent.schema import spending
from consent.schema.grant_chains import stands
from consent.schema.grant_states import BIRTHS, MOVES
from consent.schema.rules import Check, Rule, always, attach_rule, only_moves
from vault.storage.appendonly import append_only, install

APPEND_ONLY = (
    "consent_request",
    "request_claim",
    "notice_showing",
    "auth_code",
    "token",
    "deletion_proof",
    "disclosure",
    "withdrawal",
    "idempotency",
)

MOVING = {
    "consent_grant": ("used", "state"),
    "use": ("spent", "voided_at"),
    "refresh_token": ("voided_at",),
    "redelivery": ("attempts", "last_at"),
    "denial": ("attempts", "last_at"),
    "event_outbox": (
        "again_at",
        "attempts",
        "body",
        "code",
        "delivered_at",
        "failed_at",
        "lease",
        "next_at",
    ),
    "consumer": ("sign_in_hash", "lang"),
    "client": ("jwks", "jwks_uri", "notification_uri", "redirect_uris", "suspended_at"),
    "recipient": ("contact", "erase_days", "event_uri", "suspended_at"),
}
"""The only columns of these tables that may ever change."""

SWEPT = frozenset({"consent_request", "token", "use"})
"""Of these, rows that came to nothing may go."""


def attach(metadata: MetaData) -> None:
    """Attach every rule to its table: created with the table, on SQLite and PostgreSQL."""
    for name in APPEND_ONLY:
        append_only(metadata.tables[name], swept=name in SWEPT)
    for name, moving in MOVING.items():
        only_moves(metadata.tables[name], moving, swept=name in SWEPT)
    _seed_transitions(metadata.tables["grant_transition"])
    for name in ("consent_grant", "use"):
        # Room on each page lets PostgreSQL count up in place instead of rewriting every index entry.
        install(metadata.tables[name], postgresql=f"ALTER TABLE {name} SET (fillfactor = 50)")
    for rule in _RULES:
        attach_rule(metadata.tables[rule.table], rule)
    spending.attach(metadata)


def _seed_transitions(table: Table) -> None:
    """Write the legal moves with the table, then let nobody add, change or delete one."""
    moves = ", ".join(f"('{a}', '{b}')" for a, after in MOVES.items() for b in sorted(after))
    seed = f"INSERT INTO {table.name} (from_state, to_state) VALUES {moves}"
    install(table, sqlite=seed, postgresql=seed)
    append_only(table)
    attach_rule(table, Rule(table.name, "BEFORE INSERT", always("the moves are fixed")))


_GRANT = "consent_grant g WHERE g.bucket = NEW.bucket AND g.id = NEW.grant_id"
_THIS_GRANT = "UPDATE consent_grant SET {} WHERE bucket = NEW.bucket AND id = NEW.grant_id"
_SHOWING = "s.bucket = NEW.bucket AND s.id = NEW.showing_id"
# Canonical JSON, in which no text can write an unescaped quote: only the member itself reads so.
_SIGNED_REQUEST = 's.details LIKE \'%"terms_signature":"sha-256:%\''
_births = ", ".join(f"'{s}'" for s in sorted(BIRTHS))
_PARENT = "consent_grant p WHERE p.bucket = NEW.bucket AND p.id = NEW.parent_grant"
_ONWARD = (
    # Held as it is until the commit: a withdrawal of the parent either sees this grant or is seen by it.
    Check(
        "an onward grant needs an active parent of the same person whose window holds its own",
        f"NEW.parent_grant IS NOT NULL AND NEW.state = 'active' AND NOT EXISTS (SELECT 1 FROM {_PARENT} "
        f"AND p.subject = NEW.subject AND p.state = 'active' AND {stands('p')} AND NEW.hops = p.hops + 1 "
        "AND NEW.window_from >= p.window_from AND NEW.window_to <= p.window_to {share})",
    ),
    Check(
        "an onward grant has fields beyond its parent",
        "NEW.parent_grant IS NOT NULL AND EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
        f"(SELECT value FROM {_PARENT.replace(' WHERE', ', {each}p.fields{/each} WHERE')}))",
    ),
)
_NAMED = Check(
    "an onward grant is for a recipient that its parent names",
    "NEW.parent_grant IS NOT NULL AND NEW.recipient_id NOT IN "
    f"(SELECT value FROM {_PARENT.replace(' WHERE', ', {each}p.onward{/each} WHERE')})",
)
_BELOW = (
    "(SELECT 1 FROM consent_grant c WHERE c.bucket = NEW.bucket AND c.parent_grant = NEW.id AND c.state IN"
)
_OUTLIVED = Check(
    "an onward grant below it is still open",
    f"(NEW.state IN ('withdrawn', 'revoked', 'invalidated') AND EXISTS {_BELOW} ('active', 'suspended', 'exhausted', 'expired'))) OR "
    "(NEW.state = 'terminated' "
    f"AND EXISTS {_BELOW} ('active', 'suspended'))) OR "
    f"(NEW.state = 'suspended' AND EXISTS {_BELOW} ('active')))",
)

_RULES = (
    Rule(
        "consent_grant",
        "BEFORE INSERT",
        Check("a grant is born unused", f"NEW.used <> 0 OR NEW.state NOT IN ({_births})"),
        Check(
            "fields beyond the purpose",
            "NEW.fields = '[]' OR EXISTS (SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            "(SELECT p.field FROM purpose_field p WHERE p.purpose = NEW.purpose "
            "UNION ALL SELECT o.field FROM own_field o WHERE o.purpose = NEW.purpose))",
        ),
        Check(
            "terms that the recipient has not signed",
            "NOT EXISTS (SELECT 1 FROM terms_signature t WHERE t.terms_id = NEW.terms_id) "
            f"AND NOT EXISTS (SELECT 1 FROM notice_showing s WHERE {_SHOWING} AND {_SIGNED_REQUEST})",
        ),
        *_ONWARD,
        _NAMED,
    ),
    Rule(
        "consent_grant",
        "BEFORE UPDATE OF used",
        always("uses are counted while active"),
        only="NEW.used <> OLD.used AND OLD.state <> 'active'",
    ),
    Rule(
        "consent_grant",
        "BEFORE UPDATE OF state",
        Check(
            "illegal transition",
            "NOT EXISTS (SELECT 1 FROM grant_transition t "
            "WHERE t.from_state = OLD.state AND t.to_state = NEW.state)",
        ),
        Check(
            "withdrawn without a withdrawal",
            "NEW.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM withdrawal w "
            "WHERE w.bucket = NEW.bucket AND w.grant_id = NEW.id)",
        ),
        _ONWARD[0],
        _OUTLIVED,
        Check(
            "terminated without a termination",
            "NEW.state = 'terminated' AND NOT EXISTS (SELECT 1 FROM termination t "
            "WHERE t.bucket = NEW.bucket AND t.grant_id = NEW.id)",
        ),
        Check(
            "revoked or invalidated without an annulment",
            "NEW.state IN ('revoked', 'invalidated') AND NOT EXISTS (SELECT 1 FROM annulment a "
            "WHERE a.bucket = NEW.bucket AND a.grant_id = NEW.id AND a.kind = NEW.state)",
        ),
        # The last use's own move is legal by the check constraints alone; it is the hot one.
        only="NEW.state <> OLD.state AND NOT (OLD.state = 'active' AND NEW.state = 'exhausted')",
    ),
    Rule(
        "use",
        "BEFORE INSERT",
        Check(
            "only an active grant with uses left mints a use",
            f"NEW.spent <> 0 OR NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM {_GRANT} "
            "AND g.state = 'active' AND NEW.quota <= g.max_uses - g.used AND NEW.minted_at < g.window_to)",
        ),
        Check(
            "a use needs everything above its grant active",
            f"EXISTS (SELECT 1 FROM {_GRANT} AND NOT {stands('g')})",
        ),
        Check(
            "the house reads by name and holds no tokens",
            "EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff') "
            "AND NOT EXISTS (SELECT 1 FROM staff_read s WHERE s.bucket = NEW.bucket AND s.use_id = NEW.id "
            "AND s.grant_id = NEW.grant_id AND s.fields = NEW.fields)",
        ),
        Check(
            "fields beyond the grant",
            f"EXISTS (SELECT 1 FROM {_GRANT} AND g.fields <> NEW.fields AND (NEW.fields = '[]' OR EXISTS "
            "(SELECT 1 FROM {each}NEW.fields{/each} WHERE value NOT IN "
            "(SELECT value FROM {each}g.fields{/each}))))",
        ),
        Check(
            "a use comes from a code that is not over, or from a refresh token",
            "NEW.refresh_hash IS NULL AND NOT EXISTS (SELECT 1 FROM auth_code c WHERE c.bucket = NEW.bucket "
            "AND c.hash = NEW.code_hash AND NEW.minted_at < c.expires_at) "
            "AND NOT EXISTS (SELECT 1 FROM recipient h WHERE h.id = NEW.recipient_id AND h.kind = 'staff')",
        ),
        Check(
            "a refresh token that is voided or over mints nothing",
            "NEW.refresh_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_token r "
            "WHERE r.bucket = NEW.bucket AND r.hash = NEW.refresh_hash AND r.voided_at IS NULL "
            "AND NEW.minted_at < r.expires_at)",
        ),
    ),
    Rule(
        "token",
        "BEFORE INSERT",
        Check(
            "a token belongs to the client of its use",
            "NOT EXISTS (SELECT 1 FROM use u WHERE u.bucket = NEW.bucket AND u.id = NEW.use_id "
            "AND u.client_id = NEW.client_id)",
        ),
    ),
    Rule(
        "consent_request",
        "BEFORE DELETE",
        Check(
            "rows stay: somebody took it up",
            "EXISTS (SELECT 1 FROM request_claim c WHERE c.bucket = OLD.bucket AND c.request_id = OLD.id)",
        ),
    ),
    Rule(
        "use",
        "BEFORE DELETE",
        Check("rows stay: spent, or of a code", "OLD.spent > 0 OR OLD.refresh_hash IS NULL"),
    ),
    Rule(
        "token",
        "BEFORE DELETE",
        Check(
            "rows stay: its use is spent, or of a code",
            "EXISTS (SELECT 1 FROM use u WHERE u.bucket = OLD.bucket AND u.id = OLD.use_id "
            "AND (u.spent > 0 OR u.refresh_hash IS NULL))",
        ),
    ),
    Rule("replay", "BEFORE UPDATE", always("what was shown is remembered as it was")),
    Rule(
        "denial",
        "BEFORE UPDATE OF attempts",
        always("denials are counted upwards"),
        only="NEW.attempts <= OLD.attempts",
    ),
    Rule(
        "refresh_token",
        "BEFORE INSERT",
        Check(
            "only a counted grant is refreshed, and not beyond its window",
            f"NEW.voided_at IS NOT NULL OR NOT EXISTS (SELECT 1 FROM {_GRANT} "
            "AND g.state = 'active' AND g.max_uses > 1 AND NEW.expires_at <= g.window_to)",
        ),
    ),
    Rule(
        "refresh_token",
        "BEFORE UPDATE OF voided_at",
        always("voided for good"),
        only="OLD.voided_at IS NOT NULL AND NEW.voided_at {distinct} OLD.voided_at",
    ),
    Rule(
        "use",
        "BEFORE UPDATE OF spent",
        always("slots are spent until voided"),
        only="NEW.spent <> OLD.spent AND OLD.voided_at IS NOT NULL",
    ),
    Rule(
        "use",
        "BEFORE UPDATE OF voided_at",
        always("voided for good"),
        only="OLD.voided_at IS NOT NULL AND NEW.voided_at {distinct} OLD.voided_at",
    ),
    Rule(
        "redelivery",
        "BEFORE UPDATE OF attempts",
        always("redeliveries are counted upwards"),
        only="NEW.attempts <= OLD.attempts",
    ),
    Rule(
        "redelivery",
        "BEFORE UPDATE OF last_at",
        always("the last time only moves on"),
        only="NEW.last_at < OLD.last_at",
    ),
    Rule(
        "event_outbox",
        "BEFORE UPDATE OF delivered_at",
        always("acknowledged for good"),
        only="OLD.delivered_at IS NOT NULL AND NEW.delivered_at {distinct} OLD.delivered_at",
    ),
    Rule(
        "event_outbox",
        "BEFORE UPDATE OF body",
        always("signed once"),
        only="OLD.body IS NOT NULL AND NEW.body {distinct} OLD.body",
    ),
    Rule(
        "event_outbox",
        "BEFORE UPDATE OF lease",
        always("leases are counted upwards"),
        only="NEW.lease <= OLD.lease",
    ),
    Rule(
        "withdrawal",
        "AFTER INSERT",
        Check(
            "the grant belongs to somebody else",
            f"NOT EXISTS (SELECT 1 FROM {_GRANT} AND g.subject = NEW.subject)",
        ),
        effects=(_THIS_GRANT.format("state = 'withdrawn'"),),
    ),
)
