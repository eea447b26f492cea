"""The grant's life as a model beside the real thing: whatever order things happen in, they agree.

The model is a few counters per grant. After every step the rows must say what the model says, and at the
end the ledger must rebuild from its entries.
"""

import shutil
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from consent import approve as deciding
from consent.decide import RETRY_MS
from consent.denials import Denied
from consent.disclose import Disclosure, disclose_many
from consent.grants import GrantState
from consent.ledger.fsck import Finding, fsck
from consent.ledger.signer import Signer
from consent.refreshing import Refresh, refresh
from consent.tables import consent_grant, disclosure
from consent.tokens import TOKEN_LIFETIME_MS, Issued, exchange
from consent.withdraw import withdraw
from tests.backends import open_backend
from tests.consent.world import DAY, JKT, World
from vault.opening import create_vault


@dataclass
class Use:
    """What we believe of one use; `answers` maps an idempotency key to (time, receipt)."""

    issued: Issued
    minted_at: int
    quota: int
    spent: int = 0
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Grant:
    """What we believe of one grant."""

    id: bytes
    code: str
    approved_at: int
    uses: int
    batch: int
    state: GrantState = GrantState.ACTIVE
    used: int = 0
    minted: list[Use] = field(default_factory=list)
    voided: bool = False

    def mints(self, issued: Issued, now: int) -> None:
        self.minted.append(Use(issued, now, min(self.batch, self.uses - self.used)))


class GrantMachine(RuleBasedStateMachine):
    grants = Bundle("grants")
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.app = self.world.app()
        self.person = self.world.person()
        self.born = self.world.now
        self.model: list[Grant] = []

    @rule(target=grants, uses=st.integers(1, 4), batch=st.integers(1, 4))
    def approves(self, uses, batch):
        batch = min(uses, batch)
        answer = self.world.approve(self.app, self.person, uses={"max": uses, "batch": batch})
        made = Grant(answer.grant_id, answer.code, self.world.now, uses, batch)
        self.model.append(made)
        return made

    @rule(target=grants)
    def refuses(self):
        # Whoever was refused may not ask again for a while: somebody else, each time.
        shown = self.world.show(self.world.app(name="Passing By Ltd"), self.person)
        deciding.refuse(self.world.vault, self.person, shown.id, self.world.now)
        return multiple()

    @rule(ms=st.sampled_from([1, 1_000, 59_999, 120_000, RETRY_MS]))
    def waits(self, ms):
        self.world.tick(ms)

    @rule(grant=grants)
    def exchanges(self, grant):
        answer = exchange(self.world.vault, self.world.exchanging(self.app, grant.code), self.world.now)

        in_time = self.world.now < grant.approved_at + 60_000
        if grant.minted:
            grant.voided = True
            assert isinstance(answer, Denied)
        elif in_time and grant.state is GrantState.ACTIVE:
            assert isinstance(answer, Issued)
            assert (answer.refresh is None) == (grant.uses == 1)
            grant.mints(answer, self.world.now)
        else:
            assert isinstance(answer, Denied)

    @rule(grant=grants)
    def refreshes(self, grant):
        if not grant.minted or grant.uses == 1:
            return
        client, secret = self.app.client.client_id, grant.minted[0].issued.refresh
        wanted = Refresh(client_id=client, secret=secret, jkt=JKT)

        answer = refresh(self.world.vault, wanted, self.world.now)

        if grant.state is GrantState.ACTIVE and not grant.voided:
            assert isinstance(answer, Issued)
            grant.mints(answer, self.world.now)
        else:
            assert isinstance(answer, Denied)

    @rule(
        grant=grants,
        which=st.integers(0, 3),
        keys=st.lists(st.sampled_from([None, None, "a", "b"]), min_size=1, max_size=6),
    )
    def redeems(self, grant, which, keys):
        if not grant.minted:
            return
        use = grant.minted[which % len(grant.minted)]
        # Keys belong to the app: two uses under one key would be a mismatch, which test_disclose covers.
        own = [None if key is None else f"{use.issued.use_id.hex()}-{key}" for key in keys]
        requests = [self.world.request(use.issued, key=key) for key in own]

        answers = disclose_many(self.world.vault, requests, self.world.now)

        for key, answer in zip(keys, answers, strict=True):
            self._agree(grant, use, key, answer)

    def _agree(self, grant, use, key, answer):
        now = self.world.now
        if key in use.answers:
            made_at, receipt = use.answers[key]
            again = grant.state is not GrantState.WITHDRAWN and now < made_at + RETRY_MS
            assert isinstance(answer, Disclosure) == again
            assert not again or (answer.receipt == receipt and answer.disclosed.redelivered)
            return
        alive = now < use.minted_at + TOKEN_LIFETIME_MS and not grant.voided and use.spent < use.quota
        if alive and grant.state is GrantState.ACTIVE:
            assert isinstance(answer, Disclosure)
            grant.used += 1
            use.spent += 1
            assert answer.disclosed.slot == use.spent
            if grant.used == grant.uses:
                grant.state = GrantState.EXHAUSTED
            if key:
                use.answers[key] = (now, answer.receipt)
        else:
            assert isinstance(answer, Denied)

    @rule(grant=grants)
    def withdraws(self, grant):
        done = withdraw(self.world.vault, self.person.subject, self.person.bucket, grant.id, self.world.now)

        assert done.repeated == (grant.state is GrantState.WITHDRAWN)
        assert done.disclosures == grant.used
        grant.state = GrantState.WITHDRAWN

    @invariant()
    def rows_say_what_the_model_says(self):
        d = disclosure.c
        counted = select(d.grant_id, func.count()).group_by(d.grant_id)
        with self.world.vault.data.read() as conn:
            rows = {row.id: row for row in conn.execute(select(consent_grant))}
            spent = dict(conn.execute(counted).all())
        for grant in self.model:
            assert rows[grant.id].state == grant.state
            assert rows[grant.id].used == grant.used == spent.get(grant.id, 0) <= grant.uses

    def teardown(self) -> None:
        vault = self.world.vault
        assert [f for f in fsck(vault.data, Signer.of(vault)) if isinstance(f, Finding)] == []
        assert self.world.now - self.born < DAY
        vault.data.close()


def test_grants_live_as_the_model_says(sqlite_template, tmp_path, provider, now):
    serial = iter(range(10_000))

    class Machine(GrantMachine):
        def __init__(self) -> None:
            folder = tmp_path / str(next(serial))
            shutil.copytree(sqlite_template, folder)
            made = open_backend(
                "sqlite", f"sqlite:///{folder}/data.sqlite", f"sqlite:///{folder}/keys.sqlite"
            )
            vault = create_vault(
                made.data, made.keys, provider, buckets=1, ledger_host="ledger.example/p", now_ms=now
            )
            self.world = World(vault, now)
            self.keys = made.keys
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            self.keys.close()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking a story of data bases takes minutes and says little more than the first one.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
