"""How fast a client is told what its tokens are worth: over real HTTP, each question with an assertion of its own.

Every question proves its client (a signature over a JWT that counts once, remembered with a durable commit),
and looks at the token, its use, its grant and what was shown. Each round measures, one right after the other,
the same server's cheapest JSON answer (`hello`), JSON answers and signed ones, because only ratios survive a
noisy machine. Counted in the end: every answer says that its token is active, and no use was spent.
"""

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.jwk import ECKey
from sqlalchemy import func, select

from consent.schema.tables import disclosure
from tests.bench import machine
from tests.bench.load import Plan
from tests.bench.meters import LEAST_CPU_SECONDS, peak_memory_mb, quantile, summary
from tests.bench.proofs import ProofKey
from tests.bench.redeem import HELLO
from tests.bench.site import Measured, load, now_ms, on_each_backend
from tests.races.town import Town, found, open_shop, token

TOKENS: Final = 50
FORMS: Final = {"json": "application/json", "signed": "application/token-introspection+jwt"}
BAR: Final = 1_500


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--backend", action="append", choices=["sqlite", "postgresql"])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--questions", type=int, default=10_000, help="per round and form of answer")
    parser.add_argument("--rounds", type=int, default=3)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure every data base that this machine has."""
    about = {"machine": machine.describe(), "connections": options.connections}
    return about | on_each_backend("introspect", options, _measure)


def _measure(site: Measured, options: argparse.Namespace) -> dict[str, Any]:
    key = ProofKey.generate()
    town = _town(site, key)
    site.live.start()
    rounds = [_round(site, town, key, options) for _ in range(options.rounds)]
    figures: dict[str, Any] = {
        "hello_per_second": summary([one["hello"] for one in rounds], 0),
        **{form: _figures([one[form] for one in rounds], rounds) for form in FORMS},
        "server_peak_memory_mb": round(peak_memory_mb(site.live.pid), 1),
    }
    figures["bars"] = {f"{form} >= {BAR}": figures[form]["per_second"]["median"] >= BAR for form in FORMS}
    with site.vault.data.read() as conn:
        spent = conn.execute(select(func.count()).select_from(disclosure)).scalar_one()
    asked = options.rounds * options.questions * len(FORMS)
    answered = sum(one[form]["active"] for one in rounds for form in FORMS)
    return {
        **figures,
        "asked": asked,
        "active": answered,
        "uses_spent": spent,
        "sound": (answered, spent) == (asked, 0),
    }


def _town(site: Measured, key: ProofKey) -> Town:
    """People, and one shop that knows its own key."""
    town = found(site.vault, now_ms(), people=TOKENS)
    return dataclasses.replace(town, shops=[open_shop(site.vault, 1, now_ms(), ECKey.import_key(key.pem()))])


def _round(site: Measured, town: Town, key: ProofKey, options: argparse.Namespace) -> dict[str, Any]:
    greeted = load(_plan(site, options, get=HELLO, count=options.questions))
    hello_us = max(greeted["server_cpu"], LEAST_CPU_SECONDS) / greeted["requests"] * 1e6
    return {
        "hello": greeted["requests"] / greeted["seconds"],
        "hello_us": hello_us,
        **{form: _asked(site, town, key, options, form) for form in FORMS},
    }


def _asked(
    site: Measured, town: Town, key: ProofKey, options: argparse.Namespace, form: str
) -> dict[str, float]:
    minted = [token(town, at, now_ms(), jkt=key.jkt).text for at in range(TOKENS)]
    if site.postgres is not None:
        with site.vault.data.write() as conn:
            conn.exec_driver_sql("ANALYZE")
    bodies = Path(site.folder) / f"{form}.bodies"
    plan = _plan(
        site,
        options,
        tokens=tuple(minted[at % TOKENS] for at in range(options.questions)),
        client_id=town.shops[0].client.client_id,
        client_key=key.pem(),
        accept=FORMS[form],
        bodies=str(bodies),
    )
    done = load(plan)
    return {
        "per_second": done["statuses"].get("200", 0) / done["seconds"],
        "us": done["server_cpu"] / done["requests"] * 1e6,
        "database_us": done["database_cpu"] / done["requests"] * 1e6,
        "p50": quantile(done["latencies_ms"], 0.5),
        "p99": quantile(done["latencies_ms"], 0.99),
        "active": _active(bodies.read_bytes(), form),
    }


def _active(bodies: bytes, form: str) -> int:
    """How many answers say that the token is active; a signed one that does is longer than any that does not."""
    if form == "json":
        return bodies.count(b'"active":true')
    return sum(len(one) > 600 and one.count(b".") == 2 for one in bodies.split(b"\n"))


def _figures(asked: Sequence[dict[str, Any]], rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pairs = list(zip(asked, rounds, strict=True))
    return {
        "per_second": summary([one["per_second"] for one in asked], 0),
        "ratio_to_hello": summary([one["per_second"] / whole["hello"] for one, whole in pairs]),
        "cpu_us": summary([one["us"] for one in asked], 1),
        "cpu_ratio_to_hello": summary([one["us"] / whole["hello_us"] for one, whole in pairs]),
        "database_cpu_us": summary([one["database_us"] for one in asked], 1),
        "p50_ms": summary([one["p50"] for one in asked]),
        "p99_ms": summary([one["p99"] for one in asked]),
    }


def _plan(site: Measured, options: argparse.Namespace, **what: Any) -> Plan:
    where = urlsplit(site.live.url)
    return Plan(
        host=where.hostname or "",
        port=where.port or 0,
        connections=options.connections,
        url=site.live.url,
        server_pid=site.live.pid,
        database_pid=site.postgres_pid,
        **what,
    )


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: a token that was not found active, or a use that was spent by asking."""
    for backend in ("sqlite", "postgresql"):
        figures = result.get(backend, {})
        if figures and "skipped" not in figures and not figures["sound"]:
            yield f"{backend}: {figures['active']} of {figures['asked']} active, {figures['uses_spent']} spent"
