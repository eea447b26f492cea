"""From events to items and back to their secrets; erasure ends it."""

import secrets

import pytest
from sqlalchemy import text

from consent.ledger.append import append
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.openings import ENTROPY_BYTES, new_item, reopen, tag_of
from consent.ledger.origin import LogId, origin_at, parse_origin, year_of
from tests.consent.ledger.kit import NOW
from vault.ids import Bucket, bucket_for, new_subject
from vault.opening import Vault

FIELDS = (("recipient", "rc_1"), ("purpose", "delivery"))


def _person(vault: Vault):
    subject = new_subject()
    bucket = bucket_for(subject, vault.installation.buckets)
    return bucket, vault.keyring.create_many([(bucket, subject)], NOW)[subject]


def _item(vault: Vault, bucket: Bucket, key, now_ms: int = NOW):
    return new_item(
        key,
        tenant=vault.installation.tenant,
        origin=origin_at(vault.installation.ledger_host, bucket, now_ms),
        kind=Kind.ACCESS,
        entry_id=secrets.token_bytes(16),
        fields=FIELDS,
        entropy=secrets.token_bytes(ENTROPY_BYTES),
        suite=vault.installation.suite,
    )


def test_a_secret_is_found_again_and_opens_its_commitment(vault: Vault):
    people = [_person(vault) for _ in range(3)]
    items = [_item(vault, *person)[0] for person in people]
    with vault.data.write() as conn:
        positions = append(conn, items, NOW, vault.installation.ledger_host)

    places = [(LogId(at.bucket, at.year), at.idx) for at in positions]
    with vault.data.read() as conn:
        found = reopen(conn, vault, places)

    for at, place in zip(positions, places, strict=True):
        assert commit(found[place], FIELDS) == parse(at.body).commitment


def test_a_person_whose_keys_are_destroyed_can_no_longer_be_opened(vault: Vault):
    people = [_person(vault) for _ in range(2)]
    with vault.data.write() as conn:
        items = [_item(vault, *person)[0] for person in people]
        positions = append(conn, items, NOW, vault.installation.ledger_host)
    gone_bucket, gone = people[0]
    vault.keyring.destroy_many([(gone_bucket, gone.subject)])

    places = [(LogId(at.bucket, at.year), at.idx) for at in positions]
    with vault.data.read() as conn:
        found = reopen(conn, vault, places)

    assert set(found) == {places[1]}


def test_a_sealed_secret_moved_to_another_entry_does_not_open_and_the_others_do(vault: Vault):
    bucket, key = _person(vault)
    with vault.data.write() as conn:
        items = [_item(vault, bucket, key)[0] for _ in range(2)]
        positions = append(conn, items, NOW, vault.installation.ledger_host)
        conn.execute(
            text("UPDATE ledger_opening SET sealed = :sealed WHERE idx = 0"),
            {"sealed": items[1].sealed_secret},
        )

    log = LogId(positions[0].bucket, positions[0].year)
    with vault.data.read() as conn:
        assert set(reopen(conn, vault, [(log, 0), (log, 1)])) == {(log, 1)}


def test_a_persons_tags_of_two_years_and_two_buckets_share_nothing(vault: Vault):
    bucket, key = _person(vault)
    next_year = NOW + 366 * 86_400_000

    tags = {_item(vault, bucket, key, now)[0].tag for now in (NOW, NOW + 1, next_year)}
    tags.add(tag_of(key.ledger, origin_at(vault.installation.ledger_host, bucket + 1, NOW)))

    assert len(tags) == 3


def test_an_entry_says_nothing_of_what_it_commits_to(vault: Vault):
    bucket, key = _person(vault)
    item, opening = _item(vault, bucket, key)
    with vault.data.write() as conn:
        (position,) = append(conn, [item], NOW, vault.installation.ledger_host)

    for _, value in FIELDS:
        assert value.encode() not in position.body
    assert opening.secret.hex().encode() not in position.body
    assert key.subject.hex().encode() not in position.body


def test_the_year_of_a_log_is_that_of_coordinated_universal_time():
    last = 1_798_761_599_999

    assert (year_of(last), year_of(last + 1)) == (2026, 2027)
    assert parse_origin(origin_at("a.example/b", 7, last)) == ("a.example/b", LogId(7, 2026))


def test_too_little_entropy_is_refused(vault: Vault):
    _, key = _person(vault)

    with pytest.raises(ValueError, match="entropy"):
        new_item(
            key,
            tenant=vault.installation.tenant,
            origin="a/2026/0",
            kind=Kind.GRANT,
            entry_id=bytes(16),
            fields=FIELDS,
            entropy=bytes(32),
            suite=vault.installation.suite,
        )
