"""Policies: which text is one, and whose cosignatures are a quorum."""

import hashlib
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import checkpoint, cosignature, note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Group, Policy, Witness
from vault.signing import signatures

ORIGIN = "a.example/2026/0"
LOG_SEED = bytes(range(32))
LOG = VerifierKey(ORIGIN, signatures.public_key(LOG_SEED))
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
SEEDS = {name: hashlib.sha256(name.encode()).digest() for name in NAMES}
KEYS = {name: cosignature.key_of(f"{name}.example", seed) for name, seed in SEEDS.items()}
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
GROUPS = "group X 2 X1 X2 X3\ngroup Y any Y1 Y2 Y3\ngroup X-and-Y all X Y\n"
WITNESSES = "".join(f"witness {name} {KEYS[name]}\n" for name in NAMES)


def _signed(cosigners: Collection[str], at_s: int = 5) -> bytes:
    lines = [cosignature.sign(HEAD.text, KEYS[name], SEEDS[name], at_s) for name in cosigners]
    return checkpoint.sign(HEAD, LOG_SEED) + "".join(map(str, lines)).encode()


TWO_LEVELS = policy.parse(f"log {LOG}\n{WITNESSES}{GROUPS}quorum X-and-Y\n")


def test_two_levels_of_groups_are_understood():
    assert TWO_LEVELS.groups[0] == Group("X", 2, ("X1", "X2", "X3"))
    assert TWO_LEVELS.groups[2] == Group("X-and-Y", 2, ("X", "Y"))
    assert TWO_LEVELS.witnesses[0] == Witness("X1", KEYS["X1"])
    assert policy.parse(TWO_LEVELS.text) == TWO_LEVELS


@given(st.sets(st.sampled_from(NAMES)))
def test_a_checkpoint_is_accepted_just_when_the_quorum_cosigned_it(cosigners: set[str]):
    enough = len(cosigners & {"X1", "X2", "X3"}) >= 2 and bool(cosigners & {"Y1", "Y2", "Y3"})

    if enough:
        assert {one.key for one in TWO_LEVELS.accept(_signed(cosigners)).cosigned} == {
            KEYS[name] for name in cosigners
        }
    else:
        with pytest.raises(Unproven):
            TWO_LEVELS.accept(_signed(cosigners))


def test_one_wrong_cosignature_of_a_known_witness_spoils_a_quorum():
    wrong = _signed(["X1", "X2", "Y1"]).replace(b"\n7\n", b"\n8\n")

    with pytest.raises(Unproven):
        TWO_LEVELS.accept(wrong)


def test_without_a_quorum_witnesses_are_told_and_not_needed():
    open_to_all = policy.parse(f"log {LOG}\nwitness X1 {KEYS['X1']}\nquorum none\n")

    assert open_to_all.accept(_signed([])).cosigned == ()
    assert [one.at_s for one in open_to_all.accept(_signed(["X1"], 9)).cosigned] == [9]


def test_cosignatures_do_not_replace_the_logs_own_signature():
    head, _, lines = _signed(["X1", "X2", "Y1"]).partition(b"\n\n")
    cosigned_only = head + b"\n\n" + lines.split(b"\n", 1)[1]

    with pytest.raises(Unproven):
        TWO_LEVELS.accept(cosigned_only)


def test_addresses_comments_and_gaps_are_allowed():
    text = f"# ours\n\n\tlog  {LOG} https://a.example/log\n witness\tX1 {KEYS['X1']} https://w.example \nquorum X1"

    found = policy.parse(text)

    assert found.urls == ((ORIGIN, "https://a.example/log"),)
    assert found.witnesses == (Witness("X1", KEYS["X1"], "https://w.example"),)
    assert policy.parse(found.text) == found


def test_names_of_any_script_are_names():
    found = policy.parse(f"witness 消费者协会\u3000一 {KEYS['X1']}\nquorum 消费者协会\u3000一\n")

    assert found.quorum == found.witnesses[0].name


ONE = f"witness X1 {KEYS['X1']}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ONE,
        "quorum none\nquorum none\n",
        "quorum X1\n" + ONE,
        ONE + "quorum X2\n",
        ONE + ONE + "quorum X1\n",
        ONE + f"witness X2 {KEYS['X1']}\nquorum X1\n",
        f"witness X1 {LOG}\nquorum X1\n",
        f"log {KEYS['X1']}\nquorum none\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"witness none {KEYS['X1']}\nquorum none\n",
        ONE + "group G any X1 X1\nquorum G\n",
        ONE + "group G 2 X1\nquorum G\n",
        ONE + "group G 0 X1\nquorum G\n",
        ONE + "group G 01 X1\nquorum G\n",
        ONE + "group G any\nquorum G\n",
        ONE + "group G any H\ngroup H any X1\nquorum G\n",
        ONE + "group G any X1\ngroup H any X1\nquorum G\n",
        ONE + "group X1 any X1\nquorum X1\n",
        ONE + "group none any X1\nquorum none\n",
        "quorum none\r\n",
        "quorum none\nsurprise\n",
        "quorum none\n" * 1 + "\n" * 5000,
    ],
)
def test_a_text_that_is_no_policy_is_refused(text: str):
    with pytest.raises(Malformed):
        policy.parse(text)


def test_a_log_is_known_by_its_key_and_name():
    other = note.VerifierKey("b.example/2026/0", LOG.public)

    with pytest.raises(Unproven):
        Policy((other,), ()).accept(_signed([]))
