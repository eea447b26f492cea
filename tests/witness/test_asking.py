"""Asking witnesses: honest ones over real HTTP, and ones that are down, slow, or lie in every way (invariants 21, 25)."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import func, select

from api.cli.main import run
from api.clock import system_clock
from api.jobs.asking import Asking, Outcome
from api.jobs.cosigning import ALARM_AFTER_MS, Cosigning
from api.jobs.holds import Holds
from api.setting_texts import SettingsError
from api.witness.home import WitnessHome
from api.witnesses import Station, load_witnesses, stations
from consent.ledger import published
from consent.ledger.append import append
from consent.ledger.errors import LedgerAlarm
from consent.ledger.formats import checkpoint, cosignature, note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy, Witness
from consent.ledger.published import Published
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import cosignature as stored
from consent.ledger.witnesses import witnessed
from consent.ledger.witnesses.collecting import RENEW_S
from consent.ledger.witnesses.submission import parse
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow
from tests.flow.installation import Clock, settings_in
from tests.witness.parties import Liar, lying, running

SIGNER = Signer(HOST, bytes(32))
ORIGIN = f"{HOST}/{YEAR}/0"
SEED = hashlib.sha256(b"liar").digest()
KEY = cosignature.key_of("liar.example", SEED)
NOW_S = NOW // 1000


@pytest.fixture
def liar():
    with lying() as found:
        yield found


@dataclass
class Side:
    """The log's side: a data base, what is remembered beside it, and one witness it asks."""

    backend: Backend
    memory: Memory
    station: Station
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    holds: Holds = field(default_factory=Holds)

    def asking(self) -> Asking:
        return Asking(self.backend.data, SIGNER, self.station, self.clock, self.memory, self.holds)

    def signed(self, count: int = 3) -> Published:
        grow(self.backend, count, seed=random.Random().getrandbits(60))
        (found,) = self.publish()
        return found

    def publish(self) -> list[Published]:
        held = self.holds.reasons()
        return publish(self.backend.data, SIGNER, self.clock(), memory=self.memory, held=held)

    def kept(self) -> int:
        with self.backend.data.read() as conn:
            return conn.execute(select(func.count()).select_from(stored)).scalar_one()

    def policy(self) -> Policy:
        """The operator's: every key of the station is a witness, and the first is the quorum."""
        named = tuple(Witness(f"w{n}", key) for n, key in enumerate(self.station.keys))
        return Policy((), (), named, quorum="w0")

    def witnessed(self) -> bool:
        with self.backend.data.read() as conn:
            return witnessed.unwitnessed_since(conn, LOG, self.policy()) is None


@pytest.fixture
def side(backend: Backend, tmp_path: Path, liar: Liar) -> Side:
    return Side(backend, Memory(tmp_path / "remembered"), Station(name="w", url=liar.url, keys=(KEY,)))


def line(at: Published, *, at_s: int = NOW_S, key: VerifierKey = KEY, seed: bytes = SEED) -> bytes:
    return str(cosignature.sign(note.parse(at.note).text, key, seed, at_s)).encode()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest") / "home"
    made = ["witness", "init", "--dir", str(folder), "--name", "witness.example/w1", "--ml-dsa", "--json"]
    assert run(made) == 0
    (folder / "logs").write_text(f"log {SIGNER.key(ORIGIN)}\n")
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "home"))


def test_an_honest_witness_cosigns_every_newest_checkpoint_with_both_keys(backend, tmp_path, folder):
    keys = tuple(one.key for one in WitnessHome(folder).cosigners())
    with running(folder) as witness:
        station = Station(name="w", url=witness.url, keys=keys)
        side = Side(backend, Memory(tmp_path / "remembered"), station)
        side.clock.now_ms = system_clock()
        asking = side.asking()
        assert asking.ask(LOG) is Outcome.NOTHING_NEW
        for count in (3, 300, 1):
            at = side.signed(count)
            assert asking.ask(LOG) is Outcome.COSIGNED
            assert asking.ask(LOG) is Outcome.NOTHING_NEW
        side.signed(2)
        at = side.signed(7)

        # Another process of ours, which has to learn the size from the witness.
        assert side.asking().ask(LOG) is Outcome.COSIGNED

        shown = witness.shown(ORIGIN).body
    assert checkpoint.verify(shown, [SIGNER.key(ORIGIN)]).size == at.size
    with backend.data.read() as conn:
        told = witnessed.told(conn, at, side.policy())
    assert {one.key for one in cosignature.verify(note.parse(told), keys)} == set(keys)
    assert side.kept() == 8


def test_a_size_is_learnt_and_submitted_again_at_once(side: Side, liar: Liar):
    at = side.signed(9)
    asking = side.asking()
    liar.status, liar.kind, liar.body = 409, "text/x.tlog.size", b"4\n"

    assert asking.ask(LOG) is Outcome.REFUSED

    assert [parse(one).old for one in liar.asked] == [0, 4, 4]
    liar.status, liar.body = 200, line(at)
    assert asking.ask(LOG) is Outcome.COSIGNED
    assert side.witnessed()


def test_an_idle_log_is_submitted_again_after_ten_minutes(side: Side, liar: Liar):
    at = side.signed(9)
    asking = side.asking()
    liar.body = line(at)
    assert asking.ask(LOG) is Outcome.COSIGNED
    side.clock.pass_seconds(RENEW_S - 1)
    assert asking.ask(LOG) is Outcome.NOTHING_NEW
    side.clock.pass_seconds(1)
    liar.body = line(at, at_s=NOW_S + RENEW_S)

    assert asking.ask(LOG) is Outcome.COSIGNED

    assert [parse(one).old for one in liar.asked] == [0, 9]
    with side.backend.data.read() as conn:
        assert witnessed.told(conn, at, side.policy()).endswith(liar.body)


OTHER = cosignature.key_of("liar.example", bytes(32))
LIES = {
    "nothing": lambda _at: b"",
    "words": lambda _at: b"all is well\n",
    "bytes": lambda _at: b"\xff\xfe",
    "half a line": lambda at: line(at)[:-1],
    "the signature of an unknown key": lambda at: line(at, key=OTHER, seed=bytes(32)),
    "a signature that does not hold": lambda at: line(at, seed=bytes(32)),
    "an old time": lambda at: line(at, at_s=NOW_S - 86_400),
    "a time to come": lambda at: line(at, at_s=NOW_S + 86_400),
    "a good line and the same key's bad one": lambda at: line(at) + line(at, seed=bytes(32)),
    "a cosignature of another head": lambda at: str(
        cosignature.sign(Checkpoint(ORIGIN, at.size, bytes(32)).text, KEY, SEED, NOW_S)
    ).encode(),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_a_cosignature_of_ours_is_not_kept(side: Side, liar: Liar, lie: str):
    at = side.signed()
    liar.body = LIES[lie](at)

    assert side.asking().ask(LOG) is Outcome.NOT_ITS_WORD
    assert (side.kept(), side.witnessed(), side.holds.reasons()) == (0, False, {})
    side.signed()


@pytest.mark.parametrize(
    ("status", "kind", "body", "outcome"),
    [
        (400, "text/plain", b"malformed\n", Outcome.REFUSED),
        (403, "text/plain", b"", Outcome.REFUSED),
        (404, "text/plain", b"", Outcome.REFUSED),
        (409, "text/plain", b"9\n", Outcome.REFUSED),
        (409, "text/x.tlog.size", b"nine\n", Outcome.NOT_ITS_WORD),
        (409, "text/x.tlog.size", b"03\n", Outcome.NOT_ITS_WORD),
        (422, "text/plain", b"", Outcome.INCONSISTENT),
        (302, "text/plain", b"", Outcome.REFUSED),
        (500, "text/plain", b"", Outcome.REFUSED),
        (200, "text/plain", b"x" * 100_000, Outcome.UNREACHABLE),
    ],
)
def test_refusals_leave_a_log_unwitnessed_and_signed(side: Side, liar: Liar, status, kind, body, outcome):
    side.signed()
    liar.status, liar.kind, liar.body = status, kind, body

    assert side.asking().ask(LOG) is outcome
    assert (side.kept(), side.witnessed(), side.holds.reasons()) == (0, False, {})
    side.signed()


def test_a_larger_size_than_ours_stops_the_signing_while_it_is_said_and_never_the_appending(
    side: Side, liar: Liar
):
    at = side.signed(3)
    liar.status, liar.kind, liar.body = 409, "text/x.tlog.size", b"99\n"
    asking = side.asking()

    assert asking.ask(LOG) is Outcome.AHEAD

    grow(side.backend, 5, seed=7)
    with pytest.raises(LedgerAlarm, match="size 99, beyond ours"):
        side.publish()
    liar.status, liar.body = 200, line(at)
    assert asking.ask(LOG) is Outcome.COSIGNED
    assert [one.size for one in side.publish()] == [8]


def test_one_log_that_is_held_does_not_hold_the_others(side: Side):
    side.holds.hold(LOG, "w", "because")
    dice = random.Random(1)
    for bucket in (0, 1):
        with side.backend.data.write() as conn:
            append(conn, [an_item(dice, bucket=bucket)], NOW, HOST)

    with pytest.raises(LedgerAlarm, match="because"):
        side.publish()

    with side.backend.data.read() as conn:
        assert published.newest(conn, LOG) is None
        assert published.newest(conn, LOG._replace(bucket=1)) is not None


def test_a_head_of_ours_that_a_witness_can_show_is_remembered_for_ever(side: Side, liar: Liar):
    side.signed(3)
    liar.shows = SIGNER.sign(Checkpoint(ORIGIN, 99, bytes(32)))
    liar.status, liar.kind, liar.body = 409, "text/x.tlog.size", b"99\n"

    assert side.asking().ask(LOG) is Outcome.AHEAD

    side.holds = Holds()
    grow(side.backend, 1, seed=7)
    with pytest.raises(LedgerAlarm, match="rolled back behind the signed size 99"):
        side.publish()


def test_a_larger_head_the_log_never_signed_is_not_remembered(side: Side, liar: Liar):
    side.signed(3)
    liar.shows = Signer(HOST, bytes([1]) * 32).sign(Checkpoint(ORIGIN, 99, bytes(32)))
    liar.status, liar.kind, liar.body = 409, "text/x.tlog.size", b"99\n"

    assert side.asking().ask(LOG) is Outcome.AHEAD
    assert side.memory.load()[ORIGIN].size == 3


def test_another_head_of_ours_that_a_witness_can_show_stops_the_signing(side: Side, liar: Liar):
    at = side.signed(3)
    liar.shows, liar.status = SIGNER.sign(Checkpoint(ORIGIN, 2, bytes(32))), 422

    assert side.asking().ask(LOG) is Outcome.INCONSISTENT

    assert list(side.holds.reasons()) == [LOG]
    grow(side.backend, 1, seed=7)
    with pytest.raises(LedgerAlarm, match="another signed head of size 2"):
        side.publish()
    assert side.memory.load()[ORIGIN].size == at.size


def test_an_earlier_head_of_ours_that_a_witness_shows_is_no_reason_to_stop(side: Side, liar: Liar):
    at = side.signed(3)
    side.signed(4)
    liar.shows, liar.status = at.note, 422

    assert side.asking().ask(LOG) is Outcome.INCONSISTENT
    assert side.holds.reasons() == {}


def test_nobody_there_is_said_so(side: Side, liar: Liar):
    side.signed()
    side.station = Station(name="w", url="http://127.0.0.1:1", keys=(KEY,))

    assert side.asking().ask(LOG) is Outcome.UNREACHABLE


def test_a_slow_witness_keeps_neither_appending_nor_signing_waiting(side: Side, liar: Liar):
    at = side.signed()
    liar.slow, liar.body = True, line(at)
    outcomes: list[Outcome] = []
    asked = Thread(target=lambda: outcomes.append(side.asking().ask(LOG)))
    asked.start()
    assert liar.came.wait(30)

    later = side.signed(20)

    assert later.size == at.size + 20
    assert outcomes == []
    liar.go.set()
    asked.join(60)
    assert outcomes == [Outcome.COSIGNED]


def test_a_witness_that_does_not_answer_in_time_is_said_not_to_be_there(side: Side, liar: Liar, monkeypatch):
    monkeypatch.setattr("api.witnesses.WITHIN_S", 0.2)
    liar.slow, liar.body = True, line(side.signed())

    assert side.asking().ask(LOG) is Outcome.UNREACHABLE
    assert side.kept() == 0


def events(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    told = [json.loads(one) for one in capfd.readouterr().err.splitlines() if one.startswith("{")]
    return [(one["event"], one.get("reason", one.get("where", ""))) for one in told]


def test_trouble_and_recovery_are_told_once_and_an_alarm_comes_after_a_quarter_of_an_hour(
    vault, liar: Liar, tmp_path, capfd
):
    clock, memory = Clock(NOW), Memory(tmp_path / "remembered")
    own = Policy((), (), (Witness("regulator", KEY, liar.url),), quorum="regulator")
    cosigning = Cosigning(vault, clock, memory, own, Holds(), 10)
    with vault.data.write() as conn:
        append(conn, [an_item(random.Random(1))], NOW, HOST)
    (at,) = publish(vault.data, Signer.of(vault), NOW, memory=memory)
    liar.status = 500
    events(capfd)

    for _ in range(3):
        cosigning.ask_all()
    assert events(capfd) == [("witness_failed", "refused")]
    clock.now_ms = NOW + ALARM_AFTER_MS - 1
    cosigning.look()
    assert events(capfd) == []
    clock.now_ms += 1
    for _ in range(3):
        cosigning.look()
    assert events(capfd) == [("log_unwitnessed", ORIGIN)]
    liar.status, liar.body = 200, line(at, at_s=clock() // 1000)
    for _ in range(2):
        cosigning.ask_all()
        cosigning.look()
    assert events(capfd) == [("witness_recovered", "regulator"), ("log_witnessed_again", ORIGIN)]


def test_the_threads_ask_by_themselves_and_end_when_told(vault, liar: Liar, tmp_path):
    clock, memory = Clock(NOW), Memory(tmp_path / "remembered")
    own = Policy((), (), (Witness("regulator", KEY, liar.url),), quorum="regulator")
    cosigning = Cosigning(vault, clock, memory, own, Holds(), 1)
    with vault.data.write() as conn:
        append(conn, [an_item(random.Random(1))], NOW, HOST)
    publish(vault.data, Signer.of(vault), NOW, memory=memory)

    cosigning.start()
    assert liar.came.wait(30)
    cosigning.stop()


def test_keys_behind_one_address_are_asked_together():
    other = cosignature.key_of("other.example", SEED)
    named = Policy(
        (),
        (),
        (
            Witness("b", KEY, "https://w.example/x/"),
            Witness("a", OTHER, "https://w.example/x"),
            Witness("c", other),
        ),
    )

    (station,) = stations(named)

    assert (station.name, station.url, station.keys) == ("a", "https://w.example/x", (OTHER, KEY))
    assert station.guard.hosts == {"w.example"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "witness w x\nquorum w\n",
        f"witness w {KEY} ftp://w.example\nquorum w\n",
        f"witness w {KEY} https://user@w.example\nquorum w\n",
        f"witness w {KEY} w.example\nquorum w\n",
    ],
)
def test_a_witness_file_that_cannot_be_used_is_refused_at_the_start(tmp_path, content):
    (tmp_path / "witnesses").write_text(content)

    for path in (tmp_path / "witnesses", tmp_path / "missing"):
        with pytest.raises(SettingsError):
            load_witnesses(settings_in(tmp_path, witnesses=path))


def test_logs_in_the_witness_file_are_not_ours(tmp_path):
    written = f"log {SIGNER.key(ORIGIN)}\nwitness w {KEY} https://w.example\nquorum w\n"
    (tmp_path / "witnesses").write_text(written)

    found = load_witnesses(settings_in(tmp_path, witnesses=tmp_path / "witnesses"))

    assert found == policy.parse(f"witness w {KEY} https://w.example\nquorum w\n")
