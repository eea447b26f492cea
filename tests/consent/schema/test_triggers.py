"""Raw SQL against the rules: whatever the handlers forget, the data base refuses, on both dialects."""

import secrets

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from consent.delivery.events import Cause, EventKind, queue
from consent.ledger.origin import year_of
from consent.recipients import register as recipients
from consent.recipients.register import Program
from consent.redemption.disclose import disclose_many
from consent.schema import tables
from consent.schema.grant_states import MOVES, GrantState, may_move
from consent.schema.triggers import APPEND_ONLY, MOVING, SWEPT
from consent.withdrawal.withdraw import withdraw
from vault.ids import new_id, secret_hash
from vault.storage.database import Dialect, metadata

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture
def token(world):
    """A three-use token of a person for one app, one use already spent."""
    app, person = world.app(), world.person()
    issued = world.token(app, person, uses=3)
    disclose_many(world.vault, [world.request(issued, key="k")], world.now)
    return app, person, issued


def refused(world, *statements, says=""):
    """Run raw statements in one transaction; they must fail, now or at the commit."""
    with pytest.raises(DBAPIError) as error:
        _run(world, statements)
    assert says in str(error.value.orig), error.value.orig


def _run(world, statements):
    with world.vault.data.write() as conn:
        for statement in statements:
            conn.execute(statement)


def row_of(world, table, **where):
    with world.vault.data.read() as conn:
        return dict(conn.execute(select(table).filter_by(**where)).mappings().one())


@pytest.mark.parametrize("name", [*APPEND_ONLY, *MOVING])
def test_replacing_a_row_deletes_none_that_stays(world, token, name):
    if world.vault.data.dialect is not Dialect.SQLITE:
        pytest.skip("PostgreSQL has no REPLACE")
    with world.vault.data.write() as conn:
        columns = ", ".join(column.name for column in metadata.tables[name].columns)
        if conn.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() == 0:
            pytest.skip("no row here")
    refused(world, text(f"INSERT OR REPLACE INTO {name} ({columns}) SELECT {columns} FROM {name}"))


@pytest.mark.parametrize("made", [{"request_hash": b"r" * 32}, {"created_at": 1}])
def test_an_idempotency_key_stands_for_one_disclosure_for_ever(world, token, made):
    refused(world, update(tables.idempotency).values(**made), says="append-only")
    refused(world, delete(tables.idempotency), says="append-only")


def test_denials_are_counted_upwards_and_stay(world, token):
    disclose_many(world.vault, [world.request(token[2], jkt="k" * 43)] * 3, world.now)
    counted = row_of(world, tables.denial)["attempts"]

    for fewer in (0, counted - 1):
        refused(world, update(tables.denial).values(attempts=fewer))
    refused(world, update(tables.denial).values(code="spent"), says="never change")
    refused(world, delete(tables.denial), says="rows stay")


def test_what_was_shown_once_is_remembered_as_it_was(world, token):
    refused(world, update(tables.replay).values(expires_at=0), says="remembered")


def test_a_use_comes_from_a_code_of_its_own_grant_that_is_not_over_or_from_a_refresh_token(world, token):
    app, person, _ = token
    other = world.approve(app, person)
    row = row_of(world, tables.use)
    born = {**row, "id": new_id(row["bucket"], world.now), "spent": 0, "quota": 1}

    refused(world, insert(tables.use).values(**{**born, "code_hash": None}), says="comes from a code")
    refused(world, insert(tables.use).values(**{**born, "code_hash": secret_hash(other.code)}))
    with world.vault.data.write() as conn:
        conn.execute(insert(tables.auth_code).values(**_code(world, b"c" * 32)))
    late = {**born, "code_hash": b"c" * 32, "minted_at": world.now + 60_000}
    refused(world, insert(tables.use).values(**late), says="comes from a code")


def _code(world, digest):
    return {**row_of(world, tables.auth_code, grant_id=row_of(world, tables.use)["grant_id"]), "hash": digest}


def test_a_token_is_its_use_s_client_s(world, token):
    app, _, _ = token
    row = row_of(world, tables.token)
    with world.vault.data.write() as conn:
        jwks = {"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}
        program = Program(label="staging", redirect_uris=["https://s.example/back"], jwks=jwks)
        sister = recipients.add_client(conn, app.client.recipient.id, program, world.now)

    forged = {**row, "hash": b"h" * 32, "client_id": sister}
    refused(world, insert(tables.token).values(**forged), says="client of its use")


def next_disclosure(world, **changes):
    """A disclosure row that is right in everything except `changes`."""
    row = row_of(world, tables.disclosure)
    return insert(tables.disclosure).values(
        **{**row, "id": new_id(row["bucket"], world.now), "slot": 2, "number": 2, **changes}
    )


def entry_for(world, disclosure_id):
    """A raw ledger entry, as a forger with SQL would write it, so that only the rule under test refuses."""
    entry = metadata.tables["ledger_entry"]
    return insert(entry).values(
        bucket=disclosure_id[7], year=year_of(world.now), idx=10**6, id=disclosure_id, leaf=b"l", body=b"b"
    )


def test_a_right_disclosure_row_with_its_entry_is_accepted_and_spends_both_counters(world, token):
    row = row_of(world, tables.disclosure)
    made = new_id(row["bucket"], world.now)

    with world.vault.data.write() as conn:
        conn.execute(next_disclosure(world, id=made))
        conn.execute(entry_for(world, made))

    assert row_of(world, tables.use)["spent"] == 2
    assert row_of(world, tables.consent_grant)["used"] == 2


def test_a_disclosure_without_a_ledger_entry_cannot_be_committed(world, token):
    refused(world, next_disclosure(world))
    assert row_of(world, tables.use)["spent"] == 1


UNCOVERED = [
    ({"recipient_id": "org_other"}, ""),
    ({"subject": b"s" * 16}, "no active grant"),
    ({"purpose": "marketing"}, "no active grant"),
    ({"committed_at": 1}, "no active grant"),
    ({"committed_at": 10**15}, "no active grant"),
    ({"grant_id": b"g" * 16}, "no active grant"),
    ({"use_id": b"u" * 16}, ""),
    ({"slot": 4}, "no such use"),
    ({"number": 1}, ""),
    ({"number": 3}, "no active grant"),
    ({"number": 0}, ""),
    ({"slot": 0}, ""),
    ({"slot": 1}, ""),
    ({"fields": '["email","name"]'}, "fields beyond"),
    ({"fields": '["resident_id"]'}, "fields beyond"),
    ({"fields": "[]"}, "fields beyond"),
]


def test_a_disclosure_that_the_grant_does_not_cover_is_refused(world, token):
    for changes, says in UNCOVERED:
        refused(world, next_disclosure(world, **changes), says=says)
        assert row_of(world, tables.use)["spent"] == 1


def test_no_disclosure_beyond_the_uses_granted(world, token):
    row = row_of(world, tables.disclosure)
    ids = [new_id(row["bucket"], world.now) for _ in range(3)]
    rows = [next_disclosure(world, id=made, slot=2 + i, number=2 + i) for i, made in enumerate(ids)]

    refused(world, *rows, says="no active grant")


def test_no_disclosure_after_the_withdrawal(world, token):
    _, person, issued = token
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)

    refused(world, next_disclosure(world), says="no active grant")


def test_no_disclosure_by_a_voided_use(world, token):
    refused(
        world,
        update(tables.use).values(voided_at=world.now),
        next_disclosure(world),
        says="no such use",
    )


def test_no_disclosure_under_a_suspended_grant(world, token):
    refused(
        world,
        update(tables.consent_grant).values(state="suspended"),
        next_disclosure(world),
        says="no active grant",
    )


def test_what_happened_cannot_be_changed_or_deleted(world, token):
    _, person, issued = token
    disclose_many(world.vault, [world.request(issued, key="k")], world.now)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    told = row_of(world, tables.event_outbox)
    same = {name: told[name] for name in ("bucket", "grant_id", "recipient_id", "client_id")}
    proof = {"event_id": told["id"], "id": bytes(16), "subject": person.subject, "erased_at": 1}
    _run(
        world,
        [
            insert(tables.deletion_proof).values(
                **same, **proof, method="deleted", statement="a.b.c", received_at=world.now
            )
        ],
    )

    for name in (*APPEND_ONLY, "notice_version", "terms_version", "purpose", "purpose_field"):
        table = metadata.tables[name]
        column = list(table.columns)[-1]
        refused(world, update(table).values({column: column}), says="append-only")
        refused(world, delete(table), says="rows stay" if name in SWEPT else "append-only")


def test_moving_rows_move_in_their_moving_columns_only(world, token):
    _, person, issued = token
    disclose_many(world.vault, [world.request(issued, jkt="k" * 43)], world.now)
    disclose_many(world.vault, [world.request(issued, key="k")], world.now)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)

    for name, moving in MOVING.items():
        table = metadata.tables[name]
        refused(world, delete(table), says="rows stay")
        for column in table.columns:
            if column.name not in moving:
                other = column + 1 if column.type.python_type is int else _other(column)
                refused(world, update(table).values({column: other}), says="never change")


def _other(column):
    return b"x" * 16 if column.type.python_type is bytes else "x"


def test_truncate_is_refused_where_it_exists(world, token):
    if world.vault.data.dialect == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    for name in (*APPEND_ONLY, *MOVING):
        refused(world, text(f"TRUNCATE {name} CASCADE"))


def test_counters_say_how_often_something_was_disclosed_and_nothing_else(world, token):
    for count in (0, 2, 3, 4, -1):
        refused(world, update(tables.consent_grant).values(used=count))
        refused(world, update(tables.use).values(spent=count))


def test_redeliveries_are_counted_upwards_and_their_last_time_moves_on(world, token):
    _, _, issued = token
    for _ in range(2):
        disclose_many(world.vault, [world.request(issued, key="k")], world.now)
    count, last = tables.redelivery.c.attempts, tables.redelivery.c.last_at

    for attempts in (count, count - 1, 0):
        refused(world, update(tables.redelivery).values(attempts=attempts), says="counted upwards")
    refused(world, update(tables.redelivery).values(last_at=last - 1), says="only moves on")
    _run(world, [update(tables.redelivery).values(attempts=count + 1, last_at=last + 1)])
    assert row_of(world, tables.redelivery)["attempts"] == 3


def test_the_use_count_of_an_ended_grant_does_not_move(world, token):
    refused(
        world,
        update(tables.consent_grant).values(state="expired"),
        update(tables.consent_grant).values(used=2),
        says="consent_grant: ",
    )


def test_a_voided_use_is_spent_no_more(world, token):
    refused(
        world,
        update(tables.use).values(voided_at=world.now),
        update(tables.use).values(spent=2),
        says="use: ",
    )


def test_a_voided_use_stays_voided(world, token):
    void = update(tables.use).values(voided_at=world.now)
    refused(world, void, update(tables.use).values(voided_at=None), says="voided for good")


def test_a_grant_is_not_withdrawn_without_its_withdrawal_row(world, token):
    refused(world, update(tables.consent_grant).values(state="withdrawn"), says="without a withdrawal")


def queued_event(world, grant_id):
    """An event as a withdrawal would queue it, so that only the rule under test refuses."""
    grant = row_of(world, tables.consent_grant, id=grant_id)
    cause = Cause(
        kind=EventKind.WITHDRAWN,
        bucket=grant["bucket"],
        grant_id=grant_id,
        recipient_id=grant["recipient_id"],
        client_id=grant["client_id"],
        at=world.now,
        disclosures=0,
        voided=0,
        retention=grant["retention"],
        erase_days=15,
    )
    with world.vault.data.write() as conn:
        return queue(conn, world.vault, [cause])[0]


def test_a_withdrawal_by_somebody_else_is_refused(world, token):
    _, person, issued = token
    row = {
        "bucket": person.bucket,
        "grant_id": issued.grant_id,
        "id": new_id(person.bucket, world.now),
        "subject": b"s" * 16,
        "channel": "portal",
        "disclosures": 0,
        "event_id": queued_event(world, issued.grant_id),
        "withdrawn_at": world.now,
        "ledger_year": year_of(world.now),
    }
    refused(world, insert(tables.withdrawal).values(row), says="somebody else")
    refused(world, insert(tables.withdrawal).values({**row, "subject": person.subject}))


def test_the_table_of_moves_says_what_the_state_machine_says_and_is_fixed(world):
    with world.vault.data.read() as conn:
        moves = {(GrantState(a), GrantState(b)) for a, b in conn.execute(select(tables.grant_transition))}

    assert moves == {(a, b) for a in GrantState for b in GrantState if may_move(a, b)}
    refused(
        world,
        insert(tables.grant_transition).values(from_state="withdrawn", to_state="active"),
        says="moves are fixed",
    )
    refused(world, delete(tables.grant_transition), says="append-only")
    refused(world, update(tables.grant_transition).values(to_state="active"), says="append-only")


def test_every_illegal_move_is_refused_and_every_legal_one_accepted(world, token):
    rows = {
        GrantState.TERMINATED: termination_of(world),
        GrantState.REVOKED: annulment_of(world, GrantState.REVOKED),
        GrantState.INVALIDATED: annulment_of(world, GrantState.INVALIDATED),
    }
    for before in [s for s in GrantState if s in MOVES or s is GrantState.REVOKED]:
        for after in GrantState:
            if GrantState.EXHAUSTED in {before, after} or after is before or GrantState.WITHDRAWN is after:
                continue
            path = _path_to(before)
            if path is None:
                continue
            steps = [
                rows.get(state, update(tables.consent_grant).values(state=state)) for state in (*path, after)
            ]
            if may_move(before, after):
                with world.vault.data.engine.connect() as conn:
                    for step in steps:
                        conn.execute(step)
                    conn.rollback()
            else:
                # Of two rulings the second finds the first one's row, before any move.
                both = {before, after} == {GrantState.REVOKED, GrantState.INVALIDATED}
                refused(world, *steps, says="annulment" if both else "illegal transition")


def termination_of(world):
    """What moves the only grant to `terminated`: its row, right in everything but the ledger, which is asked later."""
    grant = row_of(world, tables.consent_grant)
    return insert(tables.termination).values(
        **{name: grant[name] for name in ("bucket", "recipient_id", "client_id")},
        grant_id=grant["id"],
        id=new_id(grant["bucket"], world.now),
        channel="recipient",
        disclosures=1,
        terminated_at=world.now,
        ledger_year=year_of(world.now),
    )


def annulment_of(world, kind):
    """What moves the only grant to `kind`: its row, with an event of its own."""
    grant = row_of(world, tables.consent_grant)
    return insert(tables.annulment).values(
        **{name: grant[name] for name in ("bucket", "recipient_id", "client_id")},
        grant_id=grant["id"],
        id=new_id(grant["bucket"], world.now),
        kind=kind.value,
        channel="operator",
        authority="A Court" if kind is GrantState.INVALIDATED else None,
        reason="a test",
        disclosures=1,
        event_id=queued_event(world, grant["id"]),
        annulled_at=world.now,
        ledger_year=year_of(world.now),
    )


def _path_to(state):
    """Moves from active to `state`; None when there is no way."""
    ways = {GrantState.ACTIVE: ()}
    for _ in GrantState:
        for reached, way in list(ways.items()):
            for after in MOVES.get(reached, ()):
                ways.setdefault(after, (*way, after))
    return ways.get(state)


def grant_like(world, **changes):
    row = row_of(world, tables.consent_grant)
    return insert(tables.consent_grant).values(
        **{**row, "id": new_id(row["bucket"], world.now), "used": 0, **changes}
    )


UNAPPROVED = [
    ({}, ""),
    ({"used": 1}, "born unused"),
    ({"state": "exhausted"}, "born unused"),
    ({"state": "withdrawn"}, "born unused"),
    ({"max_uses": 0}, ""),
    ({"fields": '["email"]'}, "beyond the purpose"),
    ({"fields": "[]"}, "beyond the purpose"),
    ({"window_from": 5, "window_to": 5}, ""),
    ({"showing_id": b"s" * 16}, ""),
    ({"notice_hash": "sha-256:other"}, ""),
    ({"terms_hash": "sha-256:other"}, ""),
]


def test_a_grant_that_nobody_approved_cannot_be_written(world, token):
    """Without changes it still fails: the showing has been decided, and there is no ledger entry for it."""
    for changes, says in UNAPPROVED:
        refused(world, grant_like(world, **changes), says=says)


def use_like(world, **changes):
    row = row_of(world, tables.use)
    values = {"id": new_id(row["bucket"], world.now), "spent": 0, "quota": 2, "code_hash": None}
    minted = {"refresh_hash": row_of(world, tables.refresh_token)["hash"]}
    return insert(tables.use).values(**{**row, **values, **minted, **changes})


def test_a_use_is_minted_within_what_the_active_grant_has_left(world, token):
    with world.vault.data.engine.connect() as conn:
        conn.execute(use_like(world))
        conn.rollback()

    refused(world, use_like(world, quota=3), says="uses left")
    refused(world, use_like(world, spent=1), says="uses left")
    refused(world, use_like(world, voided_at=world.now), says="uses left")
    refused(world, use_like(world, minted_at=10**15), says="uses left")
    refused(world, use_like(world, recipient_id="org_other"))
    refused(world, use_like(world, code_hash=row_of(world, tables.use)["code_hash"]))
    refused(world, use_like(world, refresh_hash=None), says="comes from a code")
    refused(
        world,
        update(tables.consent_grant).values(state="suspended"),
        use_like(world),
        says="uses left",
    )


def test_a_token_for_another_recipient_cannot_exist(world, token):
    other = world.app(name="Other Ltd").client
    row = row_of(world, tables.token)
    refused(
        world,
        insert(tables.token).values(
            **{
                **row,
                "hash": secrets.token_bytes(32),
                "client_id": other.client_id,
                "recipient_id": other.recipient.id,
            }
        ),
    )
