"""A vault of a million people gives as many candidates as vault.md §6.5 expects; `make heavy` runs it.

PERUSAL_HEAVY_PEOPLE sets the size. Two hundred people are created in full. Of the others only the tags are
written, straight into the table and before its index is built: what is counted here is who is suggested, and
sealing a million times nine values would add nothing to it but an hour.
"""

import hashlib
import os
import random
import statistics
import time

import pytest

from tests.backends import NoPostgres, open_backend
from tests.vault.scan.test_scan import permission
from tests.vault.tags.population import FAMILIES, GIVEN, PREFIXES, address, email, mobile, plate
from vault.fields.catalogue import field_of
from vault.fields.regions import name_of
from vault.fields.resident_id import check_character
from vault.finding.find import find
from vault.ids import bucket_for, new_subject
from vault.opening import create_vault
from vault.people.enrol import Created, NewPerson, create_many
from vault.scan.running import scan
from vault.storage.rowset import volley
from vault.tags import Probe, Shape, match, tags_for_person
from vault.tags.registry import kinds_of
from vault.tags.writing import first_tags

PEOPLE = int(os.environ.get("PERUSAL_HEAVY_PEOPLE", "1000000"))
FULL = 200
COUNTIES = [code for code in map(str, range(110_000, 660_000)) if code[4:] != "00" and name_of(code)]


def values(rng, serial):
    digits = f"{rng.choice(COUNTIES)}{rng.randrange(1950, 2010)}{rng.randrange(1, 13):02d}"
    digits += f"{rng.randrange(1, 29):02d}{rng.randrange(1000):03d}"
    number = digits + check_character(digits)
    return {
        "phone": mobile(rng),
        "email": f"{serial:x}{email(rng)}",
        "resident_id": number,
        "name": rng.choice(FAMILIES) + "".join(rng.choices(GIVEN, k=2)),
        "passport": f"EA{serial:07d}",
        "bank_card": f"622202{serial * 104_729 % 10**13:013d}",
        "address": address(rng),
        "birth_date": f"{number[6:10]}-{number[10:12]}-{number[12:14]}",
        "plate": plate(rng),
    }


@pytest.fixture
def million(postgres, provider, now):
    if isinstance(postgres, NoPostgres):
        pytest.skip(str(postgres))
    names = [postgres.clone("perusal_data"), postgres.clone("perusal_keys")]
    backend = open_backend("postgresql", postgres.url(names[0]), postgres.url(names[1]))
    vault = create_vault(
        backend.data, backend.keys, provider, buckets=16, ledger_host="ledger.example/x", now_ms=now
    )
    yield vault
    backend.close()
    for name in names:
        postgres.drop(name)


def fill(vault, rng, first, count):
    """The tags of `count` people, as they would be written with everything else."""
    keys, buckets = vault.keyring.tag_keys, vault.installation.buckets
    with vault.data.write() as conn:
        conn.exec_driver_sql("DROP INDEX ix_tag")
    for start in range(first, first + count, 5_000):
        rows = []
        for serial in range(start, min(start + 5_000, first + count)):
            subject = new_subject()
            bucket = bucket_for(subject, buckets)
            forms = {code: field_of(code).canonical(text) for code, text in values(rng, serial).items()}
            rows += [(tag, kind, bucket, subject) for kind, tag, _ in tags_for_person(keys, forms)]
        with vault.data.write() as conn:
            volley(conn, *first_tags(keys.index_epoch, rows))
    with vault.data.write() as conn:
        conn.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        conn.exec_driver_sql("CREATE INDEX ix_tag ON tag (tag)")
        conn.exec_driver_sql("ANALYZE tag")


def suggested(vault, crowd, code, shape):
    """How many people a part of one person's value suggests, on average over those who have it."""
    (cut,) = [found.cut for found in kinds_of(field_of(code)) if found.shape == shape]
    probes = [Probe(code, cut(field_of(code).canonical(one[code])), shape) for one in crowd]
    with vault.data.read() as conn:
        hits = match(conn, vault.keyring, probes)
    counts = [0] * len(probes)
    for hit in hits:
        counts[hit.probe] += 1
    return statistics.mean(counts)


def chance(others):
    """Between what and what the average lies when so many others are expected beside the one who is meant."""
    slack = 5 * (others / FULL) ** 0.5
    return 1 + others - slack, 1 + others + slack


@pytest.mark.heavy
def test_a_million_people_give_the_expected_candidates(million, now):
    vault, rng = million, random.Random(1)
    crowd = [values(rng, serial) for serial in range(FULL)]
    made = create_many(vault, [NewPerson(one) for one in crowd], now)
    assert all(isinstance(one, Created) for one in made)
    fill(vault, rng, FULL, PEOPLE - FULL)
    expected = {
        ("phone", Shape.EXACT): (1, 1),
        ("phone", Shape.P3S4): chance(PEOPLE / (len(PREFIXES) * 10**4)),
        ("phone", Shape.P7): chance(PEOPLE / (len(PREFIXES) * 10**4)),
        ("phone", Shape.S4): chance(PEOPLE / 10**4),
        ("resident_id", Shape.P6S4): (1, 1.5),
        ("resident_id", Shape.P4S4): (1, 1.5 + PEOPLE / 10**6),
        ("resident_id", Shape.P3S4): (1, 2 + 3 * PEOPLE / 10**6),
    }
    figures = {}
    for (code, shape), (least, most) in expected.items():
        figures[f"{code}.{shape.name.lower()}"] = mean = suggested(vault, crowd, code, shape)
        assert least <= mean <= most, (code, shape.name, mean)
    local = {shape: suggested(vault, crowd, "email", shape) for shape in (Shape.FIRST1, Shape.FIRST3)}
    figures |= {f"email.{shape.name.lower()}": mean for shape, mean in local.items()}
    # Many, needs a second column; three characters are never worse than one.
    assert 1 <= local[Shape.FIRST3] <= local[Shape.FIRST1] <= PEOPLE
    for one, person in zip(crowd[:20], made, strict=False):
        digest = {"phone": hashlib.sha1(one["phone"].encode()).hexdigest()}
        assert [found.subject for found in find(vault, digest)] == [person.subject]
        hidden = {
            "phone": one["phone"][:3] + "****" + one["phone"][-4:],
            "name": f"{one['name'][0]}*{one['name'][-1]}",
        }
        assert [found.subject for found in find(vault, hidden)] == [person.subject]
    started = time.perf_counter()
    for one, person in zip(crowd[:100], made, strict=False):
        hidden = {"phone": one["phone"][:3] + "****" + one["phone"][-4:], "name": f"{one['name'][0]}*"}
        assert [found.subject for found in find(vault, hidden)] == [person.subject]
    figures["find_ms"] = (time.perf_counter() - started) * 10
    with vault.data.read() as conn:
        (size,) = conn.exec_driver_sql(
            "SELECT (pg_relation_size('tag') + pg_indexes_size('tag'))::float / count(*) FROM tag"
        ).one()
    figures["bytes_per_tag"] = size
    assert size <= 100
    print({name: round(figure, 2) for name, figure in figures.items()})


@pytest.mark.heavy
def test_a_scan_of_everybody_is_timed(vault, now):
    """Prints microseconds of CPU for one person; vault.md §6.5 expects 8 for hashing, and opening besides."""
    rng, count = random.Random(2), min(PEOPLE, 20_000)
    crowd = [values(rng, serial) for serial in range(count)]
    made = create_many(vault, [NewPerson(one) for one in crowd], now)
    wanted = [hashlib.sha512(crowd[-1]["phone"].encode()).digest()]
    allowed = permission(vault, now, wanted, "sha512")

    started = time.process_time()
    hits = scan(vault, allowed, wanted, now)
    spent = time.process_time() - started

    assert [hit.subject for hit in hits] == [made[-1].subject]
    print({"people": count, "scan_us_per_person": round(spent * 1e6 / count, 1)})
