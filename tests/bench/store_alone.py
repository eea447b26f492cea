"""Redemptions without HTTP, in batches of 64, and how much of their time goes into the log."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from consent.ledger.append import Item, Position, append
from consent.redemption import redeem
from consent.redemption.disclose import Disclosure, disclose_many
from tests.bench.site import now_ms
from tests.races.redemption import request_of
from tests.races.town import Town, token
from vault.opening import Vault
from vault.storage.rowset import Call, volley

AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What one run did: `log_seconds` is the time in `append`, the sending of everything else taken out of it."""

    made: int
    seconds: float
    log_seconds: float

    @property
    def per_second(self) -> float:
        return self.made / self.seconds

    @property
    def log_cost(self) -> float:
        """How much longer it takes for the log, as a share of the rest."""
        return self.log_seconds / (self.seconds - self.log_seconds)


def stored(vault: Vault, town: Town, batches: int, *, settle: Any) -> tuple[Stored, Stored]:
    """As it is, and once more with a clock around the log."""
    return _run(vault, town, batches, settle), _timed(vault, town, batches, settle)


def _run(vault: Vault, town: Town, batches: int, settle: Any) -> Stored:
    now, people = now_ms(), len(town.residents)
    minted = [token(town, at % people, now, uses=batches) for at in range(AT_ONCE)]
    settle()
    begun, made = time.perf_counter(), 0
    for _ in range(batches):
        answers = disclose_many(vault, [request_of(one, now) for one in minted], now_ms())
        made += sum(isinstance(answer, Disclosure) for answer in answers)
    return Stored(made=made, seconds=time.perf_counter() - begun, log_seconds=0.0)


def _timed(vault: Vault, town: Town, batches: int, settle: Any) -> Stored:
    spent: list[float] = []
    with _clocked(spent):
        done = _run(vault, town, batches, settle)
    return Stored(made=done.made, seconds=done.seconds, log_seconds=sum(spent))


@contextmanager
def _clocked(spent: list[float]) -> Iterator[None]:
    """What goes ahead of the log's first statement is sent by itself meanwhile, so that its time is not the log's."""

    def timed(
        conn: Connection, items: Sequence[Item], at_ms: int, host: str, *, ahead: Sequence[Call] = ()
    ) -> list[Position]:
        volley(conn, *ahead)
        begun = time.perf_counter()
        try:
            return append(conn, items, at_ms, host)
        finally:
            spent.append(time.perf_counter() - begun)

    redeem.append = timed  # type: ignore[assignment]
    try:
        yield
    finally:
        redeem.append = append
