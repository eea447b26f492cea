"""The grant's life as a model beside the real thing: whatever order things happen in, they agree.

The model is a few counters per grant. After every step the rows must say what the model says; at the end the
ledger must rebuild from its entries, and every consent and use from the ledger.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from consent import rebuild
from consent.approving import approve as deciding
from consent.denials import DenialCode, Denied
from consent.grants.annulling import Ruling, annul
from consent.grants.management import Terminated, terminate
from consent.instants import instant
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.publishing.signer import Signer
from consent.recipients import suspensions
from consent.redemption.decide import RETRY_MS
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal
from consent.schema.grant_states import WITHDRAWABLE, GrantState
from consent.schema.tables import consent_grant, disclosure
from consent.tokens.exchange import TOKEN_LIFETIME_MS, Issued, exchange
from consent.tokens.refreshing import Refresh, refresh
from consent.tokens.revoking import revoke
from consent.withdrawal.withdraw import withdraw
from tests.backends import memory_folder
from tests.consent.world import DAY, JKT, World
from vault.ids import minted_at

GRANTED = frozenset({"name", "phone"})
NARROWER = st.sampled_from([None, None, ("phone",), ("name", "phone"), ("name", "email")])
FINAL = {GrantState.WITHDRAWN, GrantState.REVOKED}
ENDED = FINAL | {GrantState.TERMINATED}
NEWEST = st.integers(0, 2)
"""Which consent or use a step is about, counted from the newest: what is old has mostly ended."""
SELDOM = st.sampled_from([False, False, False, True])
"""Whatever ends a consent happens seldom, or little would ever happen under one."""


def details(fields):
    """`authorization_details` at the token endpoint; None when the client sends none."""
    return None if fields is None else [{"type": "pii_use", "datatypes": list(fields)}]


@dataclass
class Use:
    """What we believe of one use; `answers` maps an idempotency key to (time, receipt)."""

    issued: Issued
    ends_at: int
    quota: int
    fields: frozenset[str]
    spent: int = 0
    voided: bool = False
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Grant:
    """What we believe of one grant."""

    id: bytes
    code: str
    approved_at: int
    closes_at: int
    uses: int
    batch: int
    state: GrantState = GrantState.ACTIVE
    used: int = 0
    minted: list[Use] = field(default_factory=list)
    voided: bool = False

    def mints(self, issued: Issued, fields: tuple[str, ...] | None, now: int) -> None:
        ends_at = min(now + TOKEN_LIFETIME_MS, self.closes_at)
        taken = GRANTED if fields is None else frozenset(fields)
        left = self.uses - self.used
        quota = min(self.batch, left)
        self.makes_room(left - quota, now)
        self.minted.append(Use(issued, ends_at, quota, taken))

    def makes_room(self, room: int, now: int) -> None:
        """No more are out than are left: the oldest that are still good give way."""
        first = self.minted[:1]
        for use in sorted(self.minted, key=lambda use: _age(use, first), reverse=True):
            rest = use.quota - use.spent
            if use.voided or not rest or now >= use.ends_at:
                continue
            use.voided = rest > room
            room -= 0 if use.voided else rest

    def open(self, now: int) -> bool:
        return self.state is GrantState.ACTIVE and now < self.closes_at


def _age(use: Use, first: list[Use]) -> tuple[int, bool, bytes]:
    """Of one and the same millisecond, what the code was exchanged for is the oldest."""
    name = use.issued.use_id
    return minted_at(name), use not in first, name


def chosen[Thing](things: list[Thing], number: int) -> Thing:
    return things[-1 - number % len(things)]


given = precondition(lambda self: bool(self.model))
minted = precondition(lambda self: any(grant.minted for grant in self.model))
let_in = precondition(lambda self: not self.suspended)


class GrantMachine(RuleBasedStateMachine):
    """One recipient, one person, and every verb that decides over a consent; `world` is shared by all runs."""

    world: World
    seen: Counter[str]
    say: Callable[[str], None]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.app = self.world.app()
        self.person = self.world.person()
        self.model: list[Grant] = []
        self.suspended = False

    @property
    def now(self) -> int:
        return self.world.now

    def _of_use(self, number: int) -> Grant:
        return chosen([grant for grant in self.model if grant.minted], number)

    @let_in
    @rule(
        uses=st.integers(1, 4),
        batch=st.integers(1, 4),
        lasts=st.sampled_from([90_000, 3_600_000, DAY]),
        fields=NARROWER,
        at_once=st.sampled_from([True, True, False]),
    )
    def approves(self, uses, batch, lasts, fields, at_once):
        batch, closes_at = min(uses, batch), self.now + lasts
        window = {"from": instant(self.now), "to": instant(closes_at)}
        answer = self.world.approve(self.app, self.person, uses={"max": uses, "batch": batch}, window=window)
        self.model.append(Grant(answer.grant_id, answer.code, self.now, closes_at, uses, batch))
        if at_once:
            self._exchange(self.model[-1], fields)

    @rule()
    def refuses(self):
        # Whoever was refused may not ask again for a while: somebody else, each time.
        shown = self.world.show(self.world.app(name="Passing By Ltd"), self.person)
        deciding.refuse(self.world.vault, self.person, shown.id, self.now)

    @rule(ms=st.sampled_from([1, 1, 1_000, 20_000, 30_000, 59_999, TOKEN_LIFETIME_MS, RETRY_MS]))
    def waits(self, ms):
        self.world.tick(ms)

    @given
    @let_in
    @rule(number=NEWEST, fields=NARROWER, again=SELDOM)
    def exchanges(self, number, fields, again):
        codes = [grant for grant in self.model if again or not grant.minted]
        if codes:
            self._exchange(chosen(codes, number), fields)

    def _exchange(self, grant, fields):
        request = self.world.exchanging(self.app, grant.code, details=details(fields))

        answer = exchange(self.world.vault, request, self.now)

        in_time = self.now < grant.approved_at + 60_000
        if grant.minted:
            self._voids(grant)
            assert isinstance(answer, Denied)
            self.seen["code reused"] += 1
        elif not (in_time and grant.open(self.now)):
            assert isinstance(answer, Denied)
            self.seen["code too late"] += 1
        else:
            self._mints(grant, fields, answer)
            assert isinstance(answer, Refusal) or (answer.refresh is None) == (grant.uses == 1)

    @minted
    @let_in
    @rule(number=NEWEST, fields=NARROWER)
    def refreshes(self, number, fields):
        grant = self._of_use(number)
        if grant.uses == 1:
            return
        client, secret = self.app.client.client_id, grant.minted[0].issued.refresh
        wanted = Refresh(client_id=client, secret=secret, jkt=JKT, details=details(fields))

        answer = refresh(self.world.vault, wanted, self.now)

        if not grant.open(self.now) or grant.voided:
            assert isinstance(answer, Denied)
            self.seen["refreshed too late"] += 1
        else:
            self._mints(grant, fields, answer)
            self.seen["refreshed"] += 1

    def _mints(self, grant, fields, answer):
        if fields is not None and not GRANTED.issuperset(fields):
            assert isinstance(answer, Refusal)
            self.seen["widened"] += 1
            return
        assert isinstance(answer, Issued)
        grant.mints(answer, fields, self.now)
        self.seen["narrowed" if fields == ("phone",) else "minted"] += 1

    @minted
    @rule(
        number=NEWEST,
        which=NEWEST,
        keys=st.lists(st.sampled_from([None, None, "a", "b"]), min_size=1, max_size=4),
        asked=st.sampled_from([None, None, ("phone",), ("name",), ("email",)]),
    )
    def redeems(self, number, which, keys, asked):
        self._redeem(self._of_use(number), which, keys, asked)

    def _redeem(self, grant, which, keys, asked):
        use = chosen(grant.minted, which)
        # Keys belong to the app: two uses under one key would be a mismatch, which test_disclose covers.
        own = [None if key is None else f"{use.issued.use_id.hex()}-{key}" for key in keys]
        wanted = [asked if key is None else None for key in keys]
        requests = [
            self.world.request(use.issued, key=key, fields=fields)
            for key, fields in zip(own, wanted, strict=True)
        ]

        answers = disclose_many(self.world.vault, requests, self.now)

        for key, fields, answer in zip(keys, wanted, answers, strict=True):
            self._agree(grant, use, key, fields, answer)

    @minted
    @rule(number=NEWEST, key=st.sampled_from([None, None, "a"]))
    def redeems_the_newest(self, number, key):
        self._redeem(self._of_use(number), 0, [key], None)

    @minted
    @rule(number=NEWEST, times=st.integers(1, 3))
    def redeems_one_by_one(self, number, times):
        for _ in range(times):
            self._redeem(self._of_use(number), 0, [None], None)

    def _agree(self, grant, use, key, fields, answer):
        if key in use.answers:
            made_at, receipt = use.answers[key]
            again = grant.state not in ENDED and self.now < made_at + RETRY_MS and not self.suspended
            assert isinstance(answer, Disclosure) == again
            assert not again or (answer.receipt == receipt and answer.disclosed.redelivered)
            self.seen["repeated" if again else "repeated too late"] += 1
            return
        closed = use.voided or self.suspended or self.now >= use.ends_at or not grant.open(self.now)
        if closed or not use.fields.issuperset(fields or ()) or use.spent == use.quota:
            assert isinstance(answer, Denied)
            assert not self.suspended or answer.code is DenialCode.SUSPENDED
            self.seen[answer.code] += 1
            return
        assert isinstance(answer, Disclosure)
        assert set(answer.values) == (use.fields if fields is None else set(fields))
        self.seen["disclosed"] += 1
        grant.used += 1
        use.spent += 1
        assert answer.disclosed.slot == use.spent
        if grant.used == grant.uses:
            grant.state = GrantState.EXHAUSTED
        if key:
            use.answers[key] = (self.now, answer.receipt)

    @minted
    @rule(number=NEWEST, which=NEWEST, really=SELDOM)
    def gives_back(self, number, which, really):
        if not really:
            return
        use = chosen(self._of_use(number).minted, which)
        with self.world.vault.data.write() as conn:
            buckets = self.world.vault.installation.buckets
            assert revoke(conn, buckets, self.app.client.client_id, use.issued.token, self.now)
        use.voided |= use.spent < use.quota

    @let_in
    @rule()
    def suspends(self):
        self._move(suspensions.suspend)

    @precondition(lambda self: self.suspended)
    @rule()
    def resumes(self):
        self._move(suspensions.resume)

    def _move(self, step):
        with self.world.vault.data.write() as conn:
            assert step(conn, self.app.client.client_id, "for a while", self.now)
        self.suspended = not self.suspended

    @given
    @rule(
        number=NEWEST,
        by=st.sampled_from(["person", "person", "recipient", "both", "operator"]),
        really=SELDOM,
    )
    def ends(self, number, by, really):
        grant = chosen(self.model, number)
        if really and by in {"recipient", "both"}:
            self._terminate(grant)
        if really and by in {"person", "both"}:
            self._withdraw(grant)
            self._withdraw(grant)
        if really and by == "operator":
            self._revoke(grant)
        if really and grant.minted:
            self._redeem(grant, 0, [None, "a"], None)

    def _revoke(self, grant):
        done = annul(self.world.vault, grant.id, Ruling(reason="a false name"), self.now)

        assert (done is None) == (grant.state in FINAL)
        if done is not None:
            self.seen["revoked"] += 1
            grant.state = GrantState.REVOKED
            self._voids(grant)

    def _withdraw(self, grant):
        done = withdraw(self.world.vault, self.person.subject, self.person.bucket, grant.id, self.now)

        if grant.state is GrantState.REVOKED:
            assert done is None
            return
        assert done.repeated == (grant.state is GrantState.WITHDRAWN)
        assert done.disclosures == grant.used
        self.seen["withdrawn again" if done.repeated else f"withdrawn while {grant.state}"] += 1
        grant.state = GrantState.WITHDRAWN
        self._voids(grant)

    def _terminate(self, grant):
        answer = terminate(self.world.vault, self.app.client.client_id, grant.id, self.now)

        assert isinstance(answer, Terminated) == (grant.state in WITHDRAWABLE - ENDED)
        if isinstance(answer, Terminated):
            self.seen["terminated"] += 1
            grant.state = GrantState.TERMINATED
            self._voids(grant)

    def _voids(self, grant):
        grant.voided = True
        for use in grant.minted:
            use.voided = True

    @invariant()
    def rows_say_what_the_model_says(self):
        type(self).steps += 1
        if self.steps % 1_000 == 0:
            self.say(f"{self.steps} steps")
        if not self.model:
            return
        d, ids = disclosure.c, [grant.id for grant in self.model]
        counted = select(d.grant_id, func.count()).where(d.grant_id.in_(ids)).group_by(d.grant_id)
        with self.world.vault.data.read() as conn:
            stored = select(consent_grant).where(consent_grant.c.id.in_(ids))
            rows = {row.id: row for row in conn.execute(stored)}
            spent = dict(conn.execute(counted).all())
        for grant in self.model:
            assert rows[grant.id].state == grant.state
            assert rows[grant.id].used == grant.used == spent.get(grant.id, 0) <= grant.uses


OUTCOMES = {
    "code reused",
    "code too late",
    "disclosed",
    "minted",
    "narrowed",
    "refreshed",
    "refreshed too late",
    "repeated",
    "repeated too late",
    "revoked",
    "terminated",
    "widened",
    "withdrawn again",
    "withdrawn while active",
    "withdrawn while exhausted",
    "withdrawn while terminated",
    DenialCode.EXPIRED,
    DenialCode.FIELD_NOT_GRANTED,
    DenialCode.GRANT_NOT_ACTIVE,
    DenialCode.SPENT,
    DenialCode.SUSPENDED,
    DenialCode.VOIDED,
    DenialCode.WITHDRAWN,
}
"""What a long life must have come to, so that the model was not agreed with for want of events."""


def live(
    world: World, say: Callable[[str], None], *, runs: int, length: int, start: int | None = None
) -> type[GrantMachine]:
    """Run the model against the real thing and take stock at the end; how many steps were checked, and what was seen.

    A `start` gives the same life each time; without one every life is another.
    """

    class Machine(GrantMachine):
        pass

    Machine.world, Machine.seen, Machine.say = world, Counter(), staticmethod(say)
    if start is not None:
        seed(start)(Machine)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=length,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Shrinking a story of data bases takes minutes and says little more than the first one.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
    vault = world.vault
    assert [found for found in fsck(vault.data, Signer.of(vault)) if isinstance(found, Finding)] == []
    assert [found for found in rebuild.check(vault) if isinstance(found, rebuild.Divergence)] == []
    say(f"{Machine.steps} steps, 0 disagreements: {dict(Machine.seen.most_common())}")
    return Machine


@pytest.fixture
def tmp_path():
    """No disk is judged here, and ten thousand steps are as many commits."""
    with TemporaryDirectory(dir=memory_folder()) as folder:
        yield Path(folder)


def test_grants_live_as_the_model_says(vault, now):
    lived = live(World(vault, now), print, runs=15, length=30, start=0)

    assert lived.steps > 200
    assert lived.seen["disclosed"] > 5


@pytest.mark.heavy
def test_grants_live_as_the_model_says_for_ten_thousand_steps(vault, now, say):
    lived = live(World(vault, now), say, runs=400, length=50)

    assert lived.steps >= 10_000
    assert OUTCOMES - lived.seen.keys() == set()
