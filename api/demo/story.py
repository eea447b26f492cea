"""The whole story, from an empty folder to a claim somebody else can verify; every step through a real interface.

Decides: the order of the chapters and what is written down about each. Nothing is judged here (`judge` does that) and
nothing is drawn (`report` does that). The server runs from the first request to the last and ends by its process id.
"""

from __future__ import annotations

import json
import os
import platform
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.cli.output import Tick
from api.demo import count, suspects
from api.demo.apps import LEAKER
from api.demo.chapters import Chapters
from api.demo.city import Citizen, citizens, strangers
from api.demo.consumer_client import Browser, Page, PageProblem
from api.demo.leak import Leak, write_leak
from api.demo.plan import plan_days
from api.demo.programs import perusal, serving
from api.demo.proofs import verify_everything
from api.demo.search import search
from api.demo.site import Site, enrol_city, found_site, register_apps
from api.demo.traffic import Town, Traffic, connections, endpoints_of, live, race

LEAK_FIELDS = ("name", "phone", "email")
LEAKED_SHARE = 0.9
RACES = 3
BUNDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How large a story: people in the city, how many of them are asked anything, visits of apps to them, and how
    many of these by the leaking app.
    """

    people: int = 2_400
    asked: int = 260
    visits: int = 420
    leaker_visits: int = 100
    strangers: int = 400
    seed: int = 20_261_122


@dataclass(slots=True, kw_only=True)
class Telling:
    """One telling under way: where it happens, where it is reported, and the stop watch."""

    wish: Wish
    home: Path
    out: Path
    chapters: Chapters
    tick: Tick
    began_at: str


def tell(wish: Wish, home: Path, out: Path, chapters: Chapters, tick: Tick) -> dict[str, Any]:
    """Tell the story once; returns its document. Raises ProgramFailed, RefusedByServer or PageProblem."""
    out.mkdir(parents=True, exist_ok=True)
    began_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    telling = Telling(wish=wish, home=home, out=out, chapters=chapters, tick=tick, began_at=began_at)
    site = _found(telling)
    with serving(home) as server:
        town = Town(
            base_url=server.base_url,
            endpoints=endpoints_of(server.base_url),
            apps=site.apps,
            app_keys=site.app_keys,
            sign_in_keys=site.sign_in_keys,
        )
        traffic = _day(telling, site, town)
        leak = _leak(telling, traffic)
        with chapters.chapter("tracing the file"):
            trace = perusal("trace", leak.path, "--dir", home, "--out", out)
            claims = _first_pack(out, trace["claims"])
        with chapters.chapter("a person's own proof"):
            _fetch_proofs(telling, town, traffic)
    return _document(telling, site, traffic, leak, trace["report"], claims)


def _found(telling: Telling) -> Site:
    with telling.chapters.chapter("installation"):
        found_site(telling.home)
    with telling.chapters.chapter("apps and people"):
        apps, keys = register_apps(telling.home)
        people = list(citizens(telling.wish.seed, telling.wish.people))
        given = enrol_city(telling.home, people)
    return Site(home=telling.home, apps=apps, app_keys=keys, sign_in_keys=given, people=people)


def _day(telling: Telling, site: Site, town: Town) -> Traffic:
    wish = telling.wish
    apps = [who.app for who in site.apps]
    # The last few people are kept for the races; nobody visits them otherwise.
    asked = site.people[: min(wish.asked, len(site.people) - RACES)]
    days = plan_days(
        asked, apps, visits=wish.visits, leaker=LEAKER, leaker_visits=wish.leaker_visits, seed=wish.seed
    )
    with telling.chapters.chapter("requests, approvals, uses"):
        traffic = live(town, days, telling.tick)
    with telling.chapters.chapter("races and thefts"):
        began = time.monotonic()
        raced = [race(town, 0, person.number, person.lang) for person in site.people[-RACES:]]
    return Traffic(
        outcomes=[*traffic.outcomes, *(outcome for outcome, _ in raced)],
        requests=traffic.requests + sum(steps for _, steps in raced),
        seconds=traffic.seconds + time.monotonic() - began,
    )


def _leak(telling: Telling, traffic: Traffic) -> Leak:
    wish = telling.wish
    with telling.chapters.chapter("the leak"):
        held = count.in_hand(traffic.outcomes, LEAKER)
        others = [person.values() for person in strangers(wish.seed, wish.strangers)]
        path = telling.out / "leaked.csv"
        kept = held[: max(1, round(len(held) * LEAKED_SHARE))]
        return write_leak(path, kept, others, LEAK_FIELDS, seed=wish.seed)


def _fetch_proofs(telling: Telling, town: Town, traffic: Traffic) -> None:
    """What outsiders and people can get from the running server: the checkpoint, the keys, one own bundle."""
    perusal("ledger", "policy", "--dir", telling.home, "--out", telling.out)
    served = next(outcome for outcome in traffic.outcomes if outcome.app == LEAKER and outcome.received)
    with connections() as http:
        origins = (telling.out / "policy.txt").read_text().split()[1].split("+")[0]
        checkpoint = http.get(f"{town.base_url}/log/{'/'.join(origins.split('/')[-2:])}/checkpoint")
        (telling.out / "checkpoint.txt").write_bytes(checkpoint.raise_for_status().content)
        browser = Browser(http, town.base_url)
        browser.sign_in(town.sign_in_keys[served.person])
        (telling.out / "use-proof.zip").write_bytes(_bundle(browser, town.base_url).content)


def _first_pack(out: Path, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Give the one evidence pack a plain name in the report folder; how many claims there are, and what they ask."""
    counted = {"opened": claims["opened"], "incident": claims["incident"]}
    if not claims["packs"]:  # nobody was named, so nothing is proven against anybody: the judge will say so
        return {**counted, "pack": "", "amount": None, "currency": None}
    pack = out / claims["packs"][0]
    pack.rename(out / "claim-pack.zip")
    pack.parent.rmdir()
    with zipfile.ZipFile(out / "claim-pack.zip") as members:
        claim = json.loads(members.read("claim.json"))
    return {
        "opened": claims["opened"],
        "incident": claims["incident"],
        "pack": "claim-pack.zip",
        **claim["agreed"],
    }


def _bundle(browser: Browser, base_url: str) -> Page:
    """The proof of the newest use on a person's own page, once the checkpoint over it has been signed."""
    listed = browser.get(f"{base_url}/{browser.language}/uses")
    links = [link for link in listed.links() if link.endswith("/bundle")]
    if not links:
        raise PageProblem("no_bundle_link", listed.status)
    deadline = time.monotonic() + BUNDLE_SECONDS
    while True:
        page = browser.get(links[0])
        if page.status == 200 and page.content.startswith(b"PK"):
            return page
        if time.monotonic() > deadline:
            raise PageProblem("no_bundle", page.status)
        time.sleep(0.2)


def _document(
    telling: Telling,
    site: Site,
    traffic: Traffic,
    leak: Leak,
    report: Mapping[str, Any],
    claims: Mapping[str, Any],
) -> dict[str, Any]:
    with telling.chapters.chapter("verification"):
        verification = verify_everything(telling.home, telling.out, str(claims["pack"]))
    with telling.chapters.chapter("search for plain values"):
        # The passphrase file is no data base; everything else the service wrote is searched.
        files = [path for path in telling.home.rglob("*") if path.is_file() and path.name != "passphrase"]
        found = search(files, site.people)
    rows = count.app_rows(site.apps, traffic.outcomes)
    return {
        "format": "perusal demo 1",
        "seed": telling.wish.seed,
        "began_at": telling.began_at,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "city": _city(site.people),
        "apps": rows,
        "traffic": count.traffic_row(traffic, rows),
        "attempts": count.attempt_rows(traffic.outcomes),
        "leak": {**asdict(leak), "path": leak.path.name, "leaker": site.apps[LEAKER].app.name},
        "trace": suspects.summary(report),
        "suspects": suspects.rows(report),
        "claims": dict(claims),
        "verification": verification,
        "search": asdict(found),
        "phases": telling.chapters.phases,
    }


def _city(people: Sequence[Citizen]) -> dict[str, int]:
    english = sum(person.lang == "en" for person in people)
    return {"people": len(people), "english": english, "chinese": len(people) - english}
