"""What is counted about a recipient: erasures proved in time, late and not at all, each ended consent once."""

from sqlalchemy import select

from consent.recipients import suspensions
from consent.recipients.track_records import YEAR_MS, TrackRecord, record_of, recount
from consent.redemption.disclose import disclose_many
from consent.schema.tables import event_outbox, recipient_record
from consent.withdrawal.deletions import Method, Statement, record
from consent.withdrawal.withdraw import withdraw
from tests.consent.world import DAY


def ended(world, app, person, *, used=True):
    """The event of a consent that was used, and withdrawn now; it is to be erased within fifteen days."""
    issued = world.token(app, person)
    if used:
        disclose_many(world.vault, [world.request(issued)], world.now)
    withdraw(world.vault, person.subject, person.bucket, issued.grant_id, world.now)
    with world.vault.data.read() as conn:
        event = event_outbox.c
        return issued.grant_id, conn.execute(
            select(event.id).where(event.grant_id == issued.grant_id)
        ).scalar_one()


def prove(world, app, grant_id, event_id):
    said = Statement(
        grant_id=grant_id, event_id=event_id, erased_at=world.now, method=Method.DELETED, text="signed"
    )
    with world.vault.data.write() as conn:
        record(conn, world.vault, app.client, said, world.now)


def found(world, app):
    with world.vault.data.read() as conn:
        return record_of(conn, app.client.recipient.id, world.now)


def numbers(world, app):
    recount(world.vault, world.now)
    said = found(world, app)
    return said.erased_in_time, said.erased_late, said.not_erased


def test_before_the_first_count_there_is_none_and_of_nobody_nothing(world):
    app = world.app()

    assert found(world, app) == TrackRecord(
        erased_in_time=0,
        erased_late=0,
        not_erased=0,
        counted_at=None,
        suspensions=0,
        last_suspended_at=None,
    )
    with world.vault.data.read() as conn:
        assert record_of(conn, "org_nobody", world.now) is None


def test_an_erasure_is_in_time_on_its_last_day_late_on_the_next_and_missing_until_it_is_proved(world):
    app, other, person = world.app(), world.app(name="Other Ltd"), world.person()
    first, second = ended(world, app, person), ended(world, app, person)
    ended(world, app, person, used=False)
    assert numbers(world, app) == (0, 0, 0)

    midnight = world.now - world.now % DAY
    world.now = midnight + 16 * DAY - 1
    prove(world, app, *first)
    assert numbers(world, app) == (1, 0, 0)
    world.tick(1)
    assert numbers(world, app) == (1, 0, 1)
    prove(world, app, *second)
    assert numbers(world, app) == (1, 1, 0)
    assert found(world, app).counted_at == world.now
    assert numbers(world, other) == (0, 0, 0)


def test_an_end_that_is_told_twice_counts_once_and_what_is_older_than_a_year_not_at_all(world):
    app, person = world.app(), world.person()
    grant_id, event_id = ended(world, app, person)
    prove(world, app, grant_id, event_id)
    with world.vault.data.read() as conn:
        told = dict(conn.execute(select(event_outbox)).mappings().one())
    with world.vault.data.write() as conn:
        conn.execute(event_outbox.insert().values({**told, "id": bytes(16), "kind": "erasure_demanded"}))
    assert numbers(world, app) == (1, 0, 0)

    world.tick(YEAR_MS + 17 * DAY)
    assert numbers(world, app) == (0, 0, 0)
    with world.vault.data.read() as conn:
        assert len(conn.execute(select(recipient_record)).all()) == 1


def test_suspensions_of_the_last_year_are_told_at_once(world):
    app = world.app()
    for tick in (0, YEAR_MS, DAY):
        world.tick(tick)
        with world.vault.data.write() as conn:
            suspensions.suspend(conn, app.client.recipient.id, "a test", world.now)
            suspensions.resume(conn, app.client.recipient.id, "a test", world.now)

    said = found(world, app)

    assert (said.suspensions, said.last_suspended_at) == (2, world.now)
