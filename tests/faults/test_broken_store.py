"""When the store breaks in the middle: nothing is spent without its entry, and a repeated request is made good.

Each test ends with the same question: do uses, grants, disclosures and ledger still agree, and does the
recipient who asks again get what it was promised?
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from consent.ledger.errors import LedgerAlarm
from consent.ledger.published import newest
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.redemption.disclose import disclose_many
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.backends import Backend
from tests.faults.breakage import failing_step, full_disk, unreachable
from tests.races.audit import audit
from tests.races.redemption import given, redeem_one, request_of
from tests.races.town import Token, found, token
from vault.opening import Vault

type Others = Callable[[int], list[Vault]]
BATCH = 4


@pytest.fixture
def tokens(vault: Vault, now: int) -> list[Token]:
    town = found(vault, now, people=BATCH)
    return [token(town, at, now, uses=500) for at in range(BATCH)]


def test_whichever_step_of_a_redemption_fails_the_retry_gets_its_one_disclosure(
    vault: Vault, tokens: list[Token], now: int
) -> None:
    with failing_step(vault.data.engine, 0) as whole:
        disclose_many(vault, [request_of(one, now, key=f"whole {at}") for at, one in enumerate(tokens)], now)
    done = BATCH

    for number in range(1, whole.steps + 1):
        wanted = [(one, f"broken at {number}, {at}") for at, one in enumerate(tokens)]
        before = audit(vault).disclosures
        with failing_step(vault.data.engine, number):
            try:
                answers = disclose_many(vault, [request_of(one, now, key=key) for one, key in wanted], now)
            except DBAPIError:
                # Only before the commit: an error must mean that nothing was spent.
                assert audit(vault).disclosures == before, number
            else:
                assert len(given(answers)) == BATCH, "what broke a set of readings broke them one by one"
        broken = audit(vault)
        assert broken.sound(), (number, broken)
        assert broken.disclosures in {done, done + BATCH}, "some of a batch and not the rest"

        again = disclose_many(vault, [request_of(one, now, key=key) for one, key in wanted], now)
        done += BATCH
        assert len(given(again)) == BATCH, (number, again)
        assert all(answer.values for answer in given(again))

    taken = audit(vault)
    assert taken.disclosures == done
    assert taken.sound(), taken


def test_a_withdrawal_that_breaks_off_leaves_the_grant_as_it_was_and_works_when_repeated(
    vault: Vault, tokens: list[Token], now: int
) -> None:
    one = tokens[0]
    person = one.resident.consumer
    assert given([redeem_one(vault, request_of(one, now), now)])
    number = 0

    while True:
        number += 1
        with failing_step(vault.data.engine, number) as seen:
            try:
                ended = withdraw(vault, person.subject, person.bucket, one.grant_id, now)
            except DBAPIError:
                assert (audit(vault).withdrawals, audit(vault).sound()) == (0, True)
                continue
        assert seen.steps < number
        break

    assert isinstance(ended, Withdrawn)
    assert not given([redeem_one(vault, request_of(one, now), now)])
    taken = audit(vault)
    assert (taken.withdrawals, taken.late) == (1, 0)
    assert taken.sound(), taken


def test_a_full_disk_spends_nothing_that_it_cannot_record(
    backend: Backend, vault: Vault, tokens: list[Token], now: int
) -> None:
    if backend.name != "sqlite":
        pytest.skip("PostgreSQL cannot be told that its disk is full; the failing steps stand for it")
    failures = 0

    for spare in range(6):
        keys = [f"disk {spare} {at}" for at in range(BATCH * 2)]
        requests = [request_of(tokens[at % BATCH], now, key=key) for at, key in enumerate(keys)]
        before = audit(vault).disclosures
        with full_disk(vault.data.engine, spare):
            try:
                answers = disclose_many(vault, requests, now)
            except DBAPIError:
                answers, failures = [], failures + 1
        taken = audit(vault)
        assert taken.sound(), (spare, taken)
        assert taken.disclosures == before + len(given(answers))

    assert failures, "the disk was never full"
    assert len(given([redeem_one(vault, request_of(tokens[0], now), now)])) == 1


def test_without_the_key_data_base_nothing_is_answered_and_nothing_is_spent(
    vault: Vault, others: Others, backend: Backend, tokens: list[Token], now: int
) -> None:
    other = others(1)[0]
    request = request_of(tokens[0], now, key="again")

    with unreachable(other.keyring._database.engine), pytest.raises(DBAPIError):
        redeem_one(other, request, now)

    assert audit(vault).disclosures == 0
    assert len(given([redeem_one(other, request, now)])) == 1


def test_a_data_base_rolled_back_behind_a_signed_checkpoint_is_never_signed_again(
    backend: Backend, vault: Vault, tokens: list[Token], now: int, tmp_path: Path
) -> None:
    if backend.name != "sqlite":
        pytest.skip("restoring a copy is a file copy only on SQLite")
    memory, signer = Memory(tmp_path / "checkpoints"), Signer.of(vault)
    data = Path(str(vault.data.engine.url.database))
    redeem_one(vault, request_of(tokens[0], now), now)
    publish(vault.data, signer, now, memory=memory)
    vault.data.close()
    backup = data.read_bytes()

    redeem_one(vault, request_of(tokens[1], now), now)
    signed = publish(vault.data, signer, now, memory=memory)
    vault.data.close()
    data.write_bytes(backup)
    redeem_one(vault, request_of(tokens[2], now), now)
    redeem_one(vault, request_of(tokens[3], now), now)

    with pytest.raises(LedgerAlarm):
        publish(vault.data, signer, now, memory=memory)
    with vault.data.read() as conn:
        last = newest(conn, signed[0].log)
    assert last is not None
    assert last.size < signed[0].size, "a second history was signed"
