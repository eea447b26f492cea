"""What stood behind the end of a log that was given up stands in the log after it, and is proven there."""

import pytest
from sqlalchemy import func, select, text

from consent import rebuild, relogging
from consent.erasure.certificates import certificate
from consent.erasure.erase import run_to_end
from consent.erasure.orders import order
from consent.export.all_accesses import whole_bundle
from consent.house import record_in_house
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.entry_proof import prove_entry
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.ending.giving_up import give_up
from consent.ledger.entries.entry import Entry, Kind, parse
from consent.ledger.entries.log_entry import is_about_log
from consent.ledger.errors import NotYetPublished, WrongLog
from consent.ledger.formats.policy import NO_WITNESSES
from consent.ledger.indexes.indexing import make_due
from consent.ledger.origin import LogId, number_of, year_of
from consent.ledger.publishing import given_up
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry
from consent.people import anchors
from consent.permits.committed import committed_uses, open_uses
from consent.receipts.issue import receipts
from consent.redemption.evidence import evidence
from consent.redemption.redeem import Disclosed, redeem_many
from consent.relogging import Fate, relog
from consent.signing.keys import receipt_keys
from consent.withdrawal.rows import Scope
from consent.withdrawal.withdraw import withdraw_all
from tests.consent.erasure.test_erase import HORIZON, SELF, Ticking
from tests.consent.ledger.kit import insider
from tests.consent.world import World
from vault.opening import Vault


def used(world: World, person) -> Disclosed:
    (answer,) = redeem_many(world.vault, [world.request(world.token(world.app(), person))], world.now)
    assert isinstance(answer, Disclosed), answer
    return answer


def sign(world: World) -> None:
    publish(world.vault.data, Signer.of(world.vault), world.now)


def lost(world: World, person) -> LogId:
    """The log of a person's bucket, given up."""
    log = LogId(person.bucket, year_of(world.now))
    give_up(world.vault.data, Signer.of(world.vault), log, [], "a test", world.now)
    return log


def again(world: World, log: LogId) -> dict[Fate, int]:
    told = relogging.Progress(0)
    for told in relog(world.vault, log, world.now):
        assert told.done <= told.total
    return dict(told.fates)


def second(log: LogId) -> LogId:
    return LogId(log.bucket, number_of(log.calendar_year, 2))


def findings(world: World) -> list[object]:
    whole = [step for step in fsck(world.vault.data, Signer.of(world.vault)) if isinstance(step, Finding)]
    told = [step for step in rebuild.check(world.vault) if isinstance(step, rebuild.Divergence)]
    return [
        *whole,
        *told,
        *(step for step in anchors.check(world.vault) if isinstance(step, anchors.Mismatch)),
    ]


def proven(world: World, one: Disclosed):
    """The verdict on the bundle of one use."""
    found = evidence(world.vault, [(one.bucket, one.disclosure_id)])
    data = build(
        world.vault.data,
        Signer.of(world.vault),
        [item for item in found if item is not None],
        receipt_keys=receipt_keys(world.vault),
        witnesses=NO_WITNESSES,
    )
    verdict = verify_bundle(data)
    assert verdict.ok, verdict.checks[-1]
    return verdict.entries[0]


def test_a_use_behind_the_end_is_proven_in_the_successor(world: World):
    person = world.person()
    sign(world)
    one = used(world, person)
    log = lost(world, person)
    with pytest.raises(NotYetPublished):
        proven(world, one)

    fates = again(world, log)
    sign(world)

    assert fates[Fate.LOGGED] > 0
    assert set(fates) == {Fate.LOGGED}
    shown = proven(world, one)
    assert shown.origin.endswith(f"/{log.year}.2/{log.bucket}")
    assert dict(shown.fields)["recipient"] == one.recipient_id
    assert shown.entry.id == one.disclosure_id
    assert findings(world) == []


def test_what_was_signed_stays_where_it_was(world: World):
    person = world.person()
    one = used(world, person)
    sign(world)
    log = lost(world, person)

    assert again(world, log) == {}

    shown = proven(world, one)
    assert (shown.index, shown.receipt is not None) == (one.position.idx, True)
    assert shown.origin.endswith(f"/{log.year}/{log.bucket}")


def test_a_receipt_stays_as_it_was_handed_out(world: World):
    person = world.person()
    one = used(world, person)
    ref = (one.bucket, one.disclosure_id)
    with world.vault.data.read() as conn:
        (before,) = committed_uses(conn, [ref])
    word = receipts(world.vault, [before])

    again(world, lost(world, person))
    sign(world)

    with world.vault.data.read() as conn:
        (after,) = committed_uses(conn, [ref])
    assert receipts(world.vault, [after]) == word
    assert open_uses(world.vault, [after])[0] is not None
    assert proven(world, one).receipt is None


def test_a_person_s_chain_goes_on_in_the_order_in_which_it_was(world: World):
    person = world.person()
    uses = [used(world, person) for _ in range(3)]
    log = lost(world, person)

    again(world, log)
    later = used(world, person)
    sign(world)

    ids = [shown.id for shown in _entries(world, second(log)) if shown.kind is Kind.ACCESS]
    assert ids == [*(one.disclosure_id for one in uses), later.disclosure_id]
    assert later.position.year == second(log).year


def test_the_bundle_of_everything_has_both_logs_and_counts_each(world: World):
    person = world.person()
    first = used(world, person)
    make_due(world.vault.data, world.vault.installation.ledger_host, world.now)
    sign(world)
    second_use = used(world, person)
    log = lost(world, person)
    again(world, log)
    sign(world)
    make_due(world.vault.data, world.vault.installation.ledger_host, world.now)
    sign(world)

    data = whole_bundle(world.vault, person.subject, person.bucket, NO_WITNESSES)

    assert data is not None
    verdict = verify_bundle(data)
    assert verdict.ok, verdict.checks[-1]
    assert {first.disclosure_id, second_use.disclosure_id} <= {one.entry.id for one in verdict.entries}
    mine = [one for one in verdict.complete if one.origin.split("/")[-1] == str(log.bucket)]
    assert len(mine) == 2
    assert all(one.count for one in mine)


def test_logging_again_a_second_time_changes_nothing(world: World):
    person = world.person()
    used(world, person)
    log = lost(world, person)
    again(world, log)
    before = _count(world.vault)

    assert again(world, log) == {}
    assert _count(world.vault) == before


def test_it_goes_on_where_it_was_broken_off(world: World, monkeypatch):
    monkeypatch.setattr(relogging, "BATCH", 2)
    person = world.person()
    for _ in range(3):
        used(world, person)
    log = lost(world, person)
    steps = relog(world.vault, log, world.now)
    next(steps)
    steps.close()

    rest = again(world, log)

    sign(world)
    assert rest[Fate.LOGGED] > 0
    assert len({one.id for one in _entries(world, second(log))}) == len(_entries(world, second(log)))
    assert findings(world) == []


def test_an_entry_of_which_a_bit_is_another_one_is_not_taken_over(world: World, backend):
    person = world.person()
    sign(world)
    one, other = used(world, person), used(world, person)
    with insider(backend) as conn:
        where = {"idx": one.position.idx, "year": one.position.year, "body": one.position.body[:-2] + b"!}"}
        conn.execute(text("UPDATE ledger_entry SET body = :body WHERE idx = :idx AND year = :year"), where)
    log = lost(world, person)

    fates = again(world, log)
    sign(world)

    assert fates[Fate.DAMAGED] == 1
    assert proven(world, other).entry.id == other.disclosure_id
    assert one.disclosure_id not in {shown.id for shown in _entries(world, second(log))}


def test_of_an_erased_person_nothing_is_logged_again_but_the_certificate(world: World):
    gone = world.person()
    used(world, gone)
    with world.vault.data.write() as conn:
        order(conn, world.vault, [gone.subject], SELF, world.now)
    clock = Ticking(world.now)
    run_to_end(world.vault, clock, HORIZON, clock.sleep)
    world.now = clock.now
    with world.vault.data.read() as conn:
        found = certificate(conn, world.vault, gone.bucket, gone.subject)
    assert found is not None
    log = lost(world, gone)

    fates = again(world, log)
    sign(world)

    assert found.log == log
    assert fates[Fate.ERASED] > 0
    assert Fate.DAMAGED not in fates
    assert [one.kind for one in _entries(world, second(log))].count(Kind.ERASE) == 1
    made = build(
        world.vault.data, Signer.of(world.vault), [found.evidence()], receipt_keys=receipt_keys(world.vault)
    )
    verdict = verify_bundle(made)
    assert verdict.ok, verdict.checks[-1]
    assert (verdict.entries[0].entry.kind, verdict.entries[0].fields) == (Kind.ERASE, found.fields)


def test_the_house_s_own_entries_come_along(world: World):
    record_in_house(world.vault, Kind.DISCLOSE, (("step", "a test"),), world.now)
    log = LogId(0, year_of(world.now))
    give_up(world.vault.data, Signer.of(world.vault), log, [], "a test", world.now)

    fates = again(world, log)
    sign(world)

    assert fates[Fate.LOGGED] == 1
    assert [one.kind for one in _entries(world, second(log))] == [Kind.DISCLOSE]
    assert findings(world) == []


def test_what_is_logged_again_in_a_log_that_is_given_up_too_is_found_in_the_third(world: World):
    person = world.person()
    one = used(world, person)
    log = lost(world, person)
    again(world, log)
    give_up(world.vault.data, Signer.of(world.vault), second(log), [], "once more", world.now)
    again(world, second(log))
    sign(world)

    assert proven(world, one).origin.endswith(f"/{log.year}.3/{log.bucket}")
    with world.vault.data.read() as conn:
        log_now, idx = given_up.standing(conn, log, one.position.idx)
        assert prove_entry(conn, log, one.position.idx, NO_WITNESSES).proof.index == idx
    assert log_now.edition == 3
    assert findings(world) == []


def test_a_second_server_follows_after_one_answer_to_be_tried_again(world: World, others):
    """It had the first log open before, and is not restarted."""
    (other,) = others(1)
    person, elsewhere = world.person(), World(other, world.now)
    used(elsewhere, person)
    issued = world.token(world.app(), person)
    log = lost(world, person)

    with pytest.raises(WrongLog):
        redeem_many(other, [world.request(issued)], world.now)
    (answer,) = redeem_many(other, [world.request(issued)], world.now)

    assert isinstance(answer, Disclosed), answer
    assert answer.position.year == second(log).year
    again(world, log)
    assert used(world, person).position.year == second(log).year
    sign(world)
    assert findings(world) == []


def test_every_kind_of_event_finds_the_open_log(world: World):
    person = world.person()
    log = lost(world, person)
    again(world, log)
    issued = world.token(world.app(), person, uses=2)
    redeem_many(world.vault, [world.request(issued)], world.now)

    (done,) = withdraw_all(world.vault, person.subject, person.bucket, Scope(), world.now)

    sign(world)
    kinds = [one.kind for one in _entries(world, second(log))]
    assert kinds[-3:] == [Kind.GRANT, Kind.ACCESS, Kind.WITHDRAW]
    assert done.position.year == second(log).year
    assert findings(world) == []


def _entries(world: World, log: LogId) -> list[Entry]:
    """A log's entries about people and the house, in order."""
    mine = (entry.c.bucket == log.bucket, entry.c.year == log.year)
    with world.vault.data.read() as conn:
        bodies = conn.execute(select(entry.c.body).where(*mine).order_by(entry.c.idx)).scalars().all()
    return [parse(body) for body in bodies if not is_about_log(body)]


def _count(vault: Vault) -> int:
    with vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(entry)).scalar_one()
