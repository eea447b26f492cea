"""A recipient ends a consent while its token is being redeemed, or while the person takes it back.

The order is the ledger's. Whatever won: nothing is disclosed behind the end, nothing is lost, and a consent that both
sides ended is withdrawn in the end, with one row and one entry of each.
"""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from consent.denials import DenialCode, Denied
from consent.grants.management import Refused, Terminated, terminate
from consent.ledger.tables import entry
from consent.redemption.disclose import Disclosure
from consent.schema.grant_states import GrantState
from consent.schema.tables import consent_grant, disclosure, termination, use, withdrawal
from consent.signing.keys import rotate
from consent.tokens import status_list
from consent.tokens.introspection import Answer, Question, Replayed, Shown, introspect_many
from consent.withdrawal.withdraw import Withdrawn, withdraw
from tests.races.audit import audit
from tests.races.crowd import at_once, dawdling
from tests.races.redemption import redeem_one, request_of
from tests.races.town import Token, found, token
from vault.ids import Bucket
from vault.opening import Vault

USES = 3
type Others = Callable[[int], list[Vault]]


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_fifteen_races_nothing_is_disclosed_behind_the_recipient_s_own_end(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_redemption(vault, others(USES + 1), now, rounds=15, longest=longest)


@pytest.mark.heavy
@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_in_a_thousand_races_nothing_is_disclosed_behind_the_recipient_s_own_end(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    race_redemption(vault, others(USES + 1), now, rounds=1000, longest=longest)


def race_redemption(vault: Vault, vaults: list[Vault], now: int, *, rounds: int, longest: float) -> None:
    town = found(vault, now, people=10)
    client_id = town.shops[0].client.client_id
    told, before = 0, set()
    for number in range(rounds):
        one = token(town, number % 10, now, uses=USES)
        calls = [partial(redeem_one, vaults[at], request_of(one, now), now) for at in range(USES)]
        calls.insert(number % (USES + 1), partial(terminate, vaults[USES], client_id, one.grant_id, now))
        with dawdling(number, shortest=longest / 3, longest=longest):
            answers = at_once(calls)
        served = [answer for answer in answers if isinstance(answer, Disclosure)]
        assert {a.code for a in answers if isinstance(a, Denied)} <= {DenialCode.GRANT_NOT_ACTIVE}
        assert any(isinstance(answer, Terminated) for answer in answers)
        with vault.data.read() as conn:
            mine = termination.c.grant_id == one.grant_id
            counted = conn.execute(select(termination.c.disclosures).where(mine)).scalar_one()
            spent = conn.execute(select(use.c.spent).where(use.c.id == one.use_id)).scalar_one()
        assert counted == spent == len(served)
        told += len(served)
        before.add(len(served))

    taken = audit(vault)
    assert (taken.disclosures, _late(vault)) == (told, 0)
    assert not taken.findings
    assert rounds < 100 or len(before) > 1, "every race went the same way: nothing was raced"


def _late(vault: Vault) -> int:
    """Disclosures whose entry stands behind the end of their grant in the same log."""
    ended, read = entry.alias(), entry.alias()
    d, t = disclosure.c, termination.c
    with vault.data.read() as conn:
        return conn.execute(
            select(func.count())
            .select_from(termination)
            .join(
                ended, (ended.c.bucket == t.bucket) & (ended.c.year == t.ledger_year) & (ended.c.id == t.id)
            )
            .join(disclosure, (d.bucket == t.bucket) & (d.grant_id == t.grant_id))
            .join(read, (read.c.bucket == d.bucket) & (read.c.year == d.ledger_year) & (read.c.id == d.id))
            .where(read.c.idx > ended.c.idx)
        ).scalar_one()


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_a_consent_that_both_sides_end_at_once_is_withdrawn_in_the_end(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    town, vaults = found(vault, now, people=4), others(2)
    client_id = town.shops[0].client.client_id
    ended = 0
    for number in range(12):
        one = token(town, number % 4, now)
        person = one.resident.consumer
        calls = [
            partial(terminate, vaults[0], client_id, one.grant_id, now),
            partial(withdraw, vaults[1], person.subject, person.bucket, one.grant_id, now),
        ]
        with dawdling(number, shortest=longest / 3, longest=longest):
            mine, theirs = at_once(calls)
        assert isinstance(theirs, Withdrawn)
        assert isinstance(mine, Terminated) or mine is Refused.UNKNOWN
        ended += isinstance(mine, Terminated)

    with vault.data.read() as conn:
        states = set(conn.execute(select(consent_grant.c.state)).scalars())
        counts = [
            conn.execute(select(func.count()).select_from(t)).scalar_one() for t in (withdrawal, termination)
        ]
    assert (states, counts) == ({GrantState.WITHDRAWN}, [12, ended])
    assert not audit(vault).findings


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_of_sixteen_questions_under_one_assertion_one_is_answered(
    vault: Vault, others: Others, now: int, longest: float
) -> None:
    town, vaults = found(vault, now, people=1), others(4)
    one = token(town, 0, now)
    asked = _question(one, town.shops[0].client.client_id, now)

    with dawdling(1, shortest=longest / 3, longest=longest):
        answers = at_once([partial(introspect_many, vaults[at % 4], [asked], now) for at in range(16)])

    said = [answer for (answer,) in answers]
    assert sum(isinstance(answer, Answer) for answer in said) == 1
    assert sum(answer == Replayed(what=Shown.ASSERTION) for answer in said) == 15


def test_of_four_rotations_at_once_each_that_succeeds_begins_one_generation(
    vault: Vault, others: Others, now: int
) -> None:
    vaults = others(4)

    def turn(at: int) -> int:
        try:
            return max(rotate(vaults[at], now + at).values())
        except IntegrityError:
            return 0

    with dawdling(3):
        begun = [n for n in at_once([partial(turn, at) for at in range(4)]) if n]

    assert sorted(begun) == list(range(2, 2 + len(begun)))


def _question(one: Token, client_id: str, now: int) -> Question:
    shown = (Shown.ASSERTION, (Bucket(0), b"a" * 32, now + 60_000))
    return Question(client_id=client_id, bucket=one.bucket, token_hash=one.hash, shown=(shown,))


@pytest.mark.parametrize("longest", [0.0, 0.003], ids=["plain", "dawdling"])
def test_tokens_asked_about_by_many_at_once_get_one_place_each_and_nobody_waits_for_ever(
    vault: Vault, others: Others, now: int, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, vaults = found(vault, now, people=2), others(4)
    client_id = town.shops[0].client.client_id
    tokens = [token(town, at % 2, now) for at in range(8)]
    # Drawn by chance, two of them may want one place, and then one goes without.
    wanted = {one.hash: at for at, one in enumerate(tokens)}
    monkeypatch.setattr(status_list, "_idx", lambda _key, one: wanted[one.token_hash])

    def ask(turn: int) -> list[Answer | Replayed]:
        order = [*tokens[turn % 8 :], *tokens[: turn % 8]]
        proofs = [f"{turn}/{at}".encode().ljust(32) for at in range(8)]
        asked = [
            Question(
                client_id=client_id,
                bucket=one.bucket,
                token_hash=one.hash,
                shown=((Shown.ASSERTION, (Bucket(0), proof, now + 60_000)),),
            )
            for one, proof in zip(order, proofs, strict=True)
        ]
        return introspect_many(vaults[turn % 4], asked, now)

    with dawdling(5, shortest=longest / 3, longest=longest):
        at_once([partial(ask, turn) for turn in range(12)])

    final = ask(99)
    places = {answer.place for answer in final if isinstance(answer, Answer)}
    assert len(places) == 8
    assert None not in places
