"""Aliases in a leaked file, from the approval to the report: one row is enough, and nothing that was invented counts."""

import hashlib

import pytest

from breach.cases.incidents import affected, open_incident
from breach.intake.quarantine import receive
from breach.matching.engines import Engine
from breach.pipeline.run import trace
from consent.approving.approve import Approved, approve
from consent.marks.alias_pool import add_domain, add_numbers
from consent.redemption.disclose import Disclosure, disclose_many
from consent.tokens.exchange import exchange
from tests.breach.leaks import HOUR, town, write
from vault.people.honey import alarms

FIELDS = {"datatypes": ["name", "phone", "email"]}


def found_town(world):
    """Thirty people; two apps have twenty each, ten of them both, every address an alias; with the texts by app."""
    made = town(world, 30)
    with world.vault.data.write() as conn:
        add_domain(conn, "relay.example", world.now)
        add_numbers(conn, [f"1700000{n:04d}" for n in range(60)], world.now)
    for name, legal, numbers in (("shop", "Shop Ltd", range(20)), ("club", "Club Ltd", range(10, 30))):
        made.apps[name] = world.app("account", legal)
        made.held[name] = [_row(made, name, n) for n in numbers]
    world.tick(HOUR)
    return made


@pytest.fixture
def aliased(founded):
    return founded


def _row(made, name, number):
    """What an app learns of one person, who gives an alias instead of both contact points."""
    world, person, app = made.world, made.people[number], made.apps[name]
    shown = world.show(app, person, **FIELDS)
    approved = approve(world.vault, person, shown.id, {"name", "alias_phone", "alias_email"}, world.now)
    assert isinstance(approved, Approved)
    token = exchange(world.vault, world.exchanging(app, approved.code), world.now)
    answer = disclose_many(world.vault, [world.request(token)], world.now)[0]
    assert isinstance(answer, Disclosure)
    return [answer.values["name"], answer.values["phone"], answer.values["email"]]


def _trace(made, folder, rows, name="leak", **how):
    raw = write(folder / f"{name}.csv", rows, heading=False)
    taken = receive(made.vault, [raw], folder / "q", now_ms=made.world.now)
    return trace(made.vault, taken, now_ms=made.world.now, **how)


def _line(report, made, name):
    return next(one for one in report.body["ranking"] if one.get("recipient") == made.recipient(name))


def _alarms(made):
    made.vault.watch.settle()
    with made.vault.data.read() as conn:
        return [(one.source, one.who) for one in alarms(conn)]


def test_one_row_names_the_recipient(aliased, tmp_path):
    """Of two apps that know the same person, the one whose alias is in the file; the person is among the affected."""
    leaked = aliased.held["shop"][12]

    report = _trace(aliased, tmp_path, [[leaked[0], leaked[2]]])

    assert report.suspects == (aliased.recipient("shop"),)
    assert _line(report, aliased, "shop")["ln_e_contacts"] > 20
    assert _line(report, aliased, "club")["ln_e_contacts"] < 0
    assert "1 of the 40 aliases that were given to Shop Ltd" in " ".join(report.body["statement"]["en"])
    assert "只提供给Shop Ltd的 40 个别名中，有 1 个" in " ".join(report.body["statement"]["zh-CN"])
    opened = open_incident(aliased.vault, report.id, now_ms=aliased.world.now)
    with aliased.vault.data.read() as conn:
        (one,) = affected(conn, opened.id, aliased.vault.installation.buckets)
    assert (one.subject, one.fields) == (aliased.people[12].subject, ("alias_email",))
    assert _alarms(aliased) == [("alias", aliased.recipient("shop"))]


def test_the_columns_find_the_same_aliases(aliased, tmp_path):
    """Strangers and people with a number on file are sieved away; the one alias among them is not."""
    strangers = [[f"谁{n}", f"188{n:08d}", f"stranger{n}@example.net"] for n in range(300)]
    rows = [*strangers, aliased.held["shop"][12], *strangers[:5]]

    report = _trace(aliased, tmp_path, rows, engine=Engine.DUCKDB, index=tmp_path / "index")

    assert report.suspects == (aliased.recipient("shop"),)
    assert [one["found"] for one in report.body["aliases"]["kinds"][0]["recipients"]].count(1) == 1


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256"])
def test_a_hashed_alias_is_an_alias(aliased, tmp_path, digest):
    """The file shows nothing but digests of addresses."""
    rows = [[hashlib.new(digest, one[2].encode()).hexdigest(), "x"] for one in aliased.held["club"][:6]]

    report = _trace(aliased, tmp_path, rows)

    assert report.suspects == (aliased.recipient("club"),)


def test_guesses_name_nobody_and_cost_whoever_makes_them(aliased, tmp_path):
    """Invented addresses, and every number of the pool: no suspect, no alarm, nobody affected, and every guess counted."""
    rows = [["谁", f"1700000{n:04d}", f"lusab-babad-gutih-{n:05d}@relay.example"] for n in range(60)]

    report = _trace(aliased, tmp_path, rows)

    opened = open_incident(aliased.vault, report.id, now_ms=aliased.world.now)
    addresses, numbers = report.body["aliases"]["kinds"]
    assert report.suspects == ()
    assert _alarms(aliased) == []
    assert [one["found"] for one in addresses["recipients"]] == [0, 0]
    assert [one["found"] for one in numbers["recipients"]] == [20, 20]
    assert (addresses["tried"], numbers["tried"]) == (60, 60)
    assert _line(report, aliased, "shop")["ln_e_contacts"] < 0.5
    with aliased.vault.data.read() as conn:
        assert list(affected(conn, opened.id, aliased.vault.installation.buckets)) == []


def test_whoever_drops_the_columns_is_not_cleared(aliased, tmp_path):
    """Names alone say nothing for or against; that no alias is there costs next to nothing."""
    report = _trace(aliased, tmp_path, [[one[0], "19900000000"] for one in aliased.held["shop"]])

    assert report.suspects == ()
    assert -0.2 < _line(report, aliased, "shop")["ln_e_contacts"] < 0


def test_an_echo_is_no_new_alarm(aliased, tmp_path):
    """The same rows again in another file, and a second trace of the first: one alarm all the same."""
    rows = aliased.held["shop"]

    first = _trace(aliased, tmp_path, rows)
    before = _alarms(aliased)
    aliased.world.tick(HOUR)
    echo = _trace(aliased, tmp_path, list(reversed(rows)), "again")

    assert first.suspects == (aliased.recipient("shop"),)
    assert echo.outcome == "repost"
    assert before == [("alias", aliased.recipient("shop"))]
    assert _alarms(aliased) == before
