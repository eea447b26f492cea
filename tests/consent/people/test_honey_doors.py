"""Every door by which a value leaves the vault rings for a honey person: at once, and after a crash by a sweep.

A door is a function below that opens the honey person once, together with somebody ordinary. The last test names
the modules that may touch clear values at all: a new one needs a door here.
"""

import ast
import hashlib
from pathlib import Path

import pytest
from sqlalchemy import select

from consent.accounts.keys import Consumer
from consent.dual.requests import DualRequest
from consent.export.document import Export, export
from consent.families.ties import merge
from consent.people.honey import plant, sweep
from consent.people.keeping import Enrolled, NewPerson, Refused
from consent.permits.scan_runs import ScanScope
from consent.redemption.disclose import Disclosure, disclose_many
from consent.staff.emergency import Opened
from consent.staff.lookup import find_people
from consent.staff.reading import Reading, ReadRequest, read
from consent.staff.scanning import Scanned, ask_scan, run_scan
from consent.staff_members import Basis, DualReason
from tests.consent.dual.office import ASKER, FIRST, SECOND, Office
from tests.vault.people import made_up as people
from vault.honey.tables import alarm
from vault.honey.watch import HoneyWatch
from vault.people.honey import watch_over

ROOT = Path(__file__).parents[3]
WHY = DualReason.LEAK_INVESTIGATION


class Scene:
    """A vault with one honey person and one ordinary one, and a small office."""

    def __init__(self, world):
        self.world, self.vault = world, world.vault
        self.office = Office(world.vault, world.now)
        (made,) = plant(world.vault, [NewPerson(people.values(7))], world.now)
        assert isinstance(made, Enrolled)
        self.honey = Consumer(bucket=made.bucket, subject=made.subject, lang="en")
        self.ordinary = world.person()
        self.both = (self.ordinary, self.honey)

    def alarms(self):
        self.vault.watch.settle()
        with self.vault.data.read() as conn:
            return {bytes(row.id): row for row in conn.execute(select(alarm))}


def use(scene):
    app = scene.world.app()
    issued = [scene.world.token(app, who) for who in scene.both]
    for one in issued:
        assert isinstance(
            disclose_many(scene.vault, [scene.world.request(one)], scene.world.now)[0], Disclosure
        )


def uses_in_one_batch(scene):
    app = scene.world.app()
    asked = [scene.world.request(scene.world.token(app, who)) for who in scene.both]
    assert all(isinstance(one, Disclosure) for one in disclose_many(scene.vault, asked, scene.world.now))


def emergency(scene):
    for who in scene.both:
        assert isinstance(scene.office.open(scene.office.approved(who.subject).id), Opened)


def one_member_of_staff(scene):
    for who in scene.both:
        asked = ReadRequest(
            subject=who.subject, fields=("phone",), reason=DualReason.PERSON_ASKED, basis=Basis.CONTRACT
        )
        assert isinstance(read(scene.vault, ASKER, asked, scene.world.now), Reading)


def own_copy(scene):
    for who in scene.both:
        assert isinstance(export(scene.vault, who.subject, scene.world.now), Export)


def copy_by_an_operator(scene):
    for who in scene.both:
        assert isinstance(export(scene.vault, who.subject, scene.world.now, actor=ASKER.name), Export)


def search(scene):
    rows = [{"phone": people.phone(0)}, {"phone": people.phone(7)}]
    assert all(one.found for one in find_people(scene.vault, ASKER, rows, WHY, scene.world.now))


def scan(scene):
    salt, scheme = b"pepper", ("md5(salt+value)",)
    wanted = [hashlib.md5(salt + people.phone(at).encode()).digest() for at in (0, 7)]
    scope = ScanScope.of(scene.vault, "phone", scheme, wanted, (salt,))
    request = ask_scan(scene.vault, ASKER, scope, WHY, "The Harbour file.", scene.world.now)
    assert isinstance(request, DualRequest)
    for staffer in (FIRST, SECOND):
        scene.office.vote(request.id, staffer)
    done = run_scan(scene.vault, ASKER, request.id, wanted, scene.world.now, salts=(salt,))
    assert isinstance(done, Scanned)
    assert len(done.hits) == 2


DOORS = {
    use: ("read", "org_"),
    uses_in_one_batch: ("read", "org_"),
    emergency: ("read", f"staff:{ASKER.name}"),
    one_member_of_staff: ("read", f"staff:{ASKER.name}"),
    own_copy: ("export", "self"),
    copy_by_an_operator: ("export", "self"),
    search: ("find", f"staff:{ASKER.name}"),
    scan: ("scan", f"staff:{ASKER.name}"),
}
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@pytest.fixture
def scene(world):
    return Scene(world)


@every_door
def test_every_door_rings_once_for_the_honey_person_and_not_for_the_other(scene, door):
    source, who = DOORS[door]

    door(scene)

    (rung,) = scene.alarms().values()
    assert rung.source == source
    assert rung.who.startswith(who)


@every_door
def test_a_sweep_rings_what_a_crash_left_silent_and_nothing_twice(scene, door, monkeypatch):
    source, who = DOORS[door]
    with monkeypatch.context() as dead:
        dead.setattr(HoneyWatch, "_queue", lambda *_: None)
        door(scene)
    assert scene.alarms() == {}

    assert sweep(scene.vault, scene.world.now + 1) == 0
    assert sweep(scene.vault, scene.world.now) == 1
    swept = scene.alarms()
    assert sweep(scene.vault, scene.world.now) == 0

    (rung,) = swept.values()
    assert (rung.source, rung.who.startswith(who)) == (source, True)


@every_door
def test_what_has_rung_is_the_alarm_that_a_sweep_would_raise(scene, door):
    door(scene)
    rung = scene.alarms()

    assert sweep(scene.vault, scene.world.now) == 0
    assert scene.alarms() == rung


def test_all_doors_together_ring_once_each_and_a_sweep_adds_nothing(scene):
    for door in DOORS:
        door(scene)
    rung = scene.alarms()

    assert len(rung) == len(DOORS)
    assert sweep(scene.vault, 0) == 0


def test_a_copy_rings_for_a_honey_person_who_was_merged_into_another(scene, monkeypatch):
    with monkeypatch.context() as dead:
        dead.setattr(HoneyWatch, "_queue", lambda *_: None)
        merged = merge(scene.vault, scene.ordinary.subject, scene.honey.subject, scene.world.now)
        assert not isinstance(merged, Refused)
        assert isinstance(export(scene.vault, scene.ordinary.subject, scene.world.now), Export)

    assert sweep(scene.vault, scene.world.now) == 1

    assert [one.source for one in scene.alarms().values()] == ["export"]


def test_whoever_is_watched_later_rings_in_a_sweep_of_before(scene):
    own_copy(scene)
    assert len(scene.alarms()) == 1
    watch_over(scene.vault, [(scene.ordinary.bucket, scene.ordinary.subject)], scene.world.now)

    assert sweep(scene.vault, scene.world.now) == 1


CLEAR = {
    "vault.reader": {"open_many"},
    "vault.reading.export": {"open_everything"},
    "vault.finding.find": {"find"},
    "vault.finding.naming": {"named"},
    "vault.scan.running": {"scan"},
    "vault.people.stored": {"current_values", "every_value", "every_values"},
    "vault.tags.opened": {"canonical_versions", "canonical_text"},
    "vault.tags": {"confirm"},
    "vault.tags.lookup": {"confirm"},
}
"""What opens values of many people, by the module that has it."""

MAY_OPEN = {
    "consent/redemption/disclose.py": "a use",
    "consent/staff/emergency.py": "an emergency",
    "consent/staff/reading.py": "a read by one member of staff",
    "consent/export/document.py": "a copy",
    "consent/staff/lookup.py": "a search",
    "consent/staff/scanning.py": "a scan",
    "breach/matching/mailboxes.py": "the same",
    "breach/matching/rows.py": "an uploaded file; its alarms are tried in tests/breach/test_honey.py",
}
"""The modules above the vault that may, and by which door."""


def test_nobody_above_the_vault_opens_values_but_by_a_door_that_rings():
    found = set()
    for floor in ("consent", "breach", "api"):
        for file in (ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and any(
                    alias.name in CLEAR.get(node.module or "", ()) for alias in node.names
                ):
                    found.add(str(file.relative_to(ROOT)))
    assert found == MAY_OPEN.keys()
