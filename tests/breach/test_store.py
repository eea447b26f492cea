"""What speaks for a copy of our own store: people nobody was given, and values nobody was given."""

import math
from collections import Counter
from random import Random

import pytest

from breach.intake.quarantine import receive
from breach.pipeline.run import trace
from breach.trace.attribute import Outcome, Rules, attribute
from breach.trace.dating import Timeline, held_at
from breach.trace.evidence import Evidence, Pattern, Unreceived
from breach.trace.store import STORE_FRACTIONS, _against_outside, never_received
from tests.breach.leaks import HOUR, row, write
from vault.backups.made import note
from vault.reading.records import Change, update_many


def values(*, never=(0, 0), later=(0, 0)):
    """One field of six, as (people, found)."""
    one = Unreceived(
        field="email", never=never[0], never_found=never[1], later=later[0], later_found=later[1]
    )
    rest = [Unreceived(field=code, never=50, never_found=0, later=0, later_found=0) for code in "abcde"]
    return (one, *rest)


@pytest.mark.parametrize("counted", [1.0, 1.5, 4.0])
def test_an_ordinary_outside_source_passes_a_ratio_no_oftener_than_its_mean_allows(counted):
    """Its mean over what an outside source at the limit shows, summed exactly, also when people are counted too high."""
    people, most = 300, 0.01

    def ln_probability(hits):
        ways = math.lgamma(people + 1) - math.lgamma(hits + 1) - math.lgamma(people - hits + 1)
        return ways + hits * math.log(most) + (people - hits) * math.log1p(-most)

    mean = math.fsum(
        math.exp(
            never_received(values(never=(round(people * counted), hits)), most, 8) + ln_probability(hits)
        )
        for hits in range(1, people + 1)
    )

    assert mean <= 1 + 1e-9


def test_a_copy_of_the_store_shows_what_nobody_was_given_and_nobody_is_named(small_town, tmp_path):
    """Of 90 people 40 were disclosed to nobody, and five of the others have a number that is newer than what was disclosed."""
    made, world = small_town, small_town.world
    assert never_received((), 0.01, 8) == 0
    changed = [
        Change(subject=made.people[n].subject, field="phone", text=f"188{n:08d}") for n in range(85, 90)
    ]
    update_many(made.vault, changed, world.now)
    world.tick(HOUR)
    rows = [row(n) for n in range(90)]
    for n in range(85, 90):
        rows[n][1] = f"188{n:08d}"
    raw = write(tmp_path / "leak.csv", Random(1).sample(rows, len(rows)))

    taken = receive(made.vault, [raw], tmp_path / "q", now_ms=world.now)
    report = trace(made.vault, taken, now_ms=world.now)

    store = next(one for one in report.body["ranking"] if one["kind"] == "own_store")
    assert report.body["people"]["given_to_nobody"] == [
        {"field": "phone", "never": 40, "never_found": 40, "later": 5, "later_found": 5},
        {"field": "email", "never": 40, "never_found": 40, "later": 0, "later_found": 0},
    ]
    assert (report.outcome, report.suspects) == ("own_store", ())
    assert store["ln_e_values"] > 100
    assert store["ln_e_total"] == pytest.approx(max(store["ln_e"], store["ln_e_values"]), abs=1)
    assert "5 people are in the file with a later phone than anybody was given" in " ".join(
        report.body["statement"]["en"]
    )


def test_a_leaked_backup_is_told_from_later_ones_by_what_stood_in_it(small_town, tmp_path):
    """The file shows everybody as of the first backup; five numbers changed before the second."""
    made, world = small_town, small_town.world
    tenant, vault = made.vault.installation.tenant, made.vault
    world.tick(HOUR)
    first = world.now
    note(vault.data, tenant, first, first)
    world.tick(HOUR)
    changed = [
        Change(subject=made.people[n].subject, field="phone", text=f"188{n:08d}") for n in range(85, 90)
    ]
    update_many(vault, changed, world.now, clock=lambda: world.now)
    world.tick(HOUR)
    note(vault.data, tenant, world.now, first)
    second = world.now
    world.tick(HOUR)
    raw = write(tmp_path / "leak.csv", [row(n) for n in range(90)])

    report = trace(
        vault, receive(vault, [raw], tmp_path / "q", now_ms=world.now + 60_000), now_ms=world.now + 60_000
    )

    store = report.body["own_store"]
    values = store["values_found"]
    assert (report.outcome, report.suspects) == ("own_store", ())
    assert [(one["made_at"], one["values_held_then"]) for one in store["backups"]] == [
        (first, values),
        (second, values - 5),
    ]
    assert store["backups"][0]["ln_e"] - store["backups"][1]["ln_e"] > 20
    assert store["copied"]["until"] <= second - HOUR
    assert f"held {values} of the {values} values found" in " ".join(report.body["statement"]["en"])
    assert f"（共发现 {values} 个）" in "".join(report.body["statement"]["zh-CN"])


def test_over_all_moments_of_a_copy_the_weight_of_one_has_the_mean_one():
    changes = Counter({0: 20, 400: 6, 500: -3, 700: -4})
    held = held_at(Timeline(changes=changes, rows=26, since=0, until=1_000), range(1_000))

    assert math.fsum(math.exp(one.ln_e) for one in held) / 1_000 == pytest.approx(1)
    assert {one.at for one in held[:100]} == set(range(400, 500))


RECIPIENTS, PEOPLE, MOST = 60, 4_000, 0.01


def city(dice):
    """Whom each recipient serves: of everybody something was disclosed to somebody, and no address to anybody."""
    serves = [set(dice.sample(range(PEOPLE), dice.randrange(40, 200))) for _ in range(RECIPIENTS)]
    for alone in set(range(PEOPLE)).difference(*serves):
        serves[dice.randrange(RECIPIENTS)].add(alone)
    return serves


def addresses(serves, shown):
    """The evidence of a file that shows the addresses of these people, which nobody was given."""
    served = tuple(sorted((len(shown & people) for people in serves), reverse=True))
    one = Unreceived(
        field="email", never=PEOPLE, never_found=len(shown), later=0, later_found=0, never_served=served
    )
    found = Counter(
        Pattern(able=tuple((k, 1) for k, people in enumerate(serves) if person in people)) for person in shown
    )
    return Evidence(
        held=tuple(map(len, serves)),
        people=PEOPLE,
        dark=0,
        dark_found=0,
        found=found,
        unreceived=(one, *values()[1:]),
    )


def test_what_recipients_collected_themselves_never_accuses_our_store_nor_the_innocent():
    """Up to eight collectors, of any size, put all or part of their own addresses into one file with strangers'."""
    passed = trials = 0
    for seed in range(60):
        dice = Random(seed)
        serves = city(dice)
        largest = sorted(range(RECIPIENTS), key=lambda k: -len(serves[k]))
        collectors = largest[:8] if seed % 2 else dice.sample(range(RECIPIENTS), dice.randint(1, 8))
        shown = {one for k in collectors for one in serves[k] if dice.random() < dice.choice((0.1, 0.5, 1.0))}
        shown |= {one for one in range(PEOPLE) if dice.random() < MOST}
        weight = never_received(addresses(serves, shown).unreceived, MOST, 8)
        passed += weight > math.log(10)
        trials += 1
        if seed < 6:
            result = attribute(addresses(serves, shown), Rules())
            assert result.outcome is not Outcome.OWN_STORE
            assert {one.recipient for one in result.findings if one.named} <= set(collectors)

    assert passed <= trials / 10


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_copy_of_the_store_shows_more_than_eight_collectors_serve(share):
    """Everybody was disclosed to somebody, so that no dark person speaks: the addresses alone must."""
    dice = Random(3)
    result = attribute(addresses(city(dice), set(dice.sample(range(PEOPLE), round(PEOPLE * share)))), Rules())

    assert (result.own_store, result.outcome) == (0.0, Outcome.OWN_STORE)
    assert result.own_total == pytest.approx(result.own_values - math.log(2))
    assert not any(one.named for one in result.findings)


@pytest.mark.parametrize("people", [1, 20, 100])
@pytest.mark.parametrize("rate", [0.0, 0.003, 0.01])
def test_over_all_that_an_outside_source_may_show_the_ratio_is_at_most_one(people, rate):
    def chance(hits):
        return math.comb(people, hits) * rate**hits * (1 - rate) ** (people - hits)

    expected = sum(
        chance(hits) * math.exp(_against_outside(hits, people, 0.01, STORE_FRACTIONS))
        for hits in range(people + 1)
    )

    assert expected <= 1 + 1e-9
