"""The full rebuild: silent on a sound ledger, and it names the row that is not."""

import pytest
from sqlalchemy import text

from consent.ledger.checking.fsck import Finding, Progress, fsck
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, NOW, YEAR, grow, insider

SIGNER = Signer(HOST, bytes(32))


def _ledger(backend: Backend) -> None:
    grow(backend, 300)
    publish(backend.data, SIGNER, NOW)
    grow(backend, 250, seed=1)
    publish(backend.data, SIGNER, NOW)
    grow(backend, 5, seed=2)


def _findings(backend: Backend) -> list[Finding]:
    return [item for item in fsck(backend.data, SIGNER) if isinstance(item, Finding)]


def test_a_sound_ledger_has_no_findings_and_tells_its_progress(backend: Backend):
    _ledger(backend)

    steps = list(fsck(backend.data, SIGNER))

    assert all(isinstance(step, Progress) for step in steps)
    assert steps[-1] == Progress(f"{HOST}/{YEAR}/0", 555, 555)


def test_an_empty_ledger_is_sound(backend: Backend):
    assert list(fsck(backend.data, SIGNER)) == []


DAMAGE = [
    ("UPDATE ledger_entry SET leaf = :wrong WHERE idx = 77", 77, "leaf"),
    ("UPDATE ledger_entry SET body = leaf WHERE idx = 78", 78, "canonical"),
    ("UPDATE ledger_entry SET id = :short WHERE idx = 79", 79, "id"),
    ("DELETE FROM ledger_entry WHERE idx = 80", 80, "missing"),
    ("UPDATE ledger_tile SET root = :wrong WHERE n = 1", 1, "tile"),
    ("DELETE FROM ledger_tile WHERE n = 0", 0, "tile"),
    ("UPDATE ledger_tile SET n = 9 WHERE n = 1", 9, "beyond"),
    ("UPDATE ledger_head SET root = :wrong", 555, "head"),
    ("UPDATE ledger_head SET frontier = :wrong", 555, "head"),
    ("UPDATE ledger_subject_head SET n = n + 1 WHERE idx = 554", 554, "person"),
    ("UPDATE ledger_checkpoint SET root = :wrong WHERE size = 300", 300, "row says"),
    ("UPDATE ledger_checkpoint SET note = :wrong WHERE size = 300", 300, "verify"),
    ("UPDATE ledger_checkpoint SET size = 301 WHERE size = 300", 301, "signed root"),
]


@pytest.mark.parametrize(("statement", "at", "word"), DAMAGE)
def test_each_kind_of_damage_is_found_and_located(backend: Backend, statement: str, at: int, word: str):
    _ledger(backend)
    values = {"wrong": bytes(32), "short": bytes(16)}
    with insider(backend) as conn:
        conn.execute(text("DELETE FROM ledger_opening"))
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        conn.execute(text(statement), used)

    assert [item for item in _findings(backend) if item.at == at and word in item.what]


def test_two_exchanged_entries_are_found_though_every_hash_was_computed_anew(backend: Backend):
    """The insider re-hashed the leaves too; the chain of the person and the signed root still tell."""
    _ledger(backend)
    with insider(backend) as conn:
        conn.execute(text("DELETE FROM ledger_opening"))
        for step in ((20, 9999), (21, 20), (9999, 21)):
            conn.execute(text(f"UPDATE ledger_entry SET idx = {step[1]} WHERE idx = {step[0]}"))

    assert {item.what for item in _findings(backend)} >= {"a signed root is not what the entries give"}


def test_tiles_are_read_a_few_at_a_time_and_one_wrong_tile_among_them_is_found(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("consent.ledger.checking.fsck._TILES_AHEAD", 1)
    _ledger(backend)
    with insider(backend) as conn:
        conn.execute(text("UPDATE ledger_tile SET root = :wrong WHERE n = 1"), {"wrong": bytes(32)})

    assert [(item.at, item.what) for item in _findings(backend)] == [
        (1, "tile of level 0 is not what the entries give")
    ]
