"""Cosignatures in the data base: what is kept of a witness's answer, which checkpoint is shown, what a bundle says."""

import hashlib
import random

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from consent.ledger.bundles import container, layout
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.bundles.vouching import vouching
from consent.ledger.errors import Malformed, NotYetPublished, Unproven
from consent.ledger.formats import cosignature, note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import COSIGNER, COSIGNER_ML_DSA_44, VerifierKey
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.published import Published
from consent.ledger.publishing.publish import publish
from consent.ledger.tree import verify_consistency
from consent.ledger.witnesses import collecting, witnessed
from consent.ledger.witnesses.submission import parse
from tests.backends import Backend
from tests.consent.ledger.bundles.test_bundle import HOST, RECEIPT_KEY, SIGNER, YEAR, disclose, evidence
from tests.consent.ledger.kit import LOG, NOW, grow
from tests.consent.tampering import tampering

SEEDS = {name: hashlib.sha256(name.encode()).digest() for name in ("A", "B", "C", "X")}
KEYS = {name: cosignature.key_of(f"{name}.example", seed) for name, seed in SEEDS.items()}
TWO_OF_THREE = policy.parse(
    "".join(f"witness {name} {KEYS[name]} https://{name}.example\n" for name in "ABC")
    + "group enough 2 A B C\nquorum enough\n"
)
NOW_S = NOW // 1000
MINUTE = 60_000


def signed(backend: Backend, count: int = 3, now: int = NOW) -> Published:
    """Let the log grow, and sign it."""
    grow(backend, count, seed=random.Random().getrandbits(60))
    (found,) = publish(backend.data, SIGNER, now)
    return found


def lines(at: Published, names: str, at_s: int = NOW_S) -> bytes:
    body = note.parse(at.note).text
    return "".join(str(cosignature.sign(body, KEYS[name], SEEDS[name], at_s)) for name in names).encode()


def cosigned(backend: Backend, at: Published, names: str, at_s: int = NOW_S) -> None:
    keys = [KEYS[name] for name in names]
    found = collecting.lines_in(lines(at, names, at_s), at, keys, at_s)
    collecting.keep(backend.data, at, found, at_s * 1000)


def shown(backend: Backend, now: int) -> int:
    with backend.data.read() as conn:
        found = witnessed.shown(conn, LOG, TWO_OF_THREE, now)
    return found.size if found else 0


def since(backend: Backend) -> int | None:
    with backend.data.read() as conn:
        return witnessed.unwitnessed_since(conn, LOG, TWO_OF_THREE)


def test_a_submission_proves_the_step_from_any_earlier_checkpoint(backend: Backend):
    first, last = signed(backend, 300), signed(backend, 77)

    with backend.data.read() as conn:
        body = bytes(collecting.submission(conn, last, first.size))
        whole = collecting.submission(conn, last, 0)

    sent = parse(body)
    assert verify_consistency(first.size, last.size, first.root, last.root, sent.proof)
    assert (sent.checkpoint, whole.proof, whole.old) == (last.note, (), 0)


def test_cosignatures_are_kept_once_and_told_with_the_checkpoint(backend: Backend):
    at = signed(backend)
    for names in ("A", "AB", "AB"):
        cosigned(backend, at, names)

    with backend.data.read() as conn:
        full = witnessed.told(conn, at, TWO_OF_THREE)
        wants = [collecting.wants(conn, at, [KEYS[name]], NOW_S) for name in "ABC"]

    assert full == at.note + lines(at, "AB")
    assert wants == [False, False, True]
    assert len(cosignature.verify(note.parse(full), KEYS.values())) == 2
    with pytest.raises(DBAPIError), backend.data.write() as conn:
        conn.execute(text("UPDATE ledger_cosignature SET at_s = 1"))


def test_a_witness_renews_its_word_for_the_public_and_a_bundle_keeps_the_first(backend: Backend):
    found = disclose(backend)
    (at,) = publish(backend.data, SIGNER, NOW)
    later = NOW_S + collecting.RENEW_S
    cosigned(backend, at, "AB")
    with backend.data.read() as conn:
        asked_again = [collecting.wants(conn, at, [KEYS["A"]], when) for when in (later - 1, later)]
    cosigned(backend, at, "A", later)
    cosigned(backend, at, "A", later - 1)

    with backend.data.read() as conn:
        told = cosignature.verify(note.parse(witnessed.told(conn, at, TWO_OF_THREE)), KEYS.values())
    bundled = verify_bundle(bundle_of(backend, found)).cosigned[0]

    assert asked_again == [False, True]
    assert [one.at_s for one in told] == [later, NOW_S]
    assert [one.at_s for one in bundled] == [NOW_S, NOW_S]


def test_what_a_witness_said_last_never_goes_back(backend: Backend):
    first, second = signed(backend), signed(backend)
    cosigned(backend, second, "A")
    cosigned(backend, first, "A", NOW_S + 1)

    with backend.data.read() as conn:
        assert witnessed.told(conn, first, TWO_OF_THREE) == first.note + lines(first, "A", NOW_S + 1)
        assert witnessed.told(conn, second, TWO_OF_THREE) == second.note + lines(second, "A")
    for change in ("at_s = at_s - 1", f"size = {first.size}, at_s = at_s + 1"):
        with pytest.raises(DBAPIError), backend.data.write() as conn:
            conn.execute(text(f"UPDATE ledger_cosigned_last SET {change}"))


def test_strangers_lines_in_an_answer_are_ignored(backend: Backend):
    at = signed(backend)

    found = collecting.lines_in(lines(at, "XAX"), at, [KEYS["A"]], NOW_S)

    assert [one.key for one, _ in found] == [KEYS["A"]]


@pytest.mark.parametrize("off_s", [-collecting.SKEW_S - 1, collecting.SKEW_S + 1, -(10**9)])
def test_a_line_of_another_time_is_not_believed(backend: Backend, off_s: int):
    at = signed(backend)

    with pytest.raises(Unproven):
        collecting.lines_in(lines(at, "A", NOW_S + off_s), at, [KEYS["A"]], NOW_S)


def test_an_answer_without_a_line_that_holds_is_not_believed(backend: Backend):
    at, later = signed(backend), signed(backend)
    good = lines(later, "A")
    bad = good[:-20] + (b"A" if good[-20:-19] != b"A" else b"B") + good[-19:]

    for answer in (b"", b"\n", b"hello\n", good[:-1], b"\xff", lines(later, "X"), lines(at, "A"), bad):
        with pytest.raises((Unproven, Malformed)):
            collecting.lines_in(answer, later, [KEYS["A"]], NOW_S)


def test_an_earlier_head_of_ours_is_no_contradiction_and_another_is(backend: Backend):
    first, last = signed(backend, 5), signed(backend, 5)
    origin = f"{HOST}/{YEAR}/0"

    with backend.data.read() as conn:
        assert collecting.contradiction(conn, last, Checkpoint(origin, 5, first.root)) is None
        assert collecting.contradiction(conn, last, Checkpoint(origin, 10, last.root)) is None
        for head in (
            Checkpoint(origin, 5, last.root),
            Checkpoint(origin, 10, first.root),
            Checkpoint(origin, 11, last.root),
        ):
            assert collecting.contradiction(conn, last, head)


def test_a_checkpoint_is_shown_once_its_quorum_has_cosigned_it_or_after_a_minute(backend: Backend):
    assert shown(backend, NOW) == 0
    first = signed(backend)
    assert shown(backend, NOW) == 0
    cosigned(backend, first, "A")
    assert shown(backend, NOW + MINUTE - 1) == 0
    cosigned(backend, first, "C")
    assert shown(backend, NOW) == first.size
    second = signed(backend, now=NOW + 5000)
    cosigned(backend, second, "B")
    assert shown(backend, NOW + MINUTE) == first.size
    assert shown(backend, NOW + MINUTE + 5000) == second.size
    # A clock set back far takes nothing away that was shown.
    assert shown(backend, NOW - 24 * 60 * MINUTE) == second.size


def test_without_a_quorum_the_newest_is_shown_at_once(backend: Backend):
    at = signed(backend)

    with backend.data.read() as conn:
        assert witnessed.shown(conn, LOG, NO_WITNESSES, NOW) == at
        assert witnessed.unwitnessed_since(conn, LOG, NO_WITNESSES) is None


def test_a_log_is_unwitnessed_since_the_oldest_checkpoint_no_quorum_covers(backend: Backend):
    assert since(backend) is None
    first = signed(backend, now=NOW)
    signed(backend, now=NOW + 1)
    assert since(backend) == NOW
    cosigned(backend, first, "AB")
    assert since(backend) == NOW + 1
    third = signed(backend, now=NOW + 2)
    cosigned(backend, third, "AX")
    assert since(backend) == NOW + 1
    cosigned(backend, third, "C")
    assert since(backend) is None


def bundle_of(backend: Backend, *found: object, witnesses: Policy = TWO_OF_THREE) -> bytes:
    evidences = [evidence(*one) for one in found]
    return build(backend.data, SIGNER, evidences, receipt_keys=[RECEIPT_KEY], witnesses=witnesses)


def trusting(*logs: VerifierKey) -> Policy:
    """The operator's published policy."""
    return Policy(logs, (RECEIPT_KEY,), TWO_OF_THREE.witnesses, TWO_OF_THREE.groups, TWO_OF_THREE.quorum)


def test_a_bundle_uses_the_newest_checkpoint_with_the_quorum_that_covers_its_entry(backend: Backend):
    early = disclose(backend, seed=1)
    first = signed(backend)
    cosigned(backend, first, "AC")
    late = disclose(backend, seed=2)
    second = signed(backend)
    cosigned(backend, second, "B")

    verdict = verify_bundle(bundle_of(backend, early), trusting(SIGNER.key(f"{HOST}/{YEAR}/0")))
    unwitnessed = bundle_of(backend, late)

    assert verdict.ok, verdict.checks[-1]
    assert [at.size for at in verdict.checkpoints] == [first.size]
    assert [one.key for one in verdict.cosigned[0]] == [KEYS["A"], KEYS["C"]]
    assert [at.size for at in verify_bundle(unwitnessed).checkpoints] == [second.size]
    assert [one.key for one in verify_bundle(unwitnessed).cosigned[0]] == [KEYS["B"]]
    strict = verify_bundle(unwitnessed, trusting(SIGNER.key(f"{HOST}/{YEAR}/0")))
    assert (strict.ok, strict.checks[-1].name) == (False, "witnesses")


def test_a_bundle_of_several_logs_says_how_many_witnesses_each_has_at_least(backend: Backend):
    found = [disclose(backend, bucket=bucket, seed=bucket) for bucket in (0, 1)]
    for at, names in zip(publish(backend.data, SIGNER, NOW), ("ABC", "BC"), strict=True):
        cosigned(backend, at, names)

    data = bundle_of(backend, *found)

    said = container.read(data)[layout.POLICY_NAME].decode()
    assert verify_bundle(data).ok
    assert said.count("\nwitness ") == 3
    assert "\ngroup witnesses 2 A.example:" in said
    assert said.endswith("\nquorum witnesses\n")


def test_a_witness_the_operator_no_longer_names_is_left_out(backend: Backend):
    found = disclose(backend)
    (at,) = publish(backend.data, SIGNER, NOW)
    cosigned(backend, at, "ABX")

    verdict = verify_bundle(bundle_of(backend, found))

    assert verdict.ok
    assert [one.key for one in verdict.cosigned[0]] == [KEYS["A"], KEYS["B"]]


def test_one_changed_byte_of_what_witnesses_said_is_refused(backend: Backend):
    found = disclose(backend)
    (at,) = publish(backend.data, SIGNER, NOW)
    cosigned(backend, at, "AB")
    members = container.read(bundle_of(backend, found))
    dice = random.Random(3)

    for name in (layout.POLICY_NAME, f"log/{YEAR}/0/checkpoint"):
        for place in range(len(members[name])):
            changed = bytearray(members[name])
            changed[place] ^= 1 << dice.randrange(8)
            verdict = verify_bundle(container.write(members | {name: bytes(changed)}))
            assert not verdict.ok, (name, place)


def test_what_a_bundles_policy_says_of_witnesses_is_told_from_the_cosignatures_alone(backend: Backend):
    found = disclose(backend)
    (at,) = publish(backend.data, SIGNER, NOW)
    cosigned(backend, at, "AB")
    members = container.read(bundle_of(backend, found))
    own = members[layout.POLICY_NAME].decode()

    for wrong in (
        own.replace("group witnesses 2", "group witnesses 1"),
        own.replace("quorum witnesses", "quorum none"),
        own.replace(f"witness A.example:{KEYS['A'].key_id.hex()}", "witness A").replace(
            f" A.example:{KEYS['A'].key_id.hex()}", " A"
        ),
        own.replace("\nwitness A", " https://log.example\nwitness A"),
    ):
        assert wrong != own
        verdict = verify_bundle(container.write(members | {layout.POLICY_NAME: wrong.encode()}))
        assert not verdict.ok


def test_a_line_that_was_damaged_in_the_data_base_is_left_out_of_bundles(backend: Backend):
    found = disclose(backend)
    (at,) = publish(backend.data, SIGNER, NOW)
    cosigned(backend, at, "AB")
    with backend.data.write() as conn:
        if backend.name == "postgresql":
            conn.execute(text("ALTER TABLE ledger_cosignature DISABLE TRIGGER ALL"))
        else:
            conn.execute(text("DROP TRIGGER ledger_cosignature_no_update"))
        conn.execute(
            text("UPDATE ledger_cosignature SET line = replace(line, '=', 'A') WHERE witness LIKE 'A%'")
        )

    verdict = verify_bundle(bundle_of(backend, found))

    assert verdict.ok
    assert [one.key for one in verdict.cosigned[0]] == [KEYS["B"]]


def damaged(backend: Backend, table: str, witness: str) -> None:
    """One letter of a stored line is another."""
    with tampering(backend.data) as conn:
        change = f"UPDATE {table} SET line = replace(line, '=', 'A') WHERE witness = '{witness}'"
        conn.execute(text(change))


def test_the_public_is_told_no_line_that_does_not_hold_and_no_witness_the_policy_lacks(backend: Backend):
    at = signed(backend)
    cosigned(backend, at, "ABX")
    later = NOW_S + collecting.RENEW_S
    cosigned(backend, at, "AB", later)
    for table in ("ledger_cosigned_last", "ledger_cosignature"):
        damaged(backend, table, "B.example")
    damaged(backend, "ledger_cosigned_last", "A.example")

    with backend.data.read() as conn:
        said = witnessed.told(conn, at, TWO_OF_THREE)

    assert said == at.note + lines(at, "A")


def test_the_checkpoint_with_the_quorum_is_found_among_a_few_cosignatures(backend: Backend):
    for _ in range(4):
        cosigned(backend, signed(backend), "ABC")
    limits: list[object] = []

    def note_limit(_conn, _cursor, statement, parameters, *_):
        if "FROM ledger_cosignature" in statement:
            limits.extend(parameters.values() if isinstance(parameters, dict) else parameters)

    event.listen(backend.data.engine, "before_cursor_execute", note_limit)
    try:
        assert shown(backend, NOW) == 12
    finally:
        event.remove(backend.data.engine, "before_cursor_execute", note_limit)

    assert 16 in limits
    assert not [one for one in limits if isinstance(one, int) and 16 < one <= 4096 and one != YEAR]


def test_a_quorum_behind_many_cosignatures_of_one_witness_is_found_too(backend: Backend):
    first = signed(backend, 1)
    cosigned(backend, first, "AB")
    for _ in range(20):
        cosigned(backend, signed(backend, 1), "A")

    assert shown(backend, NOW) == first.size
    assert since(backend) == NOW


def test_nothing_covers_an_entry_that_nobody_signed(backend: Backend):
    cosigned(backend, signed(backend), "AB")
    at, _ = disclose(backend)

    with backend.data.read() as conn, pytest.raises(NotYetPublished):
        witnessed.covering(conn, LOG, at.idx, TWO_OF_THREE)


def test_both_kinds_of_one_witness_have_names_of_their_own():
    keys = [cosignature.key_of("w.example", bytes(32), kind) for kind in (COSIGNER, COSIGNER_ML_DSA_44)]

    said = vouching([], [], [keys])

    assert policy.parse(said.text) == said
    assert said.witnessed_by(keys)
    assert not said.witnessed_by(keys[:1])
    assert vouching([], [], [keys, []]).quorum == "none"
