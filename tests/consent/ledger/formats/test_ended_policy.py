"""A policy that names the end of a log that was given up: what it believes of that log, with its key and without."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats import policy as policies
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import LogId, number_of, origin_of
from consent.ledger.publishing.signer import Signer
from tests.consent.ledger.kit import HOST, LOG, YEAR

SIGNER = Signer(HOST, bytes(32))
ORIGIN = origin_of(HOST, LOG)
SUCCESSOR = origin_of(HOST, LogId(0, number_of(YEAR, 2)))
END = Checkpoint(ORIGIN, 7, bytes(range(32)))
KNOWN = Policy((SIGNER.key(ORIGIN), SIGNER.key(SUCCESSOR)), (), ended=(END,))
STOLEN = Policy((SIGNER.key(SUCCESSOR),), (), ended=(END,))


def head(size: int, root: bytes = END.root) -> bytes:
    return SIGNER.sign(Checkpoint(ORIGIN, size, root))


def test_the_end_of_a_log_survives_the_policy_s_files():
    again = policies.parse(KNOWN.text, KNOWN.keys_json)

    assert set(again.logs) == set(KNOWN.logs)
    assert again.ended == (END,)
    assert again.keys_json == KNOWN.keys_json


def test_a_policy_without_an_end_is_spelled_as_ever():
    assert Policy((), ()).keys_json == '{\n "keys": []\n}\n'


def test_a_head_up_to_the_end_is_believed_and_no_larger_one():
    assert KNOWN.accept(head(7)).checkpoint == END
    assert KNOWN.accept(head(5)).checkpoint.size == 5
    with pytest.raises(Unproven, match="given up at size 7"):
        KNOWN.accept(head(8))
    with pytest.raises(Unproven, match="given up at size 7"):
        KNOWN.accept(head(7, bytes(32)))


def test_where_the_key_was_stolen_the_end_alone_is_believed():
    assert STOLEN.accept(head(7)).checkpoint == END
    for other in (head(5), head(8), head(7, bytes(32))):
        with pytest.raises(Unproven):
            STOLEN.accept(other)


def test_the_successor_is_believed_by_its_own_key():
    at = Checkpoint(SUCCESSOR, 9, bytes(32))

    assert STOLEN.accept(SIGNER.sign(at)).checkpoint == at


def test_the_stolen_key_in_a_bundle_is_no_stranger_s():
    """Whether the head that it signed is the last one is looked at by itself."""
    bundle = Policy((SIGNER.key(ORIGIN),), ())

    assert list(policies.strangers(STOLEN, bundle)) == []
    assert list(policies.strangers(Policy((SIGNER.key(SUCCESSOR),), ()), bundle)) == [ORIGIN]


@pytest.mark.parametrize(
    "ended",
    [
        {},
        [1],
        [{}],
        [{"origin": ORIGIN, "size": 7}],
        [{"origin": ORIGIN, "size": "7", "root": "A" * 43 + "="}],
        [{"origin": ORIGIN, "size": True, "root": "A" * 43 + "="}],
        [{"origin": ORIGIN, "size": 7, "root": "A" * 43 + "=", "more": 1}],
        [{"origin": ORIGIN, "size": -1, "root": "A" * 43 + "="}],
        [{"origin": ORIGIN, "size": 7, "root": "A" * 43 + "="}] * 2,
        [{"origin": f"{ORIGIN}\n9", "size": 7, "root": "A" * 43 + "="}],
    ],
    ids=str,
)
def test_what_is_no_list_of_ends_is_refused(ended):
    with pytest.raises(Malformed):
        policies.parse(KNOWN.text, json.dumps({"keys": [], "ended": ended}))


@given(
    st.lists(
        st.builds(Checkpoint, st.just(ORIGIN), st.integers(1, 99), st.binary(min_size=32, max_size=32)),
        max_size=1,
    )
)
def test_one_spelling_of_every_end(ends):
    made = Policy((), (), ended=tuple(ends))

    assert policies.parse(made.text, made.keys_json).keys_json == made.keys_json
