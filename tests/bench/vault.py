"""How fast the vault takes people in and lets single values out, everything durable, sealed, tagged and ledgered.

On PostgreSQL with fsync, data base, callers and load generator on the same machine. `creates`: one person of
nine values at a time, with account and ledger entry. `reads`: one value, under a token spent for it, its entry
committed before it is opened, a signed receipt with the answer. Both twice: by callers in this process, and over
HTTP to a real server (`http_`). `bulk`: 2,000 people a call. `rewrap`: every person key moved under a new tenant
key. CPU counts this process and the data base's. The reference is pgbench's one-statement redemption.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import batched
from typing import Any
from urllib.parse import urlsplit

from api.edge.access import Access
from api.staff.keys import issue_staff_key
from consent.people.keeping import Enrolled, enrol_people
from consent.redemption.disclose import Disclosure, disclose_many
from consent.redemption.redeem import RedeemRequest
from tests.backends import NoPostgres
from tests.bench import machine
from tests.bench.callers import Served, serve
from tests.bench.meters import cpu_seconds, peak_memory_mb, quantile
from tests.bench.people import FIELDS, person, values_of
from tests.bench.proofs import ProofKey, disclosure_request
from tests.bench.references import pgbench_redemptions_per_second
from tests.bench.report import note
from tests.bench.site import Measured, measured, now_ms
from tests.races.audit import audit
from tests.races.redemption import request_of
from tests.races.town import Town, found, token
from vault.fields.catalogue import FIELDS as KNOWN
from vault.ids import Bucket, SubjectId, bucket_for, new_subject
from vault.opening import Vault
from vault.people.drafts import PROFILE, canonical_values, draft_person, seal_draft
from vault.rotation import Kind, start
from vault.rotation import run as run_rotation
from vault.sealing.sealed import SALT_BYTES, Place, Sealer
from vault.tags.making import tags_for_person

USES = 100
BARS: Mapping[str, tuple[str, float]] = {
    "creates_per_second": ("at least", 900),
    "reads_per_second": ("at least", 2_000),
    "bulk_per_busy_core": ("at least", 1_800),
    "nine_values_us": ("below", 100),
    "tags_us": ("below", 110),
    "rewrap_seconds": ("below", 30),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--creates", type=int, default=6_000)
    parser.add_argument("--reads", type=int, default=12_000)
    parser.add_argument("--bulk", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys", type=int, default=100_000, help="people whose keys are rewrapped")
    parser.add_argument("--seconds", type=float, default=2.0, help="of the data-base reference")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure; skipped with the reason where there is no PostgreSQL."""
    result: dict[str, Any] = {"machine": machine.describe(), "callers": options.callers}
    try:
        with measured("postgresql") as site:
            result |= _measure(site, options)
    except NoPostgres as reason:
        return result | {"skipped": str(reason)}
    result["bars"] = {name: _held(result[name], *bar) for name, bar in BARS.items()}
    return result


def _measure(site: Measured, options: argparse.Namespace) -> dict[str, Any]:
    note("vault: crypto alone")
    figures: dict[str, Any] = _crypto(site.vault)
    note("vault: bulk creation")
    figures |= _bulk(site, options.bulk)
    town = found(site.vault, now_ms(), people=max(1, -(-options.reads // USES)))
    _settle(site)
    creates, reads, floors = [], [], []
    for turn in range(options.rounds):
        note(f"vault: round {turn + 1}")
        creates.append(_creates(site, options, turn))
        reads.append(_reads(site, town, options))
        floors.append(_floor(site, options.seconds))
    figures |= _middle("creates", creates) | _middle("reads", reads)
    note("vault: over HTTP")
    figures |= _over_http(site, town, options)
    note("vault: a new tenant key")
    figures |= _rewrap(site.vault, options.keys)
    figures["pgbench_per_second"] = floors[len(floors) // 2]
    figures["reads_to_pgbench"] = _ratio(figures["reads_per_second"], figures["pgbench_per_second"])
    figures["creates_to_pgbench"] = _ratio(figures["creates_per_second"], figures["pgbench_per_second"])
    taken = audit(site.vault)
    return figures | {"sound": taken.sound(), "disclosures": taken.disclosures}


def _crypto(vault: Vault) -> dict[str, Any]:
    """Microseconds of CPU for one person, without any data base, the key warm."""
    key = next(iter(vault.keyring.create_many([_somebody(vault)], now_ms()).values()))
    drafts = draft_person(vault.keyring.tag_keys, vault.installation.buckets, values_of(1))
    assert isinstance(drafts, tuple)
    own = vault.installation
    sealer = Sealer(key.data, key.epoch, (own.tenant, key.subject, PROFILE), suite=own.suite)
    sealed = [
        (
            Place(own.tenant, key.subject, PROFILE, draft.field.code, draft.field.schema, 1),
            seal_draft(sealer, draft, 1, bytes(SALT_BYTES)),
        )
        for draft in drafts
    ]

    def nine_values() -> None:
        for place, blob in sealed:
            key.open(place, blob).decode()

    canonical = canonical_values(drafts)
    tag_keys = vault.keyring.tag_keys
    written = tags_for_person(tag_keys, canonical)
    return {
        "values": len(sealed),
        "nine_values_us": round(_best_us(nine_values), 1),
        "tags": len(written),
        "tags_us": round(_best_us(partial(tags_for_person, tag_keys, canonical)), 1),
    }


def _somebody(vault: Vault) -> tuple[Bucket, SubjectId]:
    subject = new_subject()
    return bucket_for(subject, vault.installation.buckets), subject


def _best_us(work: Any, turns: int = 300) -> float:
    """CPU microseconds of one call: the best of nine series, because the rest is other people's noise."""
    series = []
    for _ in range(9):
        begun = time.process_time()
        for _ in range(turns):
            work()
        series.append((time.process_time() - begun) / turns * 1e6)
    return min(series)


def _bulk(site: Measured, count: int) -> dict[str, Any]:
    people = [person(1_000_000 + at) for at in range(count)]
    before, begun = _cpu(site), time.perf_counter()
    for some in batched(people, 2_000):
        answers = enrol_people(site.vault, some, now_ms())
        assert all(isinstance(answer, Enrolled) for answer in answers)
    seconds, busy = time.perf_counter() - begun, _cpu(site) - before
    return {
        "bulk_people": count,
        "bulk_per_second": round(count / seconds),
        "bulk_cpu_us": round(busy / count * 1e6),
        "bulk_per_busy_core": round(count / busy),
    }


def _creates(site: Measured, options: argparse.Namespace, turn: int) -> Served[Any]:
    people = [person(2_000_000 + turn * 100_000 + at) for at in range(options.creates)]
    served = serve(lambda batch: enrol_people(site.vault, batch, now_ms()), people, callers=options.callers)
    assert all(isinstance(answer, Enrolled) for answer in served.answers)
    return served


def _reads(site: Measured, town: Town, options: argparse.Namespace) -> Served[Any]:
    tokens = [token(town, at, now_ms(), uses=USES) for at in range(-(-options.reads // USES))]
    asked = [_one_value(request_of(tokens[at % len(tokens)], now_ms())) for at in range(options.reads)]
    served = serve(lambda batch: disclose_many(site.vault, batch, now_ms()), asked, callers=options.callers)
    assert all(isinstance(answer, Disclosure) and len(answer.values) == 1 for answer in served.answers)
    return served


def _over_http(site: Measured, town: Town, options: argparse.Namespace) -> dict[str, Any]:
    """The same over a socket: staff create one person a request, a recipient spends its uses."""
    site.live.start()
    with site.vault.data.write() as conn:
        staff = issue_staff_key(conn, actor="bench", role=Access.OPERATOR, now_ms=now_ms())
    new = [_create_request(site, staff, 3_000_000 + at) for at in range(options.creates)]
    created = site.live.send(new, connections=options.callers)
    key = ProofKey.generate()
    tokens = [
        token(town, at, now_ms(), uses=USES, jkt=key.jkt).text for at in range(-(-options.reads // USES))
    ]
    asked = [
        disclosure_request(key, site.live.url, tokens[at % len(tokens)], f"v-{at}", fields=("phone",))
        for at in range(options.reads)
    ]
    read = site.live.send(asked, connections=options.callers)
    memory = peak_memory_mb(site.live.pid)
    site.live.stop()
    assert created.statuses[200] == options.creates
    assert read.statuses[200] == options.reads
    return {
        "http_creates_per_second": round(options.creates / created.seconds),
        "http_reads_per_second": round(options.reads / read.seconds),
        "http_reads_p99_ms": round(quantile(read.latencies, 0.99) * 1e3, 2),
        "server_peak_memory_mb": round(memory, 1),
    }


def _create_request(site: Measured, staff: str, number: int) -> bytes:
    body = json.dumps([dict(values_of(number))], ensure_ascii=False).encode()
    head = (
        f"POST /v1/people HTTP/1.1\r\nhost: {urlsplit(site.live.url).netloc}\r\nauthorization: Bearer {staff}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _rewrap(vault: Vault, people: int) -> dict[str, Any]:
    """Keys of `people` more persons, then all of them moved under a new tenant key, waiting for caches included."""
    homes = [_somebody(vault) for _ in range(people)]
    for some in batched(homes, 1_000):
        vault.keyring.create_many(some, now_ms())
    begun = time.perf_counter()
    job = run_rotation(vault, start(vault, Kind.TENANT, now_ms()), report=lambda _job: None)
    return {"rewrap_seconds": round(time.perf_counter() - begun, 2), "rewrapped_keys": job.done}


def _one_value(request: RedeemRequest) -> RedeemRequest:
    return dataclasses.replace(request, fields=("phone",))


def _settle(site: Measured) -> None:
    """The statistics that autovacuum would have gathered within a minute of a server's life."""
    for database in (site.vault.data, site.vault.keyring.database):
        with database.write() as conn:
            conn.exec_driver_sql("ANALYZE")


def _floor(site: Measured, seconds: float) -> float | None:
    assert site.postgres is not None
    return pgbench_redemptions_per_second(site.postgres, site.folder, 4, max(1, round(seconds)))


def _middle(name: str, served: Sequence[Served[Any]]) -> dict[str, Any]:
    ordered = sorted(served, key=lambda one: one.per_second)
    middle = ordered[len(ordered) // 2]
    return {
        f"{name}_per_second": round(middle.per_second),
        f"{name}_per_second_range": [round(ordered[0].per_second), round(ordered[-1].per_second)],
        f"{name}_p50_ms": round(quantile(middle.latencies, 0.5), 2),
        f"{name}_p99_ms": round(quantile(middle.latencies, 0.99), 2),
    }


def _cpu(site: Measured) -> float:
    return time.process_time() + cpu_seconds(site.postgres_pid, children=True)


def _ratio(figure: float, reference: float | None) -> float | str:
    return round(figure / reference, 3) if reference else "not installed"


def _held(figure: float, word: str, bar: float) -> str:
    held = figure >= bar if word == "at least" else figure < bar
    return f"{'met' if held else 'NOT met'}: {figure:,} is to be {word} {bar:,}"


def failures(result: dict[str, Any]) -> Iterator[str]:
    """What makes the figures worthless: a read without its entry, or a field the benchmark no longer knows."""
    if "skipped" in result:
        return
    if not result["sound"]:
        yield "uses and ledger entries do not agree"
    if missing := set(FIELDS) - set(KNOWN):
        yield f"unknown fields: {sorted(missing)}"
