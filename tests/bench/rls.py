"""What row-level security costs: the same work as the owner, whom no policy holds, and as a tenant's role.

Both views use one PostgreSQL data base with durable commits, in turn, over several rounds; only their ratio matters.
Redemptions go through the domain's own verb, without HTTP, one at a time and 64 at a time: the smaller the batch, the
more a policy's questions weigh. CPU is this process's and the data base's together.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from api.demo.city import Citizen, citizens
from api.migrations import roles, upgrade
from consent.redemption.disclose import Disclosure, disclose_many
from tests.backends import NoPostgres, Server, open_backend, postgres_server
from tests.bench import machine
from tests.bench.meters import cpu_seconds, quantile, summary
from tests.bench.report import note
from tests.bench.site import now_ms, postmaster
from tests.races import town
from tests.races.redemption import request_of
from tests.tenants import as_role
from vault.opening import Vault, create_vault, open_vault
from vault.operators import Roles, assign_roles
from vault.providers.local import create_root, open_root

BATCHES = (1, 64)
MOST = 1.10
"""Redemptions under policies may cost this much more CPU, in batches as a busy server makes them."""
_SEED = 7
_ROLES = Roles(data="bench_tenant", keys="bench_tenant_keys")

type Work = Callable[[], object]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--redemptions", type=int, default=640, help="per batch size, view and round")
    parser.add_argument("--people", type=int, default=500, help="to enrol per view and round")
    parser.add_argument("--rounds", type=int, default=9)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure on a PostgreSQL server of our own."""
    result: dict[str, Any] = {"machine": machine.describe()}
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            postgres_server(durable=True) as server,
            _views(server, Path(folder) / "root") as views,
        ):
            result["postgresql"] = _measure(views, postmaster(server), options)
    except NoPostgres as reason:
        result["postgresql"] = {"skipped": str(reason)}
    return result


@contextmanager
def _views(server: Server, root: Path) -> Iterator[dict[str, Vault]]:
    """The one tenant of a new installation, as the owner sees it and as its own role does."""
    owner = open_backend("postgresql", *(server.url(server.clone("template0")) for _ in range(2)))
    upgrade(owner.data, "data")
    upgrade(owner.keys, "keys")
    create_root(root, "bench passphrase")
    provider = open_root(root, "bench passphrase")
    log = "bench.example/log"
    made = create_vault(owner.data, owner.keys, provider, buckets=4, ledger_host=log, now_ms=now_ms())
    assign_roles(owner.data, owner.keys, "main", _ROLES)
    for line, database, role in (("data", owner.data, _ROLES.data), ("keys", owner.keys, _ROLES.keys)):
        with database.write() as conn:
            roles.apply(conn, line, [role])
    tenant = open_backend(
        "postgresql", as_role(owner.data_url, _ROLES.data), as_role(owner.keys_url, _ROLES.keys)
    )
    yield {"owner": made, "tenant": open_vault(tenant.data, tenant.keys, provider)}
    tenant.close()
    owner.close()


def _measure(views: Mapping[str, Vault], pid: int, options: argparse.Namespace) -> dict[str, Any]:
    place = town.found(views["owner"], now_ms(), people=max(BATCHES), seed=_SEED)
    figures: dict[str, Any] = {}
    for batch in BATCHES:
        note(f"rls: redemptions, {batch} at a time")
        work = {name: _redeeming(vault, place, batch, options.redemptions) for name, vault in views.items()}
        figures[f"redeem_{batch}"] = _compare(work, pid, options.rounds, options.redemptions)
    note("rls: enrolment")
    # One city: its citizens share no number, and the first ones live here already.
    strangers = islice(
        citizens(_SEED, max(BATCHES) + 2 * (options.rounds + 1) * options.people), max(BATCHES), None
    )
    work = {name: _enrolling(vault, strangers, options.people) for name, vault in views.items()}
    figures["enrol"] = _compare(work, pid, options.rounds, options.people)
    return figures


def _redeeming(vault: Vault, place: town.Town, batch: int, redemptions: int) -> Callable[[], Work]:
    """Tokens live two minutes, so that every round has its own; minting them is not measured."""

    def prepare() -> Work:
        turns = redemptions // batch
        tokens = [town.token(place, at, now_ms(), uses=turns) for at in range(batch)]
        with place.vault.data.write() as conn:
            conn.exec_driver_sql("ANALYZE")  # what autovacuum would have done within a minute
        return lambda: [_redeem(vault, tokens) for _ in range(turns)]

    return prepare


def _redeem(vault: Vault, tokens: list[town.Token]) -> None:
    answers = disclose_many(vault, [request_of(one, now_ms()) for one in tokens], now_ms())
    assert all(isinstance(answer, Disclosure) for answer in answers), answers[0]


def _enrolling(vault: Vault, strangers: Iterator[Citizen], people: int) -> Callable[[], Work]:
    def prepare() -> Work:
        newcomers = list(islice(strangers, people))
        return lambda: town.enrol(vault, newcomers, now_ms())

    return prepare


def _compare(work: Mapping[str, Callable[[], Work]], pid: int, rounds: int, units: int) -> dict[str, Any]:
    """Microseconds per unit for each view, and how the tenant's compare with the owner's of the same round."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for prepare in work.values():
        prepare()()  # the driver prepares its statements, the planner settles
    for turn in range(rounds):
        for name in sorted(work, reverse=bool(turn % 2)):
            one = work[name]()
            wall, cpu = time.perf_counter(), time.process_time() + cpu_seconds(pid, children=True)
            one()
            used = time.process_time() + cpu_seconds(pid, children=True) - cpu
            spent[name].append(((time.perf_counter() - wall) / units * 1e6, used / units * 1e6))
    ratios = [
        [mine[at] / owners[at] for mine, owners in zip(spent["tenant"], spent["owner"], strict=True)]
        for at in (0, 1)
    ]
    return {
        **{
            f"{name}_cpu_us": round(quantile([cpu for _, cpu in took], 0.5), 1)
            for name, took in spent.items()
        },
        **{
            f"{name}_wall_us": round(quantile([wall for wall, _ in took], 0.5), 1)
            for name, took in spent.items()
        },
        "cpu_ratio": summary(ratios[1]),
        "wall_ratio": summary(ratios[0]),
    }


def failures(result: dict[str, Any]) -> Iterator[str]:
    """Policies that cost more than they may."""
    busy = result["postgresql"].get(f"redeem_{max(BATCHES)}")
    if busy and busy["cpu_ratio"]["median"] > MOST:
        yield f"redemptions as a tenant take {busy['cpu_ratio']['median']} times the owner's CPU"
