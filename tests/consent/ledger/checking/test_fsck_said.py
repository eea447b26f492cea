"""What a log says of itself, and what witnesses said of it, against everything stored about that."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import text

from consent.ledger import published
from consent.ledger.append import append_about_log
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.ending.closing import carry_over, close_due
from consent.ledger.entries.log_entry import Index, LogEntry, Opening, Why
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.indexes.indexing import EVERY_MS, make
from consent.ledger.publishing import log_keys
from consent.ledger.publishing.publish import publish
from consent.ledger.tree import EMPTY_ROOT
from consent.ledger.witnesses import witnessed
from tests.backends import Backend
from tests.consent.ledger.ending.test_closing import DUE, NEXT, SIGNER, ended, of_next_year, written
from tests.consent.ledger.kit import HOST, LOG, NOW, grow
from tests.consent.ledger.witnesses.test_witnessed import TWO_OF_THREE, cosigned
from tests.consent.tampering import tampering


def said(backend: Backend, witnesses: Policy = NO_WITNESSES) -> set[str]:
    return {one.what for one in fsck(backend.data, SIGNER, witnesses) if isinstance(one, Finding)}


def damaged(backend: Backend, statement: str, **values: object) -> None:
    """Somebody who can switch triggers off did this."""
    with tampering(backend.data) as conn:
        conn.execute(text(statement), values)


def whole(backend: Backend, *, indexes: int = 3) -> None:
    """A log with indexes, two keys and cosigned checkpoints; only of the newest two indexes are the rows kept."""
    for at in range(indexes):
        grow(backend, 4, seed=at, people=3)
        make(backend.data, HOST, LOG, NOW + at * EVERY_MS)
    log_keys.rotate(backend.data, SIGNER, LOG, NOW)
    (at,) = publish(backend.data, SIGNER, NOW)
    cosigned(backend, at, "ABX")


def entered(backend: Backend, entry: LogEntry) -> None:
    """The operator has this stand in the log, and signs it."""
    with backend.data.write() as conn:
        append_about_log(conn, LOG, entry, NOW, HOST)
    publish(backend.data, SIGNER, NOW)


def test_a_whole_log_agrees_with_what_it_says(backend: Backend):
    whole(backend)

    assert said(backend, TWO_OF_THREE) == set()


WRONG = {"wrong": bytes(32)}
ROW = "an index and its row disagree"
KEY = "a key and the entry that names it disagree"
WORD = "a stored cosignature is not what the witness said of it"
DAMAGE = [
    (
        "UPDATE ledger_checkpoint SET frontier = :wrong",
        WRONG,
        "the frontier beside a checkpoint does not lead to its root",
    ),
    ("UPDATE ledger_index SET root = :wrong WHERE upto = 4", WRONG, ROW),
    ("UPDATE ledger_index SET rows = rows + 1 WHERE upto = 4", {}, ROW),
    ("UPDATE ledger_index SET upto = upto - 1 WHERE upto = 4", {}, ROW),
    ("UPDATE ledger_index SET idx = idx + 1 WHERE upto = 4", {}, "a row of an index that is not in the log"),
    ("DELETE FROM ledger_index WHERE upto = 4", {}, ROW),
    ("UPDATE ledger_key SET generation = 3", {}, KEY),
    ("UPDATE ledger_key SET idx = 0", {}, "a key that no entry names"),
    ("UPDATE ledger_key SET begun_at = begun_at + 36000000", {}, KEY),
    ("DELETE FROM ledger_key", {}, KEY),
    ("UPDATE ledger_cosignature SET at_s = at_s + 1 WHERE witness = 'X.example'", {}, WORD),
    ("UPDATE ledger_cosignature SET line = replace(line, 'X.', 'Y.') WHERE witness = 'X.example'", {}, WORD),
    ("UPDATE ledger_cosigned_last SET at_s = at_s + 1 WHERE witness = 'A.example'", {}, WORD),
]


@pytest.mark.parametrize(("statement", "values", "what"), DAMAGE)
def test_each_column_that_repeats_the_log_is_held_against_it(backend: Backend, statement, values, what):
    whole(backend)

    damaged(backend, statement, **values)

    assert what in said(backend)


def test_the_signature_of_a_witness_the_policy_names_is_verified(backend: Backend):
    whole(backend)
    with backend.data.read() as conn:
        at = published.newest(conn, LOG)
        assert at is not None
        line = witnessed.told(conn, at, TWO_OF_THREE).decode().splitlines(keepends=True)[-1]
    # Not the last letter: of that only two bits count, and the others have to be none.
    bent = line[:-8] + ("B" if line[-8] == "A" else "A") + line[-7:]

    damaged(backend, "UPDATE ledger_cosignature SET line = :bent WHERE witness = 'B.example'", bent=bent)

    assert said(backend) == set()
    assert said(backend, TWO_OF_THREE) == {WORD}


@pytest.mark.parametrize("change", [{"root": bytes(32)}, {"rows": 99}, {"upto": 99}])
def test_an_index_is_computed_again_however_old_it_is(backend: Backend, change: dict[str, object]):
    """Its row says the same, and its rows are long gone."""
    grow(backend, 4, people=3)
    honest = make(backend.data, HOST, LOG, NOW)
    assert honest is not None
    lie = replace(
        Index(id=bytes(16), ts=NOW, upto=5, rows=honest.rows, root=honest.root),
        **change,  # type: ignore[arg-type]
    )
    entered(backend, lie)
    if lie.upto <= 5:  # the data base itself takes no other row
        damaged(
            backend,
            "INSERT INTO ledger_index (bucket, year, upto, idx, rows, root, created_at) "
            f"VALUES (0, {LOG.year}, 5, 5, :rows, :root, {NOW})",
            rows=lie.rows,
            root=lie.root,
        )
    for at in range(2):
        grow(backend, 2, seed=at + 9, people=3)
        make(backend.data, HOST, LOG, NOW + (at + 1) * EVERY_MS)

    assert "an index that is not what the entries before it give" in said(backend)


def carried(backend: Backend) -> None:
    """The old log has ended, and its end stands in the new one, which had begun before."""
    grow(backend, 3)
    publish(backend.data, SIGNER, NOW)
    written(backend, of_next_year(), DUE)
    assert close_due(backend.data, HOST, DUE) == [LOG]
    publish(backend.data, SIGNER, DUE)
    assert carry_over(backend.data, HOST, DUE) == [LOG]


def test_a_log_that_carries_on_another_agrees_with_what_was_signed_of_it(backend: Backend):
    carried(backend)

    assert said(backend) == set()


def an_opening(**change: object) -> Opening:
    true = Opening(
        id=bytes(16),
        ts=DUE,
        before=f"{HOST}/{LOG.year}/0",
        size=0,
        root=EMPTY_ROOT,
        checkpoint_sha256=hashlib.sha256(b"").digest(),
        why=Why.YEAR,
    )
    return replace(true, **change)  # type: ignore[arg-type]


CARRIES = "does not carry on an earlier log as that was signed"


@pytest.mark.parametrize(
    "lie",
    [
        an_opening(size=999, root=bytes(32)),
        an_opening(),
        an_opening(before=f"{HOST}/{LOG.year - 1}/0"),
        an_opening(before=f"{HOST}/{NEXT.year}/0"),
    ],
)
def test_a_log_that_begins_with_what_was_never_signed_is_found(backend: Backend, lie: Opening):
    ended(backend)
    with backend.data.write() as conn:
        append_about_log(conn, NEXT, lie, DUE, HOST)

    assert (CARRIES in said(backend)) == (lie != an_opening())


def test_an_end_comes_once_and_as_the_last_checkpoint_of_the_log_that_ended(backend: Backend):
    carried(backend)
    with backend.data.read() as conn:
        first = published.at_size(conn, LOG, 3)
        last = published.newest(conn, LOG)
    assert first is not None
    assert last is not None
    for at in (first, last):
        sha256 = hashlib.sha256(at.note).digest()
        again = an_opening(id=bytes([at.size] * 16), size=at.size, root=at.root, checkpoint_sha256=sha256)
        with backend.data.write() as conn:
            append_about_log(conn, NEXT, again, DUE, HOST)

    found = [one for one in fsck(backend.data, SIGNER) if isinstance(one, Finding)]

    assert [(one.what, one.at) for one in found] == [(CARRIES, 3), (CARRIES, 4)]


def test_a_log_that_does_not_begin_with_the_one_before_it_is_found(backend: Backend):
    written(backend, of_next_year(), DUE)
    grow(backend, 3)

    assert said(backend) == {"does not begin with the log it carries on"}
