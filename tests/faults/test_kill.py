"""kill -9 under load: every answer that left the server is in the ledger, and no use is lost or spent twice.

One server is killed again and again at random moments, restarted, and asked again for everything it had not
answered, with the same Idempotency-Keys. What it says then must agree with what it said before it died.
"""

import json
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.ids import parse_disclosure
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.schema.tables import disclosure
from consent.tokens.minting import TOKEN_LIFETIME_MS
from tests.backends import Backend
from tests.bench.proofs import ProofKey, disclosure_request
from tests.faults.live import Live, installation
from tests.races.audit import audit
from tests.races.town import Town, found, token
from vault.opening import Vault
from vault.storage.database import Database

PEOPLE = 12
TOKENS = 16


def test_two_kills_under_load_lose_nothing_and_invent_nothing(bare_backend: Backend, tmp_path: Path) -> None:
    kill_again_and_again(bare_backend, tmp_path / "home", kills=2, seed=5)


@pytest.mark.heavy
def test_fifty_kills_under_load_lose_nothing_and_invent_nothing(
    bare_backend: Backend, tmp_path: Path
) -> None:
    kill_again_and_again(bare_backend, tmp_path / "home", kills=50, seed=50)


def kill_again_and_again(backend: Backend, home: Path, *, kills: int, seed: int) -> None:
    """Rounds of load, kill, count, restart, ask again."""
    dice, key = random.Random(seed), ProofKey.generate()
    promised = 0
    with installation(home, backend) as (live, vault):
        town = found(vault, _now(), people=PEOPLE)
        live.start()
        for number in range(kills):
            minted_at = _now()
            wanted = _mint(town, key, dice, number)
            promised += len(wanted)
            said = _say_until_killed(live, key, wanted, dice)
            _every_answer_is_committed(vault, said)
            live.start()
            assert _now() < minted_at + TOKEN_LIFETIME_MS, (
                "this machine starts a server too slowly to tell anything"
            )
            _ask_again(live, key, wanted, said)
        taken = audit(vault)
        assert taken.disclosures == promised
        assert taken.sound(), taken
        assert live.stop() == 0
        _checkpoints_still_extend(vault.data, live, vault)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _mint(town: Town, key: ProofKey, dice: random.Random, number: int) -> list[tuple[str, str]]:
    """(token, Idempotency-Key) of every use that is going to be asked for, shuffled."""
    wanted: list[tuple[str, str]] = []
    for at in range(TOKENS):
        uses = dice.choice((1, 3, 8))
        one = token(town, dice.randrange(PEOPLE), _now(), uses=uses, jkt=key.jkt)
        wanted += [(one.text, f"{number}-{at}-{slot}") for slot in range(uses)]
    dice.shuffle(wanted)
    return wanted


def _say_until_killed(
    live: Live, key: ProofKey, wanted: list[tuple[str, str]], dice: random.Random
) -> dict[int, bytes]:
    requests = [disclosure_request(key, live.url, *one) for one in wanted]
    outcome = live.send_and_kill(requests, dice.randrange(len(requests)))
    assert set(outcome.statuses) <= {200}, outcome.statuses
    return outcome.bodies


def _every_answer_is_committed(vault: Vault, said: dict[int, bytes]) -> None:
    told = {parse_disclosure(json.loads(body)["disclosure_id"]) for body in said.values()}
    with vault.data.read() as conn:
        kept = set(conn.execute(select(disclosure.c.id)).scalars())
    assert told <= kept
    taken = audit(vault)
    assert taken.sound(), taken


def _ask_again(live: Live, key: ProofKey, wanted: list[tuple[str, str]], said: dict[int, bytes]) -> None:
    """A client whose connection broke repeats itself; one that was answered hears the same again."""
    requests = [disclosure_request(key, live.url, *one) for one in wanted]
    outcome = live.send(requests)
    assert outcome.statuses == {200: len(wanted)}
    assert {at: outcome.bodies[at] for at in said} == said
    ids = {json.loads(body)["disclosure_id"] for body in outcome.bodies.values()}
    assert len(ids) == len(wanted)


def _checkpoints_still_extend(data: Database, live: Live, vault: Vault) -> None:
    """What was signed before each death is a prefix of what stands there now; the publisher finds no fault."""
    publish(data, Signer.of(vault), _now(), memory=Memory(live.settings().checkpoint_state))
