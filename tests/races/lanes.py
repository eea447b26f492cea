"""Several installations raced side by side: while one race waits for its slow statements, others use the processor.

A race of sixty-four hands over one grant is one hand after another, each with its injected waits: a second and more
of waiting for a tenth of a second of work. Nothing is taken from a race when rounds of other installations run
beside it. Grants and tokens are made before the first barrier; threads and connections last over all rounds.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.backends import Backend, memory_folder, open_backend
from tests.conftest import NOW, created_vault, fresh_backend
from tests.races.audit import Audit, audit
from tests.races.crowd import Crowd, dawdling
from tests.races.town import Town, found
from vault.opening import Vault, open_vault
from vault.providers.base import Provider

CROWD = 64
LANES = {"sqlite": 10, "postgresql": 4}
"""A race on PostgreSQL waits less for the work it is, and has a connection for every hand."""
PROCESSES = 4
PEOPLE = CROWD
ROUNDS = 1_000
_SHOWN_S = 10.0
type Say = Callable[[str], None]
type Hands = Sequence[Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One installation, opened once to prepare and to count and `PROCESSES` times to race, with its hands."""

    vault: Vault
    vaults: Sequence[Vault]
    town: Town
    crowd: Crowd

    def everybody(self, call: Callable[[Vault], object]) -> Hands:
        """One call for each hand, by turns through each process's vault."""
        return [partial(call, self.vaults[at % PROCESSES]) for at in range(CROWD)]


@dataclass(frozen=True, slots=True)
class Lanes:
    """All of them, on one kind of data base."""

    lanes: Sequence[Lane]
    say: Say

    def audits(self) -> list[Audit]:
        return [audit(lane.vault) for lane in self.lanes]

    def race[Thing](
        self, prepare: Callable[[Lane, int], Thing], calls: Callable[[Lane, Thing], Hands]
    ) -> list[list[object]]:
        """What the hands of each round were answered; round `number` is about what `prepare(lane, number)` made."""
        lanes = len(self.lanes)
        shares = [range(at, ROUNDS, lanes) for at in range(lanes)]
        made = [
            [prepare(lane, number) for number in own] for lane, own in zip(self.lanes, shares, strict=True)
        ]
        answers: list[list[object]] = []

        def run(at: int) -> None:
            lane = self.lanes[at]
            for thing in made[at]:
                answers.append(lane.crowd.round(calls(lane, thing)))  # noqa: PERF401 - told while they come

        with dawdling(ROUNDS):
            side_by_side([partial(run, at) for at in range(lanes)], partial(self._tell, answers))
        return answers

    def _tell(self, answers: Sequence[object]) -> None:
        self.say(f"{len(answers)} of {ROUNDS} rounds")


def side_by_side(runs: Sequence[Callable[[], None]], tell: Callable[[], None]) -> None:
    """Run each on a thread of its own, telling now and then how far they are; raises what the first one raised."""
    errors: list[BaseException] = []

    def guarded(run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(run,), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    told = time.monotonic()
    for thread in threads:
        while thread.is_alive():
            thread.join(_SHOWN_S)
            if time.monotonic() - told >= _SHOWN_S:
                told = time.monotonic()
                tell()
    if errors:
        raise errors[0]


def counted(say: Say, rounds: Sequence[Sequence[object]], won: Callable[[object], bool], may: int) -> None:
    """Tell who won and who lost; exactly `may` hands of each round may win."""
    winners = [sum(map(won, answers)) for answers in rounds]
    doubled = sum(max(0, some - may) for some in winners)
    missing = sum(max(0, may - some) for some in winners)
    hands = sum(map(len, rounds))
    say(
        f"{len(rounds)} rounds: {sum(winners)} won, {hands - sum(winners)} lost, {doubled} doubled, {missing} missing"
    )
    assert (len(rounds), doubled, missing) == (ROUNDS, 0, 0)


@contextmanager
def opened_lanes(request: pytest.FixtureRequest, provider: Provider, say: Say) -> Iterator[Lanes]:
    """Fresh installations on the data base of the fixture's parameter; in memory, since no disk is judged here."""
    with TemporaryDirectory(prefix="lanes-", dir=memory_folder()) as folder, ExitStack() as stack:
        places = [Path(folder, str(at)) for at in range(LANES[request.param])]
        yield Lanes([stack.enter_context(_lane(request, provider, place)) for place in places], say)


@contextmanager
def _lane(request: pytest.FixtureRequest, provider: Provider, folder: Path) -> Iterator[Lane]:
    folder.mkdir()
    with contextmanager(fresh_backend)(request, request.param, folder) as own, ExitStack() as stack:
        vault = created_vault(own, provider, NOW)
        others = [stack.enter_context(closing(_for_a_crowd(own))) for _ in range(PROCESSES)]
        vaults = [open_vault(one.data, one.keys, provider) for one in others]
        crowd = stack.enter_context(Crowd(CROWD))
        yield Lane(vault, vaults, found(vault, NOW, people=PEOPLE), crowd)


def _for_a_crowd(own: Backend) -> Backend:
    """With a connection for each hand: those beyond the pool would be made anew in every round."""
    return open_backend(own.name, own.data_url, own.keys_url, pool_size=CROWD // PROCESSES)
