"""How fast uses are redeemed: over real HTTP, proofs verified, values decrypted, receipts signed, every commit durable.

Each round measures, one right after the other, the same server's cheapest JSON answer (`hello`), a route that checks
the proof and repeats the JSON (`echo`), redemptions at the given number of connections, and the data base's own floor, because only ratios survive a noisy machine.
Counted in the end: disclosures = distinct (use, slot) = ledger entries = 200-answers, and no disclosure behind
a withdrawal while eight more people withdraw in the middle of a load.
"""

import argparse
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from consent.withdrawal.withdraw import withdraw
from tests.bench import machine
from tests.bench.echo_server import ECHO
from tests.bench.load import Outcome, Plan
from tests.bench.meters import LEAST_CPU_SECONDS, peak_memory_mb, quantile, summary
from tests.bench.proofs import ProofKey, disclosure_request
from tests.bench.redeem_bars import bars
from tests.bench.references import pgbench_redemptions_per_second, sqlite_commits_per_second
from tests.bench.site import Measured, load, now_ms, on_each_backend
from tests.bench.store_alone import AT_ONCE, stored
from tests.races.audit import audit
from tests.races.town import Town, found, token

HELLO = "/.well-known/oauth-protected-resource/v1/disclosures"
USES = 100
WITHDRAWALS = 8


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--backend", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--redemptions", type=int, default=10_000, help="per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each data-base reference")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every data base that this machine has."""
    about = {"machine": machine.describe(), "connections": options.connections}
    return about | on_each_backend("redeem", options, _measure)


def _measure(site: Measured, options: argparse.Namespace) -> dict[str, Any]:
    key = ProofKey.generate()
    tokens = -(-options.redemptions // USES)
    town = found(site.vault, now_ms(), people=max(tokens, WITHDRAWALS))
    site.live.program = ("-m", "tests.bench.echo_server")
    site.live.start()
    rounds = [_round(site, town, key, tokens, options) for _ in range(options.rounds)]
    answered = sum(one["answered"] for one in rounds)
    figures = _figures(rounds)
    count = min(200, options.redemptions)
    figures["p50_ms_alone"], alone = _alone(site, town, key, count)
    figures["hello_p50_ms_alone"] = quantile(
        load(_plan(site, 1, get=HELLO, count=count))["latencies_ms"], 0.5
    )
    figures["commit_p50_ms_alone"] = _commit_alone(site, options)
    batches = max(1, min(options.redemptions, 3_200) // AT_ONCE)
    plain, clocked = stored(site.vault, town, batches, settle=partial(_settle, site))
    figures["store_alone_per_second"] = round(plain.per_second)
    figures["log_cost_at_most"] = round(clocked.log_cost, 3)
    answered += alone + plain.made + clocked.made
    figures["bars"] = bars(figures, on_postgresql=site.postgres is not None)
    answered += _withdraw_amid_load(site, town, key, min(USES, options.redemptions // WITHDRAWALS))
    figures["server_peak_memory_mb"] = round(peak_memory_mb(site.live.pid), 1)
    return figures | _count(site, answered)


def _round(
    site: Measured, town: Town, key: ProofKey, tokens: int, options: argparse.Namespace
) -> dict[str, Any]:
    hello = load(_plan(site, options.connections, get=HELLO, count=options.redemptions))
    minted = [token(town, at, now_ms(), uses=USES, jkt=key.jkt).text for at in range(tokens)]
    _settle(site)
    # Round robin: neighbours in the queue are different grants, as they are in life.
    asked = tuple(minted[at % tokens] for at in range(options.redemptions))
    echoed = load(_plan(site, options.connections, tokens=asked, proof_key=key.pem(), path=ECHO))
    redeemed = load(_plan(site, options.connections, tokens=asked, proof_key=key.pem()))
    floor = _floor(site, options)
    return {
        "answered": redeemed["statuses"].get("200", 0),
        "asked": len(asked),
        "hello": hello["requests"] / hello["seconds"],
        "hello_us": max(hello["server_cpu"], LEAST_CPU_SECONDS) / hello["requests"] * 1e6,
        "echo": echoed["statuses"].get("200", 0) / echoed["seconds"],
        "echo_us": echoed["server_cpu"] / echoed["requests"] * 1e6,
        "redeem": redeemed["statuses"].get("200", 0) / redeemed["seconds"],
        "redeem_us": redeemed["server_cpu"] / redeemed["requests"] * 1e6,
        "database_us": redeemed["database_cpu"] / redeemed["requests"] * 1e6,
        "floor": floor,
        **{f"p{share * 100:g}": quantile(redeemed["latencies_ms"], share) for share in (0.5, 0.99, 0.999)},
    }


def _settle(site: Measured) -> None:
    """Give PostgreSQL the statistics its own autovacuum would have within a minute of a server's life.

    Without any, it takes the index that shares two of three columns for as good as the one that fits.
    """
    if site.postgres is not None:
        with site.vault.data.write() as conn:
            conn.exec_driver_sql("ANALYZE")


def _floor(site: Measured, options: argparse.Namespace) -> float | None:
    if site.postgres is None:
        return sqlite_commits_per_second(site.folder, options.seconds)
    return pgbench_redemptions_per_second(site.postgres, site.folder, 16, max(1, round(options.seconds)))


def _figures(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    floors = [one["floor"] for one in rounds]
    measured_floor = all(floors)
    return {
        "redemptions_per_second": summary([one["redeem"] for one in rounds], 0),
        "p50_ms": summary([one["p50"] for one in rounds]),
        "p99_ms": summary([one["p99"] for one in rounds]),
        "p999_ms": summary([one["p99.9"] for one in rounds]),
        "p99_over_p50": summary([one["p99"] / one["p50"] for one in rounds]),
        "hello_per_second": summary([one["hello"] for one in rounds], 0),
        "p999_over_p50": summary([one["p99.9"] / one["p50"] for one in rounds]),
        "ratio_to_hello": summary([one["redeem"] / one["hello"] for one in rounds]),
        "echo_per_second": summary([one["echo"] for one in rounds], 0),
        "ratio_to_echo": summary([one["redeem"] / one["echo"] for one in rounds]),
        "cpu_us_per_echo": summary([one["echo_us"] for one in rounds], 1),
        "cpu_us_per_redemption": summary([one["redeem_us"] for one in rounds], 1),
        "cpu_us_per_hello": summary([one["hello_us"] for one in rounds], 1),
        "cpu_ratio_to_hello": summary([one["redeem_us"] / one["hello_us"] for one in rounds]),
        "cpu_ratio_without_proof": summary([_without_proof(one, "redeem_us") for one in rounds]),
        "cpu_ratio_with_database_without_proof": summary(
            [_without_proof(one, "redeem_us", "database_us") for one in rounds]
        ),
        "database_cpu_us_per_redemption": summary([one["database_us"] for one in rounds], 1),
        "floor_per_second": summary(floors, 0) if measured_floor else "not installed",
        "ratio_to_floor": summary([one["redeem"] / one["floor"] for one in rounds])
        if measured_floor
        else "not installed",
    }


def _without_proof(one: dict[str, Any], *parts: str) -> float:
    """CPU over that of `hello`, less what checking a proof and reading a body cost."""
    return (sum(one[part] for part in parts) - (one["echo_us"] - one["hello_us"])) / one["hello_us"]


def _commit_alone(site: Measured, options: argparse.Namespace) -> float | None:
    """Milliseconds of one durable commit with nobody else about: of pgbench the mean."""
    if site.postgres is None:
        return round(1e3 / sqlite_commits_per_second(site.folder, options.seconds), 3)
    alone = pgbench_redemptions_per_second(site.postgres, site.folder, 1, max(1, round(options.seconds)))
    return None if alone is None else round(1e3 / alone, 3)


def _alone(site: Measured, town: Town, key: ProofKey, count: int) -> tuple[float, int]:
    """p50 in milliseconds of one connection that has the server to itself, and the answers it got."""
    minted = [token(town, at, now_ms(), uses=USES, jkt=key.jkt).text for at in range(-(-count // USES))]
    asked = tuple(minted[at % len(minted)] for at in range(count))
    done = load(_plan(site, 1, tokens=asked, proof_key=key.pem()))
    return quantile(done["latencies_ms"], 0.5), done["statuses"].get("200", 0)


def _withdraw_amid_load(site: Measured, town: Town, key: ProofKey, uses: int) -> int:
    """Eight people withdraw while all of their tokens are being used; the answers that were given."""
    tokens = [token(town, at, now_ms(), uses=uses, jkt=key.jkt) for at in range(WITHDRAWALS)]
    requests = [
        disclosure_request(key, site.live.url, one.text, f"late-{at}-{turn}")
        for turn in range(uses)
        for at, one in enumerate(tokens)
    ]
    outcome = Outcome()
    sender = threading.Thread(target=partial(site.live.send, requests, connections=64, outcome=outcome))
    sender.start()
    for one in tokens:
        person = one.resident.consumer
        withdraw(site.vault, person.subject, person.bucket, one.grant_id, now_ms())
    sender.join()
    return outcome.statuses[200]


def _count(site: Measured, answered: int) -> dict[str, Any]:
    taken = audit(site.vault)
    return {
        "disclosures": taken.disclosures,
        "distinct_use_slots": taken.distinct,
        "ledger_entries": taken.entries,
        "answers_200": answered,
        "late": taken.late,
        "withdrawals": taken.withdrawals,
        "ledger_findings": len(taken.findings),
        "sound": taken.sound() and taken.disclosures == answered,
    }


def _plan(site: Measured, connections: int, **what: Any) -> Plan:
    where = urlsplit(site.live.url)
    return Plan(
        host=where.hostname or "",
        port=where.port or 0,
        connections=connections,
        url=site.live.url,
        server_pid=site.live.pid,
        database_pid=site.postgres_pid,
        **what,
    )


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: a use lost, spent twice, or disclosed too late."""
    for backend in ("sqlite", "postgresql"):
        figures = result.get(backend, {})
        if figures and "skipped" not in figures and not figures["sound"]:
            wrong = {name: figures[name] for name in ("disclosures", "answers_200", "late")}
            yield f"{backend}: uses and answers do not agree: {Counter(wrong)}"
