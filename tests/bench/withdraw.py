"""How fast a withdrawal is while eight callers redeem on the very grant it ends: over real HTTP, everything durable.

One round is one grant: eight connections redeem its uses without a pause, and amid them the person presses
"withdraw" in a browser's stead. The time is the person's: from the request to the answer. Counted in the end: no
disclosure stands behind its withdrawal, and disclosures = distinct (use, slot) = ledger entries = 200-answers.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx

from api.edge.csrf import csrf_token
from api.edge.sessions import CookieJar, open_session
from consent.ids import grant_text
from tests.bench import machine
from tests.bench.load import Outcome
from tests.bench.meters import quantile
from tests.bench.proofs import ProofKey, disclosure_request
from tests.bench.site import Measured, now_ms, on_each_backend
from tests.races.audit import audit
from tests.races.town import Resident, Token, Town, found, token

CALLERS = 8
BEFORE = 24
"""How many redemptions have been answered when the person presses the button."""

BAR_MS = 50.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--backend", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--withdrawals", type=int, default=200)
    parser.add_argument("--redemptions", type=int, default=160, help="tried per withdrawal")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every data base that this machine has."""
    about = {"machine": machine.describe(), "callers": CALLERS}
    return about | on_each_backend("withdraw", options, _measure)


def _measure(site: Measured, options: argparse.Namespace) -> dict[str, Any]:
    key = ProofKey.generate()
    town = found(site.vault, now_ms(), people=min(options.withdrawals, 50))
    site.live.start()
    outcome, waits, raced = Outcome(), [], 0
    with httpx.Client(base_url=site.live.url, timeout=60) as browser:
        for turn in range(options.withdrawals):
            before = outcome.statuses.copy()
            one = token(town, turn % len(town.residents), now_ms(), uses=options.redemptions, jkt=key.jkt)
            waits.append(_round(site, browser, key, one, options.redemptions, outcome))
            after = outcome.statuses - before
            raced += after[200] > 0 and after[401] > 0
    return _figures(site, town, waits, raced, outcome)


def _round(
    site: Measured, browser: httpx.Client, key: ProofKey, one: Token, tries: int, outcome: Outcome
) -> float:
    """Milliseconds of one withdrawal amid its grant's redemptions."""
    requests = [
        disclosure_request(key, site.live.url, one.text, f"{one.grant_id.hex()}-{at}") for at in range(tries)
    ]
    sent = _pressing(site, one.resident)
    wanted = len(outcome.latencies) + min(BEFORE, tries // 4)
    sender = threading.Thread(target=partial(site.live.send, requests, connections=CALLERS, outcome=outcome))
    sender.start()
    while len(outcome.latencies) < wanted and sender.is_alive():
        time.sleep(0.001)
    begun = time.perf_counter()
    answer = browser.post(f"/en/grants/{grant_text(one.grant_id)}/withdraw", **sent)
    waited = (time.perf_counter() - begun) * 1e3
    sender.join()
    assert answer.status_code == 303, answer.status_code
    return waited


def _pressing(site: Measured, person: Resident) -> dict[str, Any]:
    """What a signed-in person's browser sends with the button."""
    who, settings = person.consumer, site.live.settings()
    with site.vault.data.write() as conn:
        secret = open_session(conn, who.bucket, who.subject, now_ms())
    return {
        "headers": {
            "Sec-Fetch-Site": "same-origin",
            "Cookie": f"{CookieJar(settings.secure).session_name}={secret}",
        },
        "data": {"csrf": csrf_token(site.vault.keyring.service_key("csrf"), secret)},
    }


def _figures(site: Measured, town: Town, waits: list[float], raced: int, outcome: Outcome) -> dict[str, Any]:
    taken = audit(site.vault)
    return {
        "withdrawals": len(waits),
        "people": len(town.residents),
        "p50_ms": round(quantile(waits, 0.5), 2),
        "p99_ms": round(quantile(waits, 0.99), 2),
        "max_ms": round(max(waits), 2),
        "redeem_p99_ms": round(quantile(outcome.latencies, 0.99) * 1e3, 2),
        "bars": {f"p99_ms <= {BAR_MS:g}": quantile(waits, 0.99) <= BAR_MS},
        "raced": raced,
        "disclosures": taken.disclosures,
        "distinct_use_slots": taken.distinct,
        "ledger_entries": taken.entries,
        "answers_200": outcome.statuses[200],
        "late": taken.late,
        "sound": taken.sound()
        and taken.late == 0
        and taken.disclosures == outcome.statuses[200]
        and taken.withdrawals == len(waits),
    }


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: a use lost or disclosed too late, or nothing that was raced."""
    for backend in ("sqlite", "postgresql"):
        figures = result.get(backend, {})
        if not figures or "skipped" in figures:
            continue
        if not figures["sound"]:
            yield f"{backend}: uses, answers and withdrawals do not agree; late: {figures['late']}"
        if figures["raced"] == 0:
            yield f"{backend}: no withdrawal met a redemption"
