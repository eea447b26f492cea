"""Money and the life of a claim: known answers of the reference, and a table without dead ends."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breach.cases.claim_states import FINAL, MOVES, State
from breach.cases.money import Money, UnknownCurrency, agreed, money, split
from consent.ids import RecipientId, TermsId
from consent.wording.rates import Liable, rates
from consent.wording.terms import Terms
from vault.fields.catalogue import BUILTIN
from vault.fields.field import Sensitivity


def cny(text):
    return Money(amount=Decimal(text), currency="CNY")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("1.005", "CNY", "1.01"), ("1.004", "EUR", "1.00"), ("99.5", "JPY", "100"), ("0.5", "KRW", "1")],
)
def test_sums_are_rounded_half_up_to_the_smallest_unit(amount, currency, text):
    assert str(money(Decimal(amount), currency)) == text


def test_an_unknown_currency_is_refused():
    with pytest.raises(UnknownCurrency):
        money(Decimal(1), "XXX")


def owing(per_record, cap, per_field=None, per_event=None):
    return Terms(
        id=TermsId("lt_1"),
        recipient_id=RecipientId("org_1"),
        version=1,
        text="We owe you.",
        per_record=Decimal(per_record),
        currency="CNY",
        cap=Decimal(cap),
        rates=rates(per_field or {}, per_event or {}, "CNY"),
        hash="sha-256:x",
    )


@pytest.mark.parametrize(
    ("per_record", "cap", "leaks", "owed"),
    [("500", "5000", 1, "500.00"), ("500", "5000", 30, "5000.00"), ("10000", "20000", 3, "20000.00")],
)
def test_the_cap_limits_what_was_agreed(per_record, cap, leaks, owed):
    assert str(money(owing(per_record, cap).owed(leaks), "CNY")) == owed


def test_a_claim_is_for_the_base_and_each_distinct_field_by_its_class():
    of = owing("500", "5000", {"ordinary": "50", "sensitive": "200"})

    def owed(*fields):
        return str(agreed(of, fields, BUILTIN))

    # R46: base 500 and two sensitive fields at 200.
    assert owed("resident_id", "bank_card") == "900.00"
    assert owed("resident_id", "bank_card", "bank_card") == "900.00"
    assert owed("email", "resident_id") == "750.00"
    assert owed() == "500.00"
    assert str(agreed(owing("500", "5000"), ("resident_id",), BUILTIN)) == "500.00"


def test_rates_by_field_and_by_event_add_up_to_the_cap_and_no_further():
    of = owing("500", "5000", {"sensitive": "200"})
    calls = owing("1", "20000", per_event={"harassing_call": "10000"})

    # R47: thirty fields; R48: three calls.
    assert of.owed(fields={Sensitivity.SENSITIVE: 30}) == Decimal(5000)
    assert of.owed(fields={Sensitivity.ORDINARY: 30}) == Decimal(500)
    assert calls.owed(0, events={Liable.HARASSING_CALL: 1}) == Decimal(10000)
    assert calls.owed(0, events={Liable.HARASSING_CALL: 3}) == Decimal(20000)
    assert calls.owed(0, events={Liable.LATE_NOTICE_DAY: 3}) == Decimal(0)


@pytest.mark.parametrize(
    ("whole", "weights", "shares"),
    [
        ("100", [1, 1, 1], ["33.34", "33.33", "33.33"]),
        ("1000", [500, 300, 200, 33], ["484.03", "290.42", "193.61", "31.94"]),
        ("775", [500, 300, 200], ["387.50", "232.50", "155.00"]),
        ("1000", [60, 30, 10], ["600.00", "300.00", "100.00"]),
        ("1000", [0, 0, 0], ["333.34", "333.33", "333.33"]),
    ],
)
def test_splits_have_the_known_answers(whole, weights, shares):
    parts = split(cny(whole), {f"c{at}": Decimal(weight) for at, weight in enumerate(weights)})

    assert [str(part) for part in parts.values()] == shares


@given(
    st.integers(0, 10**9),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=20),
    st.sampled_from(["CNY", "JPY"]),
)
def test_shares_always_sum_to_the_whole(units, weights, currency):
    whole = money(Decimal(units) / 100, currency)
    parts = split(whole, {f"c{at:02d}": Decimal(weight) for at, weight in enumerate(weights)})

    assert sum(part.amount for part in parts.values()) == whole.amount
    assert all(part.amount >= 0 for part in parts.values())


def test_every_state_of_a_claim_leads_to_an_end_and_drafts_lead_to_every_state():
    reached, todo = {State.DRAFT}, [State.DRAFT]
    while todo:
        for state in MOVES[todo.pop()] - reached:
            reached.add(state)
            todo.append(state)

    assert reached == set(State)
    assert all(MOVES[state] == frozenset() for state in FINAL)
    assert all(State.WITHDRAWN in MOVES[state] for state in set(State) - FINAL)
