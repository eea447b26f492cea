"""The day of the city: every planned visit, made by a few threads that share one clock and nothing else.

A person's visits stay in one thread and one browser; every thread has its own connections and its own client of
each app, so no lock is needed anywhere. What came of each visit is collected at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from joserfc.jwk import ECKey

from api.cli.output import Tick
from api.demo.apps import REDIRECT
from api.demo.city import Citizen
from api.demo.consumer_client import Browser
from api.demo.plan import Day, Ending
from api.demo.recipient_client import (
    Endpoints,
    Received,
    RecipientClient,
    RefusedByServer,
    UseToken,
    discover,
)
from api.demo.visits import Attempt, Outcome, Registered, let_through, visit

THREADS = 6
RACERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """What every thread needs to know: the server, the apps with their private keys, people's sign-in keys."""

    base_url: str
    endpoints: Endpoints
    apps: Sequence[Registered]
    app_keys: Sequence[ECKey]
    sign_in_keys: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What came of the day: outcomes in no particular order, HTTP requests made, seconds taken."""

    outcomes: Sequence[Outcome]
    requests: int
    seconds: float


class Worker(threading.local):
    """One thread's connections and clients; made when the thread first asks."""

    def __init__(self, town: Town, opened: ExitStack) -> None:
        super().__init__()
        self.town = town
        self.http = opened.enter_context(connections())
        self._clients: dict[int, RecipientClient] = {}

    def client(self, app: int) -> RecipientClient:
        """The calling thread's client of an app."""
        if app not in self._clients:
            self._clients[app] = client_of(self.town, app, self.http)
        return self._clients[app]

    def browser(self, person: Citizen) -> Browser:
        """A new browser for one person."""
        return Browser(self.http, self.town.base_url, language=person.lang, name=person.name)


def connections() -> httpx.Client:
    """HTTP connections that keep no cookies of their own: each browser keeps its person's."""
    nobody = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.Client(cookies=nobody, timeout=30.0, trust_env=False)


def client_of(town: Town, app: int, http: httpx.Client) -> RecipientClient:
    """A client of one app on these connections."""
    who = town.apps[app]
    return RecipientClient(
        http, town.endpoints, client_id=who.client_id, key=town.app_keys[app], redirect_uri=REDIRECT
    )


def endpoints_of(base_url: str) -> Endpoints:
    """The server's addresses by its own metadata."""
    with connections() as http:
        return discover(http, base_url)


def live(town: Town, days: Sequence[Day], tick: Tick) -> Traffic:
    """Live every day of the plan; raises what the first failing visit raised."""
    began = time.monotonic()
    outcomes: list[Outcome] = []
    requests = 0
    with ExitStack() as opened, ThreadPoolExecutor(THREADS, thread_name_prefix="city") as pool:
        worker = Worker(town, opened)
        running: list[Future[tuple[list[Outcome], int]]] = [
            pool.submit(_live_day, worker, day) for day in days
        ]
        try:
            for done, future in enumerate(as_completed(running), 1):
                found, steps = future.result()
                outcomes.extend(found)
                requests += steps
                tick("people's days", done, len(days))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Traffic(outcomes=outcomes, requests=requests, seconds=time.monotonic() - began)


def _live_day(worker: Worker, day: Day) -> tuple[list[Outcome], int]:
    person = day.citizen
    browser = worker.browser(person)
    outcomes = []
    before = sum(worker.client(planned.app).steps for planned in day.visits)
    for planned in day.visits:
        outcome = Outcome(app=planned.app, person=person.number, ending=planned.ending)
        key = worker.town.sign_in_keys[person.number]
        visit(browser, worker.client(planned.app), worker.town.apps[planned.app], key, outcome)
        outcomes.append(outcome)
    after = sum(worker.client(planned.app).steps for planned in day.visits)
    return outcomes, browser.steps + after - before


def race(town: Town, app: int, person: int, language: str) -> tuple[Outcome, int]:
    """One token, presented by `RACERS` threads at once and then by a thief; returns the outcome and the requests."""
    with connections() as http:
        client, browser = client_of(town, app, http), Browser(http, town.base_url, language=language)
        outcome = Outcome(app=app, person=person, ending=Ending.USED, approved=True)
        token = _token(town, client, browser, person, app)
        thief = client_of(town, (app + 1) % len(town.apps), http)
        outcome.attempts.append((Attempt.STOLEN, let_through(thief, token)))
        answers = _at_once(client, token)
    outcome.received.extend(answer for answer in answers if answer is not None)
    outcome.attempts.extend((Attempt.RACE, answer is not None) for answer in answers)
    return outcome, client.steps + browser.steps + thief.steps


def _at_once(client: RecipientClient, token: UseToken) -> list[Received | None]:
    """One token presented by `RACERS` threads that start together, each as a request of its own."""
    barrier = threading.Barrier(RACERS)

    def run(number: int) -> Received | None:
        barrier.wait()
        try:
            return client.disclose(token, f"race-{number}")
        except RefusedByServer:
            return None

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def _token(town: Town, client: RecipientClient, browser: Browser, person: int, app: int) -> UseToken:
    pushed = client.push(town.apps[app].details(browser.language, datetime.now(UTC)))
    callback = browser.decide(pushed.authorize_url, town.sign_in_keys[person], approve=True)
    return client.exchange(client.code_from(callback, pushed), pushed)
