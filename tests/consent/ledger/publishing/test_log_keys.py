"""Replacing a log's key: an entry names the next one, both sign for some time, then it alone (invariant 22)."""

import random
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from consent.ledger.append import append
from consent.ledger.bundles import container, layout
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.ending.closing import GRACE_MS, close_due
from consent.ledger.entries import log_entry
from consent.ledger.entries.log_entry import KeyRotation
from consent.ledger.errors import Malformed, Unproven, WrongLog
from consent.ledger.formats import checkpoint, note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy
from consent.ledger.formats.retired import Retired
from consent.ledger.origin import origin_of
from consent.ledger.published import Published
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.log_keys import OVERLAP_MS
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.tables import entry
from tests.backends import Backend
from tests.consent.ledger.bundles.test_bundle import HOST, RECEIPT_KEY, SIGNER, disclose, evidence
from tests.consent.ledger.kit import LOG, NOW, an_item, grow
from tests.races.crowd import at_once

ORIGIN = origin_of(HOST, LOG)
OLD, NEW, THIRD = (SIGNER.key(ORIGIN, generation) for generation in (1, 2, 3))
AFTER = NOW + OVERLAP_MS


def signed(backend: Backend, now_ms: int, *, memory: Memory | None = None) -> Published:
    grow(backend, 3, seed=random.Random().getrandbits(60))
    return publish(backend.data, SIGNER, now_ms, memory=memory)[-1]


def accepts(at: Published, *keys: VerifierKey) -> bool:
    try:
        return checkpoint.verify(at.note, keys).size == at.size
    except Unproven:
        return False


def told(backend: Backend, now_ms: int) -> tuple[VerifierKey, ...]:
    with backend.data.read() as conn:
        return log_keys.current(conn, SIGNER, LOG, now_ms)


def findings(backend: Backend) -> list[Finding]:
    return [step for step in fsck(backend.data, SIGNER) if isinstance(step, Finding)]


def bundle_of(backend: Backend, found: object) -> bytes:
    return build(backend.data, SIGNER, [evidence(*found)], receipt_keys=[RECEIPT_KEY])


def test_every_generation_of_every_log_has_a_key_of_its_own():
    keys = [SIGNER.key(origin, n) for origin in (ORIGIN, ORIGIN + "1") for n in (1, 2, 3)]

    assert len({key.public for key in keys}) == 6


def test_the_next_key_stands_in_the_log(backend: Backend):
    grow(backend, 2)

    assert log_keys.rotate(backend.data, SIGNER, LOG, NOW) == NEW

    with backend.data.read() as conn:
        body = conn.execute(select(entry.c.body).where(entry.c.idx == 2)).scalar_one()
    found = log_entry.parse(body)
    assert isinstance(found, KeyRotation)
    assert found.key == NEW


def test_in_the_overlap_whoever_knows_either_key_believes_the_log(backend: Backend):
    before = signed(backend, NOW)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)

    at = signed(backend, AFTER - 1)

    assert (accepts(before, OLD), accepts(before, NEW)) == (True, False)
    assert [accepts(at, OLD), accepts(at, NEW), accepts(at, OLD, NEW)] == [True, True, True]
    assert told(backend, AFTER - 1) == (OLD, NEW)
    assert len(note.parse(at.note).signatures) == 2


def test_after_the_overlap_the_new_key_signs_alone_and_the_old_one_is_believed_no_more(backend: Backend):
    signed(backend, NOW)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    signed(backend, AFTER - 1)

    at = signed(backend, AFTER)

    assert [accepts(at, OLD), accepts(at, NEW), accepts(at, OLD, NEW)] == [False, True, True]
    assert told(backend, AFTER) == (NEW,)
    assert findings(backend) == []


def test_a_log_under_load_changes_its_key_without_losing_an_entry(backend: Backend):
    grow(backend, 5)
    publish(backend.data, SIGNER, NOW)

    def writes() -> int:
        for _ in range(10):
            with backend.data.write() as conn:
                append(conn, [an_item(random.Random())], NOW, HOST)
        return 10

    def rotates() -> int:
        log_keys.rotate(backend.data, SIGNER, LOG, NOW)
        publish(backend.data, SIGNER, NOW)
        return 1

    written = sum(at_once([writes, writes, rotates]))
    at = signed(backend, NOW)

    assert at.size == 5 + written + 3
    assert [accepts(at, OLD), accepts(at, NEW)] == [True, True]
    assert findings(backend) == []


def test_two_rotations_at_once_are_two_generations(backend: Backend):
    grow(backend, 1)

    begun = at_once([lambda: log_keys.rotate(backend.data, SIGNER, LOG, NOW)] * 2)

    assert set(begun) == {NEW, THIRD}
    assert told(backend, NOW) == (OLD, NEW, THIRD)
    assert told(backend, AFTER) == (THIRD,)


def test_what_was_remembered_before_a_rotation_still_binds(backend: Backend, tmp_path):
    memory = Memory(tmp_path / "heads.json")
    signed(backend, NOW, memory=memory)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW, overlap_ms=0)

    at = signed(backend, NOW, memory=memory)

    assert memory.load()[ORIGIN].size == at.size
    assert [accepts(at, OLD), accepts(at, NEW)] == [False, True]


@pytest.mark.parametrize(
    ("at_ms", "trusted"), [(AFTER - 1, (True, True, True)), (AFTER, (False, True, True))]
)
def test_a_bundle_holds_for_whoever_knows_a_key_that_signed_it(
    backend: Backend, at_ms: int, trusted: tuple[bool, ...]
):
    found = disclose(backend)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    signed(backend, at_ms)

    data = bundle_of(backend, found)

    known = ((OLD,), (NEW,), (OLD, NEW))
    assert verify_bundle(data).ok
    assert tuple(verify_bundle(data, Policy(keys, (RECEIPT_KEY,))).ok for keys in known) == trusted


def after_two_rotations(backend: Backend) -> tuple[Published, Published]:
    """The last checkpoints that the first and the second key signed; the third signs now."""
    signed(backend, NOW)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    first = signed(backend, AFTER - 1)
    log_keys.rotate(backend.data, SIGNER, LOG, AFTER)
    second = signed(backend, AFTER + OVERLAP_MS - 1)
    signed(backend, AFTER + OVERLAP_MS)
    return first, second


def test_keys_that_sign_no_more_are_told_with_the_last_size_they_signed(backend: Backend):
    first, second = after_two_rotations(backend)

    with backend.data.read() as conn:
        found = [log_keys.retired(conn, SIGNER, LOG, now) for now in (AFTER - 1, AFTER, AFTER + OVERLAP_MS)]

    assert found == [
        (),
        (Retired(OLD, first.size),),
        (Retired(OLD, first.size), Retired(NEW, second.size)),
    ]


def test_what_an_old_key_signed_is_believed_up_to_its_last_size_and_nothing_it_signs_later(backend: Backend):
    found = disclose(backend)
    signed(backend, NOW)
    early = bundle_of(backend, found)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    last = signed(backend, AFTER - 1)
    signed(backend, AFTER)
    with backend.data.read() as conn:
        retired = log_keys.retired(conn, SIGNER, LOG, AFTER)
    published = Policy((NEW,), (RECEIPT_KEY,), retired=retired)
    theirs = policy.parse(published.text, published.keys_json)
    later = Checkpoint(ORIGIN, last.size + 1, bytes(32))

    assert theirs == published
    assert (verify_bundle(early, theirs).ok, verify_bundle(early, Policy((NEW,), (RECEIPT_KEY,))).ok) == (
        True,
        False,
    )
    assert theirs.accept(SIGNER.sign(Checkpoint(ORIGIN, last.size, bytes(32)))).checkpoint.size == last.size
    with pytest.raises(Unproven):
        theirs.accept(SIGNER.sign(later))
    assert theirs.accept(SIGNER.sign(later, (1, 2))).checkpoint == later


def test_a_bundle_brings_no_retired_key_along(backend: Backend):
    found = disclose(backend)
    publish(backend.data, SIGNER, NOW)
    members = dict(container.read(bundle_of(backend, found)))
    own = policy.parse(members[layout.POLICY_NAME].decode(), members[layout.KEYS_NAME].decode())
    members[layout.KEYS_NAME] = replace(own, retired=(Retired(NEW, 1),)).keys_json.encode()

    verdict = verify_bundle(container.write(layout.in_order(members)))

    assert (verdict.ok, verdict.checks[-1].name) == (False, "nothing unproven")


@pytest.mark.parametrize(
    "member",
    [
        "{}",
        "[1]",
        '[{"key":"x","size":1}]',
        f'[{{"key":"{OLD}","size":-1}}]',
        f'[{{"key":"{OLD}","size":1.0}}]',
        f'[{{"key":"{OLD}","size":1,"x":1}}]',
        f'[{{"key":"{OLD}","size":1}},{{"key":"{OLD}","size":2}}]',
    ],
)
def test_a_key_set_with_something_else_retired_is_refused(member: str):
    with pytest.raises(Malformed):
        policy.parse("quorum none\n", f'{{"keys":[],"retired":{member}}}')


def test_a_key_that_signed_nothing_cannot_be_slipped_into_a_bundle(backend: Backend):
    found = disclose(backend)
    publish(backend.data, SIGNER, NOW)
    members = dict(container.read(bundle_of(backend, found)))
    own = policy.parse(members[layout.POLICY_NAME].decode(), members[layout.KEYS_NAME].decode())
    members[layout.POLICY_NAME] = Policy((*own.logs, NEW), own.receipt_keys).text.encode()

    verdict = verify_bundle(container.write(layout.in_order(members)))

    assert not verdict.ok
    assert "signed nothing" in verdict.checks[-1].detail


def test_a_closed_log_gets_no_other_key(backend: Backend):
    grow(backend, 1)
    later = NOW + 400 * 86_400_000 + GRACE_MS
    close_due(backend.data, HOST, later)

    with pytest.raises(WrongLog, match="closed"):
        log_keys.rotate(backend.data, SIGNER, LOG, later)


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger_key SET alone_at = alone_at + 1", "DELETE FROM ledger_key"]
)
def test_when_a_key_ended_cannot_be_rewritten(backend: Backend, statement: str):
    grow(backend, 1)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)

    with pytest.raises(DBAPIError, match="append-only"), backend.data.write() as conn:
        conn.execute(text(statement))
