"""Several servers at one outbox: each event is taken by one of them, and a statement of deletion is kept once."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import func, select, update

from consent.delivery.deliveries import Outcome, Result, Room
from consent.delivery.outbox import settle, take
from consent.ids import GrantId
from consent.refusals import RefusalCode
from consent.schema.tables import deletion_proof, event_outbox, recipient
from consent.withdrawal.deletions import Method, Recorded, Statement, record
from consent.withdrawal.withdraw import Scope, withdraw_all
from tests.races.crowd import at_once, dawdling
from tests.races.town import Town, found, token
from vault.opening import Vault

EVENTS = 24
SERVERS = 4
type Others = Callable[[int], list[Vault]]


def queued(vault: Vault, now: int, count: int) -> Town:
    """A person whose consents have all been withdrawn, from a recipient that can be told."""
    town = found(vault, now, people=1)
    for _ in range(count):
        token(town, 0, now)
    with vault.data.write() as conn:
        conn.execute(update(recipient).values(event_uri="https://app.example/events"))
    person = town.residents[0].consumer
    withdraw_all(vault, person.subject, person.bucket, Scope(), now)
    return town


def test_no_event_is_taken_by_two_servers_and_none_is_left(vault: Vault, others: Others, now: int) -> None:
    queued(vault, now, EVENTS)
    vaults = others(SERVERS)

    with dawdling(3):
        taken = at_once([partial(_work_off, one, now) for one in vaults])

    ids = [event for mine in taken for event in mine]
    assert len(ids) == len(set(ids)) == EVENTS
    with vault.data.read() as conn:
        rows = conn.execute(select(event_outbox.c.attempts, event_outbox.c.delivered_at)).all()
    assert {tuple(row) for row in rows} == {(1, now)}


def _work_off(vault: Vault, now: int) -> list[bytes]:
    taken: list[bytes] = []
    while due := take(vault, now, Room(limit=3, share=2)):
        for one in due:
            settle(vault.data, one, Outcome(result=Result.DELIVERED), now, 0.0)
            taken.append(one.id)
    return taken


def test_of_sixty_four_statements_about_one_event_the_first_stands(
    vault: Vault, others: Others, now: int
) -> None:
    town = queued(vault, now, 1)
    client = town.shops[0].client
    with vault.data.read() as conn:
        event = conn.execute(select(event_outbox)).one()
    vaults = others(SERVERS)

    def report(at: int) -> Recorded | RefusalCode:
        said = Statement(
            grant_id=GrantId(event.grant_id),
            event_id=event.id,
            erased_at=now,
            method=list(Method)[at % 2],
            text="a.b.c",
        )
        one = vaults[at % SERVERS]
        with one.data.write() as conn:
            return record(conn, one, client, said, now)

    answers = at_once([partial(report, at) for at in range(64)])

    kept = [answer for answer in answers if isinstance(answer, Recorded)]
    assert sum(not answer.repeated for answer in kept) == 1
    assert len({answer.method for answer in kept}) == 1
    assert {a for a in answers if not isinstance(a, Recorded)} == {RefusalCode.DELETION_OTHER}
    with vault.data.read() as conn:
        assert conn.execute(select(func.count()).select_from(deletion_proof)).scalar_one() == 1
