"""The witness as a process of its own, over real HTTP: every answer of tlog-witness, races, and death in between."""

from __future__ import annotations

import random
import shutil
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.failures import Exit
from api.cli.main import run
from api.witness.home import WitnessHome
from consent.ledger.formats import checkpoint, cosignature, note
from consent.ledger.formats.note import VerifierKey
from consent.ledger.witnesses.submission import Submission
from tests.witness.parties import ORIGIN, Answer, ForeignLog, Running, cosigned_by, exchange, running

LOG = ForeignLog()
NAME = "witness.example/w1"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("witness") / "home"
    assert run(["witness", "init", "--dir", str(folder), "--name", NAME, "--ml-dsa", "--json"]) == Exit.OK
    (folder / "logs").write_text(f"# ours\nlog {LOG.key}\n")
    return folder


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(template, tmp_path_factory.mktemp("shared") / "home"))


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "home"))


def keys(folder: Path) -> list[VerifierKey]:
    return [one.key for one in WitnessHome(folder).cosigners()]


def size_of(answer: Answer) -> int:
    return int(note.parse(answer.body).text.split("\n")[1])


@pytest.fixture(scope="module")
def witness(shared: Path):
    """One process for the tests that each have a log of their own in it."""
    with running(shared) as found:
        yield found


def a_log(witness: Running, shared: Path, name: str) -> ForeignLog:
    """A log the running witness comes to know by its file alone."""
    log = ForeignLog(origin=name)
    with (shared / "logs").open("a") as file:
        file.write(f"log {log.key}\n")
    return log


def test_a_growing_log_is_cosigned_with_both_keys_and_shown(witness: Running, shared: Path):
    log = a_log(witness, shared, "growing.example")

    for old, size in ((0, 5), (5, 5), (5, 300), (300, 301)):
        answer = witness.add(log.submission(old, size))
        assert answer.status == 200, answer
        cosigned = cosignature.verify(cosigned_by(answer.body, log.head(size).text), keys(shared))
        assert [one.key for one in cosigned] == keys(shared)

    shown = witness.shown(log.origin)
    assert shown.status == 200
    assert checkpoint.verify(shown.body, [log.key]) == log.head(301)
    assert len(cosignature.verify(note.parse(shown.body), keys(shared))) == 2
    assert shown.body.endswith(answer.body)


def test_an_empty_log_may_be_cosigned(witness: Running, shared: Path):
    log = a_log(witness, shared, "empty.example")

    assert witness.shown(log.origin).status == 404
    assert witness.add(log.submission(0, 0)).status == 200
    assert witness.add(log.submission(0, 3)).status == 200


def test_extension_lines_are_cosigned_as_they_are(witness: Running, shared: Path):
    log = a_log(witness, shared, "extended.example")

    answer = witness.add(log.submission(0, 4, extension="something else\n"))

    assert answer.status == 200
    text = f"{log.head(4).text}something else\n"
    assert len(cosignature.verify(cosigned_by(answer.body, text), keys(shared))) == 2


def test_a_wrong_old_size_is_answered_with_the_right_one(witness: Running, shared: Path):
    log = a_log(witness, shared, "conflict.example")
    witness.add(log.submission(0, 7))

    for old, size in ((0, 9), (5, 9), (8, 9), (0, 7), (0, 0)):
        assert witness.add(log.submission(old, size)) == Answer(409, "text/x.tlog.size", b"7\n")
    assert size_of(witness.shown(log.origin)) == 7


def test_what_does_not_follow_is_not_cosigned(witness: Running, shared: Path):
    log = a_log(witness, shared, "inconsistent.example")
    fork = ForeignLog(origin=log.origin, fork="x", forked_at=3)
    proof = log.proof(7, 12)

    assert witness.add(bytes(Submission(0, (bytes(32),), log.signed(7)))).status == 422
    assert witness.shown(log.origin).status == 404
    assert witness.add(log.submission(0, 7)).status == 200
    for body in (
        fork.submission(7, 12),
        fork.submission(7, 7),
        bytes(Submission(7, (), log.signed(12))),
        bytes(Submission(7, (*proof, bytes(32)), log.signed(12))),
        bytes(Submission(7, proof[::-1], log.signed(12))),
        bytes(Submission(7, (bytes(32),), log.signed(7))),
    ):
        assert witness.add(body).status == 422
    assert size_of(witness.shown(log.origin)) == 7


def test_an_empty_tree_has_one_root(witness: Running, shared: Path):
    log = a_log(witness, shared, "no-entry.example")
    signed = bytes(note.sign(f"{log.origin}\n0\n{note.b64(bytes(32))}\n", log.origin, log.seed))

    assert witness.add(bytes(Submission(0, (), signed))).status == 422


def test_unknown_logs_and_signatures_are_turned_away(witness: Running, shared: Path):
    log = a_log(witness, shared, "signed.example")
    stranger = ForeignLog(origin="stranger.example")
    forger = ForeignLog(origin=log.origin, key_of="forger")
    spoilt = bytearray(log.submission(0, 3))
    spoilt[-10] = ord("A") if spoilt[-10] != ord("A") else ord("B")

    assert witness.add(stranger.submission(0, 3)).status == 404
    assert witness.add(forger.submission(0, 3)).status == 403
    assert witness.add(bytes(spoilt)).status == 403
    assert witness.shown(log.origin).status == 404


def test_a_strangers_line_beside_the_logs_own_is_ignored_and_not_passed_on(witness: Running, shared: Path):
    log = a_log(witness, shared, "crowded.example")
    strangers = [ForeignLog(origin=log.origin, key_of=f"stranger {at}") for at in range(15)]
    lines = b"".join(one.signed(3).partition(b"\n\n")[2] for one in strangers)
    body = bytes(Submission(0, (), log.signed(3) + lines))

    assert witness.add(body).status == 200
    assert len(note.parse(witness.shown(log.origin).body).signatures) == 3


def test_a_log_that_changes_its_key_is_known_by_both(witness: Running, shared: Path):
    old = a_log(witness, shared, "rotating.example")
    new = ForeignLog(origin=old.origin, key_of="its next key")
    with (shared / "logs").open("a") as file:
        file.write(f"log {new.key}\n")
    both = old.signed(4) + new.signed(4).partition(b"\n\n")[2]

    assert witness.add(old.submission(0, 3)).status == 200
    assert witness.add(bytes(Submission(3, old.proof(3, 4), both))).status == 200
    assert witness.add(new.submission(4, 5)).status == 200


@pytest.mark.parametrize(
    ("wrong", "count"),
    [
        ((b"old 3", b"old 03"), 1),
        ((b"old 3", b"old  3"), 1),
        ((b"old 3", b"old -3"), 1),
        ((b"old 3", b"Old 3"), 1),
        ((b"old 3\n", b""), 1),
        ((b"old 3", b"old 99999999999999999999"), 1),
        ((b"old 3", b"old 10"), 1),
        ((b"\n", b"\r\n"), -1),
        ((b"=\n", b"\n"), 1),
        ((b"old 3\n", b"old 3\nAAAA\n"), 1),
        ((b"old 3\n", b"old 3\n" + (b"A" * 43 + b"=\n") * 63), 1),
        ((b"\n9\n", b"\n09\n"), 1),
        ((b"\n\n", b"\n"), -1),
        ((b"old", b"\xffold"), 1),
    ],
)
def test_malformed_requests_are_refused(witness: Running, wrong: tuple[bytes, bytes], count: int):
    body = LOG.submission(3, 9).replace(*wrong, count)

    assert witness.add(body).status == 400


def test_requests_that_break_off_are_refused(witness: Running):
    body = LOG.submission(3, 9)

    for wrong in (b"", body[:-1], body.partition(b"\n\n")[0] + b"\n\n", b"old 3\n\n"):
        assert witness.add(wrong).status == 400


def test_too_long_a_body_is_not_read(witness: Running):
    assert witness.add(b"old 0\n\n" + b"x" * 100_000).status == 413


def test_other_paths_and_methods_lead_nowhere(witness: Running):
    assert witness.ask("GET", "/add-checkpoint").status == 405
    assert witness.ask("POST", "/" + "0" * 64 + "/checkpoint", b"").status == 405
    for path in ("/", "/" + "0" * 64 + "/checkpoint", "/add-checkpoint/", "/sign-subtree"):
        assert witness.ask("GET", path).status == 404


def test_one_connection_serves_many_requests(witness: Running, shared: Path):
    log = a_log(witness, shared, "kept.example")
    with closing(witness.connection()) as talk:
        statuses = [
            exchange(talk, "POST", "/add-checkpoint", log.submission(size, size + 1)).status
            for size in range(20)
        ]

        assert statuses == [200] * 20
        assert talk.sock is not None


def test_a_body_that_never_ends_costs_one_connection_only(witness: Running, shared: Path):
    log = a_log(witness, shared, "patient.example")
    with socket.create_connection(("127.0.0.1", int(witness.url.rpartition(":")[2]))) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nold")

        assert witness.add(log.submission(0, 1)).status == 200


def test_of_fifty_submissions_at_once_one_wins_and_the_size_only_grows(witness: Running, shared: Path):
    log = a_log(witness, shared, "raced.example")
    log.head(400)
    dice = random.Random(4)
    held, sizes = 10, [10]
    assert witness.add(log.submission(0, held)).status == 200

    for _ in range(4):
        bodies = {size: log.submission(held, size) for size in dice.sample(range(held + 1, held + 90), 50)}
        with ThreadPoolExecutor(50) as pool:
            answers = dict(zip(bodies, pool.map(witness.add, bodies.values()), strict=True))
        winners = [size for size, answer in answers.items() if answer.status == 200]
        assert len(winners) == 1
        held = winners[0]
        sizes.append(size_of(witness.shown(log.origin)))
        assert {answer.status for answer in answers.values()} == {200, 409}
        assert {answer.body for answer in answers.values() if answer.status == 409} == {f"{held}\n".encode()}
        assert sizes[-1] == held


def test_two_heads_of_one_size_are_kept_as_proof(folder: Path, perusal):
    fork = ForeignLog(fork="x", forked_at=3)
    with running(folder) as witness:
        witness.add(LOG.submission(0, 7))
        for _ in range(2):
            assert witness.add(fork.submission(7, 7)).status == 422
        # Anybody may send a sound checkpoint with a wrong proof: that says nothing about the log.
        assert witness.add(bytes(Submission(7, (), LOG.signed(9)))).status == 422

    said = perusal("witness", "logs", "--dir", folder, "--json")

    assert said.code == Exit.WRONG
    (found,) = said.json["contradictions"]
    heads = [checkpoint.verify(one.encode(), [LOG.key]) for one in found["notes"]]
    assert heads == [LOG.head(7), fork.head(7)]


def test_it_survives_being_killed_between_any_two_instants(folder: Path):
    """What was answered is never forgotten, and what was recorded without an answer is said by the next 409."""
    dice = random.Random(9)
    log, acknowledged = ForeignLog(), 0
    for _ in range(6):
        with running(folder) as witness, ThreadPoolExecutor(1) as pool:
            pool.submit(_kill_soon, witness, dice.uniform(0.0, 0.15))
            acknowledged = _push(witness, log, acknowledged)

    with running(folder) as witness:
        answer = witness.add(log.submission(acknowledged, acknowledged + 1))
        held = acknowledged if answer.status == 200 else int(answer.body)
        assert held >= acknowledged
        assert answer.status == 200 or witness.add(log.submission(held, held)).status == 200


def _kill_soon(witness: Running, after_s: float) -> None:
    try:
        witness.process.wait(after_s)
    except Exception:
        witness.process.send_signal(signal.SIGKILL)
        witness.process.wait(10)


def _push(witness: Running, log: ForeignLog, held: int) -> int:
    """Submit as fast as answers come until the witness is gone; the last size that was acknowledged."""
    known = held
    with closing(witness.connection()) as talk:
        while True:
            try:
                answer = exchange(talk, "POST", "/add-checkpoint", log.submission(known, known + 1))
            except OSError:
                return held
            except Exception:
                return held
            assert answer.status in {200, 409}, answer
            known = known + 1 if answer.status == 200 else int(answer.body)
            assert known >= held
            held = known if answer.status == 200 else held


def test_a_record_older_than_what_was_cosigned_is_not_served(folder: Path, perusal):
    with running(folder) as witness:
        witness.add(LOG.submission(0, 7))
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    with running(folder) as witness:
        witness.add(LOG.submission(7, 8))
    for name in ("witness.db", "witness.db-wal", "witness.db-shm"):
        (folder / name).unlink(missing_ok=True)
        if (kept / name).exists():
            shutil.copy(kept / name, folder / name)

    said = perusal("witness", "serve", "--dir", folder, "--port", "0", "--json")

    assert said.code == Exit.ENVIRONMENT
    assert '"ledger.alarm"' in said.out
    assert "behind the cosigned size 8" in said.out


def test_a_witness_without_its_record_is_not_served(folder: Path, perusal):
    (folder / "witness.db").unlink()

    said = perusal("witness", "serve", "--dir", folder, "--json")

    assert (said.code, '"no_witness"' in said.out) == (Exit.WRONG, True)


def test_a_prefix_stands_before_every_path(folder: Path):
    with running(folder, "--prefix", "/w1") as witness:
        assert witness.url.endswith("/w1")
        assert witness.ask("POST", "/w1/add-checkpoint", LOG.submission(0, 1)).status == 200
        assert witness.ask("POST", "/add-checkpoint", LOG.submission(1, 2)).status == 404
        assert witness.shown(ORIGIN).status == 404


def test_it_leaves_with_0_when_told_to_stop(folder: Path):
    with running(folder) as witness:
        assert witness.add(LOG.submission(0, 2)).status == 200
        witness.process.terminate()

        assert witness.process.wait(30) == 0
