"""Comparing without showing: what is blinded comes back as what the key alone makes of it, and tells nothing else."""

import hashlib
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.blinding import CURVE_ORDER, TWIST_ORDER, Blinded, blind, times
from vault.oblivious import (
    PRIME,
    Evaluator,
    PointRefused,
    identifier,
    label_of,
    point_of,
    slot_of,
)

SECRET = hashlib.sha256(b"a secret of the tests").digest()
SMALL = (
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
)
"""Every x-coordinate of small order, of the curve and of its twist (RFC 7748 §6.1 speaks of them)."""


def known(number: int) -> bytes:
    return identifier("phone", f"1380000{number:04d}")


def u(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")


def clamped(text: str) -> int:
    raw = bytearray.fromhex(text)
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    return int.from_bytes(raw, "little")


def test_the_ladder_gives_the_known_answers_of_rfc_7748():
    cases = (
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    )

    for scalar, point, wanted in cases:
        assert times(clamped(scalar), u(point) & (1 << 255) - 1) == u(wanted)


def test_the_orders_are_those_of_the_curve_and_its_twist():
    assert 8 * CURVE_ORDER + 4 * TWIST_ORDER == 2 * PRIME + 2
    seen = set()
    for number in range(20):
        point = times(8, u(point_of(known(number)).hex()))
        orders = {order for order in (CURVE_ORDER, TWIST_ORDER) if times(order + 1, point) == point}
        assert len(orders) == 1
        seen |= orders
    assert seen == {CURVE_ORDER, TWIST_ORDER}


@given(st.text(max_size=40), st.integers(1, 2**31))
def test_what_comes_back_is_what_the_key_makes_of_the_identifier(text, period):
    sought, server = identifier("email", text), Evaluator(SECRET, period)

    blinded = blind(sought)

    assert blinded.opened(server.answer(blinded.point)) == server.result(server.based(point_of(sought)))


def test_nothing_that_is_sent_is_sent_twice_and_none_of_it_is_the_point():
    sent = {blind(known(1)).point for _ in range(50)}

    assert len(sent) == 50
    assert point_of(known(1)) not in sent


def test_another_identifier_secret_or_period_gives_another_result_and_a_leak_another_label():
    servers = [Evaluator(SECRET, 1), Evaluator(SECRET, 2), Evaluator(bytes(32), 1)]

    results = {server.result(server.based(point_of(known(n)))) for server in servers for n in range(3)}

    assert len(results) == 9
    assert len({label_of(result, leak) for result in results for leak in ("lk_a", "lk_b")}) == 18


@pytest.mark.parametrize("point", [*(x.to_bytes(32, "little") for x in SMALL), b"", bytes(31), bytes(33)])
def test_what_would_be_answered_alike_under_every_key_is_refused(point):
    with pytest.raises(PointRefused):
        Evaluator(SECRET, 1).answer(point)


@pytest.mark.parametrize("answer", [b"", bytes(32), bytes(31)])
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises(PointRefused):
        blind(known(1)).opened(answer)


def test_identifiers_of_different_kinds_never_meet():
    assert identifier("a", "bc") != identifier("ab", "c")
    assert point_of(identifier("phone", "1")) != point_of(identifier("email", "1"))


def test_slots_are_spread_over_all_there_are():
    found = [slot_of(known(number)) for number in range(4_000)]

    assert max(found) < 1 << 24
    quarters = [sum(slot >> 22 == quarter for slot in found) for quarter in range(4)]
    assert min(quarters) > 850


def test_what_takes_the_blinding_off_is_not_shown():
    assert str(blind(known(1)).undo) not in repr(blind(known(1)))
    number = secrets.randbelow(CURVE_ORDER)
    assert repr(Blinded(b"", number)) == "Blinded(...)"
