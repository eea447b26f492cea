"""Digests of phones, e-mail addresses and resident IDs match like the values; others are declared unmatchable."""

import base64
import hashlib
from itertools import product

import pytest

from breach.intake.columns import Kind, kind_of, recognise
from breach.intake.sniff import sniff
from breach.matching.cells import Cells
from breach.matching.rows import AGREED, CONFLICTING, Matcher
from breach.pipeline.run import trace
from tests.breach.leaks import row
from tests.breach.test_pipeline import take
from tests.vault.people import made_up as people
from tests.vault.people.made_up import change

ALGORITHMS = ("md5", "sha1", "sha256")


def digest(text, algorithm="md5", write=bytes.hex):
    return write(hashlib.new(algorithm, text.encode()).digest())


def base64_of(raw):
    return base64.b64encode(raw).decode()


COLUMNS = recognise([[digest("a"), "a@example.com"], [digest("b"), "b@example.com"]] * 3, 2)


@pytest.fixture
def columns():
    return COLUMNS


def test_every_usual_digest_in_every_usual_writing_is_found(matching):
    spellings = [
        ("phone", people.phone(1)),
        ("phone", f"86{people.phone(2)}"),
        ("phone", f"+86{people.phone(3)}"),
        ("email", "user4@example.com"),
        ("resident_id", people.resident_id(5)),
    ]
    writings = [bytes.hex, lambda raw: raw.hex().upper(), lambda raw: f"0x{raw.hex()}", base64_of]
    cases = list(product(enumerate(spellings, 1), ALGORITHMS, writings))
    rows = [[digest(text, algorithm, write), "-"] for (_, (_, text)), algorithm, write in cases]

    found, cells = matching(rows)

    assert found == {(n, field, 1): AGREED for n, (field, _) in enumerate(spellings, 1)}
    assert cells.rows_agreed == cells.looked_up[Kind.DIGEST] == len(rows)
    assert cells.matched_by_digest == cells.matched
    assert cells.matched_by_digest == {"phone": 36, "email": 12, "resident_id": 12}


def test_a_digest_leads_to_the_version_it_was_made_of(vault, enrolled, matching, now):
    change(vault, enrolled[1].subject, "phone", "17700000001", now + 1)

    found, _ = matching([[digest(people.phone(1)), "-"], [digest("17700000001"), "-"]])

    assert found == {(1, "phone", 1): AGREED, (1, "phone", 2): AGREED}


def test_a_digest_and_a_value_that_lead_to_different_people_are_a_conflict(matching):
    found, cells = matching([[digest(people.phone(1)), "user2@example.com"]])

    assert found == {(1, "phone", 1): CONFLICTING, (2, "email", 1): CONFLICTING}
    assert cells.matched_by_digest == {"phone": 1}


def test_digests_that_can_be_compared_with_nothing_are_counted_by_what_they_are(matching):
    cells = [
        digest(people.phone(1), "sha512"),
        digest(people.phone(1), "sha224"),
        "$2b$12$KIXx0v5n3Yx0v5n3Yx0v5uQ9m5oR1mJkqvYp2yq8h0r1t6w7b9c2e",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b1dWRWJTmaaJObG",
        "{SSHA}cPusR8PuqNfKGQHkVVxOIiWEUgzHTjlU",
    ]

    found, counts = matching([[cell, "-"] for cell in cells])

    assert found == {}
    assert counts.unmatchable == {"sha512": 1, "sha224": 1, "salted": 3}
    assert counts.looked_up.total() == 0


def test_a_digest_in_a_column_of_phones_or_in_a_ragged_row_is_looked_up_too(vault, enrolled):
    columns = recognise([[people.phone(1)], [people.phone(2)]], 1)
    matcher = Matcher(vault.keyring, columns, Cells())

    with vault.data.read() as conn:
        found = matcher.match(conn, [[digest(people.phone(3))], ["x", digest(people.phone(4), "sha1")]]).items

    assert {item[1] for item in found} == {enrolled[3].subject, enrolled[4].subject}


def test_a_file_of_nothing_but_digests_names_who_lost_it_and_says_how_many_came_by_digest(
    small_town, tmp_path
):
    vault, now = small_town.vault, small_town.world.now
    lines = [f"{digest(row(n)[1], 'sha256')},{digest(row(n)[2])}" for n in range(40, 88)]
    raw = ("phone_sha256,mail_md5\n" + "\n".join(lines)).encode()

    body = trace(vault, take(vault, raw, tmp_path, now), now_ms=now).body

    assert body["format"]["columns"] == [["digest"], ["digest"]]
    assert body["format"]["heading"] is True
    assert body["people"]["found_fully"] == 48
    assert body["cells"]["matched_by_digest"] == {"phone": 48, "email": 48}
    assert [line["name"] for line in body["ranking"] if line.get("named")] == ["Shop Ltd"]


def test_cards_passports_and_plates_are_matched_like_the_other_identifiers(vault, enrolled, now):
    kinds = {"bank_card": "6222021234567890128", "passport": "E12345678", "plate": "京A12345"}
    for code, value in kinds.items():
        change(vault, enrolled[3].subject, code, value, now + 1)
    spellings = [["6222 0212 3456 7890 128", "e12345678", "京A·12345"], [*kinds.values()]]
    columns = recognise(spellings, 3)
    matcher = Matcher(vault.keyring, columns, Cells())

    with vault.data.read() as conn:
        found = matcher.match(conn, spellings).items

    assert columns.kinds == tuple(frozenset({Kind(code)}) for code in kinds)
    assert {(item[1], item[2]) for item in found} == {(enrolled[3].subject, code) for code in kinds}
    assert matcher.cells.rows_agreed == 2


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("6222021234567890128", Kind.BANK_CARD),
        ("6222021234567890123", None),
        ("4111 1111 1111 1111", Kind.BANK_CARD),
        ("1234567890123452", None),
        ("110101199003070011", Kind.RESIDENT_ID),
        ("E12345678", Kind.PASSPORT),
        ("G12345678", Kind.PASSPORT),
        ("EA1234567", Kind.PASSPORT),
        ("X12345678", None),
        ("141234567", None),
        ("京A12345", Kind.PLATE),
        ("粤BD12345", Kind.PLATE),
        ("京A1234", None),
        ("0x5d41402abc4b2a76b9719d911017c592", Kind.DIGEST),
        ("XUFAKrxLKna5cZ2REBfFkg==", Kind.DIGEST),
        ("XUFAKrxLKna5cZ2REBfFkg", Kind.DIGEST),
        ("abcdefghijklmnopqrstuv", None),
        ("$2b$12$KIXx0v5n3Yx0v5n3Yx0v5uQ9m5oR1mJkqvYp2yq8h0r1t6w7b9c2e", Kind.DIGEST),
    ],
)
def test_numbers_that_look_alike_are_told_apart_by_their_checks(cell, kind):
    assert kind_of(cell) == kind


def test_a_file_of_salted_digests_alone_is_taken_in_and_matches_nobody(vault, tmp_path, now):
    lines = [f"$2b$12$KIXx0v5n3Yx0v5n3Yx0v5uQ9m5oR1mJkqvYp2yq8h0r1t6w7b9c{n:02d}" for n in range(30)]
    raw = "\n".join(lines).encode()

    body = trace(vault, take(vault, raw, tmp_path, now), now_ms=now).body

    assert sniff([raw]).columns.kinds == (frozenset({Kind.DIGEST}),)
    assert body["cells"]["unmatchable"] == {"salted": 30}
    assert body["outcome"] == "not_attributed"
