"""What is opened of marks: weighed again it gives the same figures, says so when it does not, and holds nobody's values."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breach.trace.codes import Marks, Scorer, decode
from breach.weighing.openings import BadOpenings, differences, digest, opened, written

IDS = ("org_a", "org_b", "org_c")
BAR = 12.0
PLACES = tuple((1 + at // 20, bytes([at]) * 9) for at in range(40))
COMMITMENTS = {1: b"\x01" * 32, 2: b"\x02" * 32, 3: b"\x03" * 32}


def marks():
    """Forty marks; the second recipient's copy is the file, the third holds none of them."""
    dice = np.random.default_rng(3)
    biases = dice.choice([0.2113, 0.7887, 0.5], size=40)
    own = (dice.random((2, 40)) < biases).astype(np.uint8)
    return Marks(
        suspects=3,
        biases=biases,
        bits=own[1],
        rows=np.arange(40) // 4,
        holders=np.repeat([0, 1], 40),
        positions=np.tile(np.arange(40), 2),
        symbols=own.reshape(-1),
    )


def report(read, beside=(0.5, -2.0, 0.0)):
    """The report's figures of these marks, where the ledger says `beside` (strict) of the recipients."""
    known = [float(np.log((1 + np.exp(one)) / 2)) + 0.25 for one in beside]
    decoded = decode(Scorer(read), BAR, known)
    lines = [
        {
            "kind": "recipient",
            "recipient": name,
            "ln_e_strict": beside[k],
            "ln_e_contacts": 0.25,
            "ln_e_marks": round(decoded.ln_e[k], 6) if decoded.held[k] else None,
        }
        for k, name in enumerate(IDS)
    ]
    return {"threshold": BAR, "ranking": [*lines, {"kind": "elsewhere"}]}


def lines():
    return list(written("trc_x", IDS, marks(), PLACES, COMMITMENTS))


def test_marks_weighed_again_from_the_file_give_the_figures_of_the_report():
    recipients, read = opened(lines())

    assert recipients == IDS
    for name in ("biases", "bits", "rows", "holders", "positions", "symbols"):
        assert np.array_equal(getattr(read, name), getattr(marks(), name))
    assert differences(lines(), report(marks())) == []
    assert digest(lines()) == digest(lines()) != digest(lines()[:-1])


def test_only_the_keys_that_were_used_are_named_and_positions_carry_what_the_function_was_asked():
    first, second, *_ = map(json.loads, lines())

    assert first["epochs"] == [
        {"number": 1, "commitment": "01" * 32},
        {"number": 2, "commitment": "02" * 32},
    ]
    assert set(second) == {"epoch", "message", "row", "bias", "read", "bits"}
    assert set(second["bits"]) == {"0", "1"}


def test_one_changed_bit_is_noticed_also_by_those_who_were_weighed_with_it():
    changed = lines()
    line = json.loads(changed[5])
    line["bits"]["1"] = 1 - line["bits"]["1"]
    changed[5] = json.dumps(line)

    assert differences(changed, report(marks())) == ["org_a", "org_b"]


def test_a_report_about_others_is_refused():
    other = report(marks())
    other["ranking"][0]["recipient"] = "org_z"

    with pytest.raises(BadOpenings):
        differences(lines(), other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(
    st.integers(0, 40), st.sampled_from(["epoch", "message", "row", "bias", "read", "bits", "version"]), JSON
)
def test_whatever_stands_in_the_file_it_is_read_or_refused(at, member, value):
    changed = lines()
    changed[at] = json.dumps({**json.loads(changed[at]), member: value})

    try:
        _, read = opened(changed)
    except BadOpenings:
        return
    assert np.isfinite(Scorer(read).score()).all()
