"""The pure decision about redemptions: every denial, retries, and how a batch counts against itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.denials import DenialCode
from consent.ids import ClientId, GrantId, RecipientId, UseId
from consent.redemption.decide import (
    RETRY_MS,
    Allowed,
    Attempt,
    Earlier,
    Facts,
    IdempotencyKey,
    RedeemRequest,
    Repeated,
    Standing,
    decide,
)
from consent.schema.grant_states import GrantState
from vault.ids import Bucket, SubjectId

NOW = 1_000_000
KEY = IdempotencyKey(key_hash=b"k", request_hash=b"r")
REQUEST = RedeemRequest(token_hash=b"t", bucket=Bucket(0), jkt="j", proof=b"p", proof_expires=NOW + 1)
FACTS = Facts(
    use_id=UseId(b"u"),
    grant_id=GrantId(b"g"),
    subject=SubjectId(b"s"),
    recipient_id=RecipientId("org"),
    client_id=ClientId("app"),
    purpose="delivery",
    fields=("name", "phone"),
    jkt="j",
    expires_at=NOW + 100,
    quota=1,
    max_uses=1,
    window_from=NOW - 100,
    window_to=NOW + 1000,
)
STANDING = Standing(state=GrantState.ACTIVE, used=0, spent=0, voided=False)


def attempt(request=None, facts=None, standing=None, fresh_proof=True) -> Attempt:
    return Attempt(
        request=replace(REQUEST, **(request or {})),
        facts=FACTS._replace(**(facts or {})),
        standing=STANDING._replace(**(standing or {})),
        fresh_proof=fresh_proof,
    )


def one(*args, **kwargs):
    return decide([attempt(*args, **kwargs)], NOW)[0]


def earlier(**changes) -> Earlier:
    return replace(Earlier(key=KEY, token_hash=b"t", created_at=NOW - 10, row=4), **changes)


def test_a_good_attempt_gets_every_granted_field_and_the_next_slot():
    assert one() == Allowed(("name", "phone"), 1, 1)
    assert one({"fields": ("phone",)}) == Allowed(("phone",), 1, 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"request": {"jkt": "other"}}, DenialCode.WRONG_KEY),
        ({"fresh_proof": False}, DenialCode.REPLAYED_PROOF),
        ({"standing": {"state": GrantState.WITHDRAWN}}, DenialCode.WITHDRAWN),
        ({"standing": {"state": GrantState.EXHAUSTED}}, DenialCode.SPENT),
        ({"standing": {"state": GrantState.SUSPENDED}}, DenialCode.GRANT_NOT_ACTIVE),
        ({"standing": {"state": GrantState.REFUSED}}, DenialCode.GRANT_NOT_ACTIVE),
        ({"standing": {"suspended": True}}, DenialCode.SUSPENDED),
        ({"standing": {"voided": True}}, DenialCode.VOIDED),
        ({"facts": {"expires_at": NOW}}, DenialCode.EXPIRED),
        ({"facts": {"window_to": NOW}}, DenialCode.WINDOW),
        ({"facts": {"window_from": NOW + 1}}, DenialCode.WINDOW),
        ({"request": {"fields": ("email",)}}, DenialCode.FIELD_NOT_GRANTED),
        ({"request": {"fields": ("name", "email")}}, DenialCode.FIELD_NOT_GRANTED),
        ({"request": {"fields": ()}}, DenialCode.FIELD_NOT_GRANTED),
        ({"standing": {"spent": 1}}, DenialCode.SPENT),
        ({"standing": {"used": 1}}, DenialCode.SPENT),
    ],
)
def test_every_obstacle_has_its_code(changes, code):
    assert one(**changes) == code


def test_a_token_nobody_issued_is_unknown():
    stranger = Attempt(request=REQUEST, facts=None, standing=None, fresh_proof=False)
    assert decide([stranger], NOW) == [DenialCode.UNKNOWN_TOKEN]


def test_a_batch_counts_against_itself_by_use_and_by_grant():
    three = {"quota": 3, "max_uses": 3}
    same_use = [attempt(facts=three) for _ in range(5)]
    other_use = [attempt(facts={**three, "use_id": UseId(bytes([i]))}) for i in range(5)]

    slots = [v.slot if isinstance(v, Allowed) else v for v in decide(same_use, NOW)]
    grants = [isinstance(v, Allowed) for v in decide(other_use, NOW)]

    assert slots == [1, 2, 3, DenialCode.SPENT, DenialCode.SPENT]
    assert grants == [True, True, True, False, False]


def test_a_retry_repeats_the_first_answer_even_when_the_token_is_spent_and_expired():
    spent = {"spent": 1, "used": 1, "state": GrantState.EXHAUSTED, "earlier": earlier()}
    assert one({"idempotency": KEY}, {"expires_at": NOW - 5}, spent) == Repeated(row=4)


@pytest.mark.parametrize(
    ("request_", "standing", "code"),
    [
        ({}, {"earlier": earlier(key=replace(KEY, request_hash=b"x"))}, DenialCode.IDEMPOTENCY_MISMATCH),
        ({}, {"earlier": earlier(token_hash=b"x")}, DenialCode.IDEMPOTENCY_MISMATCH),
        ({}, {"earlier": earlier(), "state": GrantState.WITHDRAWN}, DenialCode.WITHDRAWN),
        ({}, {"earlier": earlier(), "state": GrantState.REVOKED}, DenialCode.GRANT_NOT_ACTIVE),
        ({}, {"earlier": earlier(), "suspended": True}, DenialCode.SUSPENDED),
        ({}, {"earlier": earlier(created_at=NOW - RETRY_MS)}, DenialCode.EXPIRED),
        ({"jkt": "other"}, {"earlier": earlier()}, DenialCode.WRONG_KEY),
    ],
)
def test_a_retry_is_refused_when_it_is_no_retry_or_the_consent_has_ended(request_, standing, code):
    assert one({"idempotency": KEY, **request_}, None, standing) == code


def test_a_retry_with_a_replayed_proof_is_refused():
    assert one({"idempotency": KEY}, None, {"earlier": earlier()}, False) == DenialCode.REPLAYED_PROOF


def test_retries_inside_one_batch_collapse_to_the_first():
    first = attempt({"idempotency": KEY})
    other_body = attempt({"idempotency": replace(KEY, request_hash=b"x")})
    other_token = attempt({"idempotency": KEY, "token_hash": b"x"}, {"use_id": UseId(b"x")})

    verdicts = decide([first, first, other_body, other_token], NOW)

    assert verdicts == [
        Allowed(("name", "phone"), 1, 1),
        Repeated(first=0),
        DenialCode.IDEMPOTENCY_MISMATCH,
        DenialCode.IDEMPOTENCY_MISMATCH,
    ]


def test_one_key_in_two_buckets_is_two_keys_as_it_is_in_the_table():
    elsewhere = attempt(
        {"idempotency": KEY, "bucket": Bucket(1), "token_hash": b"x"},
        {"use_id": UseId(b"x"), "grant_id": GrantId(b"x")},
    )

    assert decide([attempt({"idempotency": KEY}), elsewhere], NOW) == [Allowed(("name", "phone"), 1, 1)] * 2


def test_a_denied_attempt_does_not_occupy_its_idempotency_key():
    denied = attempt({"idempotency": KEY, "fields": ("email",)})
    assert decide([denied, attempt({"idempotency": KEY})], NOW)[1] == Allowed(("name", "phone"), 1, 1)


_attempts = st.lists(
    st.builds(
        attempt,
        request=st.fixed_dictionaries(
            {"idempotency": st.sampled_from([None, KEY]), "jkt": st.sampled_from(["j", "x"])}
        ),
        facts=st.fixed_dictionaries(
            {
                "quota": st.just(3),
                "max_uses": st.just(4),
                "use_id": st.sampled_from([UseId(b"1"), UseId(b"2")]),
            }
        ),
        standing=st.fixed_dictionaries({"used": st.just(1), "spent": st.just(0)}),
        fresh_proof=st.booleans(),
    ),
    max_size=12,
)


@given(_attempts)
def test_no_batch_allows_more_than_its_use_or_its_grant_has_left(attempts):
    verdicts = decide(attempts, NOW)
    allowed = [(a, v) for a, v in zip(attempts, verdicts, strict=True) if isinstance(v, Allowed)]

    assert len(allowed) <= 3
    for use in (UseId(b"1"), UseId(b"2")):
        slots = [v.slot for a, v in allowed if a.facts.use_id == use]
        assert slots == list(range(1, len(slots) + 1))
    assert sum(a.request.idempotency is not None for a, _ in allowed) <= 1
