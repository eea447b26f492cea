"""The population scan: whose digest is it, when no tag covers it."""

import hashlib

import pytest
from cryptography.hazmat.primitives.hashes import SM3, Hash

from tests.vault.people.made_up import enrol, erase, phone, resident_id
from vault.reading.records import update_value
from vault.scan.permit import ScanPermission, ScanStatement, check, issue, salts_hash, wanted_hash
from vault.scan.running import ScanHit, ScanRefusal, ScanRefused, most_wanted, scan
from vault.scan.schemes import UnknownScheme, scheme


def permission(vault, now, wanted, *schemes, field="phone", until=60_000, salts=()):
    statement = ScanStatement(
        request=bytes(16),
        field=field,
        schemes=schemes,
        wanted=wanted_hash(vault.keyring, wanted),
        salts=salts_hash(vault.keyring, salts),
        asked_by=b"asks",
        approved_by=(b"one", b"two"),
        until_ms=now + until,
    )
    return issue(vault.keyring, statement)


def sha(name, text):
    return hashlib.new(name, text.encode()).digest()


def sm3(text):
    made = Hash(SM3())
    made.update(text.encode())
    return made.finalize()


SCHEMES = {
    "sha512": lambda text: sha("sha512", text),
    "sm3": sm3,
    "md5(md5)": lambda text: sha("md5", sha("md5", text).hex()),
    "sha256(md5)": lambda text: sha("sha256", sha("md5", text).hex()),
    "md5-middle": lambda text: sha("md5", text)[4:12],
    "md5(salt+value)": lambda text: sha("md5", "pepper" + text),
    "sha1(value+salt)": lambda text: sha("sha1", text + "pepper"),
}


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_a_scan_finds_whose_digest_it_is_under_any_scheme(vault, now, name):
    made = enrol(vault, range(5), now)
    wanted = [SCHEMES[name](phone(3)), SCHEMES[name]("nobody's"), SCHEMES[name]("+86" + phone(1))]
    salts = [b"salt", b"pepper"] if "salt" in name else []
    hits = scan(vault, permission(vault, now, wanted, name, salts=salts), wanted, now, salts=salts)
    salt = 1 if salts else None
    assert sorted(hits) == [
        ScanHit(0, made[3].bucket, made[3].subject, "phone", 1, name, salt),
        ScanHit(2, made[1].bucket, made[1].subject, "phone", 1, name, salt),
    ]


def test_several_schemes_are_tried_in_one_pass_and_old_versions_too(vault, now):
    (one,) = enrol(vault, range(1), now)
    update_value(vault, one.subject, "phone", phone(99), now + 1)
    wanted = [sha("sha512", phone(0)), sm3(phone(99))]
    hits = scan(vault, permission(vault, now, wanted, "sha512", "sm3"), wanted, now)
    assert sorted((hit.wanted, hit.version, hit.scheme) for hit in hits) == [(0, 1, "sha512"), (1, 2, "sm3")]


def test_other_fields_are_scanned_by_their_own_spellings(vault, now):
    (one,) = enrol(vault, range(1), now)
    wanted = [sha("sha512", resident_id(0))]
    hits = scan(vault, permission(vault, now, wanted, "sha512", field="resident_id"), wanted, now)
    assert [hit.subject for hit in hits] == [one.subject]


def test_the_erased_are_not_opened(vault, now):
    (gone, _) = enrol(vault, range(2), now)
    erase(vault, gone, now)
    wanted = [sha("sha512", phone(0))]
    seen = []
    assert scan(vault, permission(vault, now, wanted, "sha512"), wanted, now, report=seen.append) == []
    assert sum(page.opened for page in seen) == 1


def test_a_broken_off_scan_goes_on_where_its_last_report_was(vault, now, monkeypatch):
    monkeypatch.setattr("vault.scan.running.PAGE", 3)
    made = enrol(vault, range(10), now)
    wanted = [sha("sha512", phone(i)) for i in range(10)]
    allowed = permission(vault, now, wanted, "sha512")
    pages = []

    def stop_after_two(progress):
        pages.append(progress)
        if len(pages) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(vault, allowed, wanted, now, report=stop_after_two)
    rest = scan(vault, allowed, wanted, now, after=pages[-1].cursor)
    found = [hit.subject for page in pages for hit in page.found] + [hit.subject for hit in rest]
    assert len(rest) == 4
    assert sorted(found) == sorted(one.subject for one in made)


def test_nobody_is_opened_without_a_permission_for_exactly_this(vault, now):
    enrol(vault, range(2), now)
    wanted = [sha("sha512", phone(0))]
    good = permission(vault, now, wanted, "sha512")
    seen = []

    def refused(allowed, digests=wanted, at=now):
        answer = scan(vault, allowed, digests, at, report=seen.append)
        assert isinstance(answer, ScanRefused)
        return answer.code

    forged = object.__new__(ScanPermission)
    object.__setattr__(forged, "statement", good.statement)
    object.__setattr__(forged, "mac", bytes(32))
    other = object.__new__(ScanPermission)
    object.__setattr__(other, "statement", permission(vault, now, wanted, "sha512", field="email").statement)
    object.__setattr__(other, "mac", good.mac)
    assert refused(forged) == ScanRefusal.FORGED
    assert refused(other) == ScanRefusal.FORGED
    assert refused(good, at=now + 60_000) == ScanRefusal.EXPIRED
    assert refused(good, digests=[*wanted, bytes(64)]) == ScanRefusal.OTHER_DIGESTS
    assert refused(permission(vault, now, wanted, "sha512", salts=[b"x"])) == ScanRefusal.OTHER_SALTS
    assert seen == []


def test_a_field_whose_values_somebody_could_list_is_not_scanned_and_no_list_of_a_field(vault, now):
    enrol(vault, range(2), now)
    most = most_wanted(vault.catalogue, "phone")
    listed = [at.to_bytes(8) for at in range(most + 1)]
    for field, wanted in (
        ("birth_date", [sha("sha512", "1990-01-01")]),
        ("name", listed[:1]),
        ("phone", listed),
    ):
        answer = scan(vault, permission(vault, now, wanted, "sha512", field=field), wanted, now)
        assert answer == ScanRefused(ScanRefusal.TOO_MANY)
    allowed = listed[:most]
    assert scan(vault, permission(vault, now, allowed, "sha512"), allowed, now) == []
    assert {
        code: most_wanted(vault.catalogue, code) for code in ("note", "birth_date", "nonsense")
    } == dict.fromkeys(("note", "birth_date", "nonsense"), 0)


def test_a_permission_takes_three_people_and_is_issued_not_made(vault, now):
    good = permission(vault, now, [b"x"], "sha512")
    assert check(vault.keyring, good)
    with pytest.raises(TypeError):
        ScanPermission()
    with pytest.raises(AttributeError):
        good.mac = bytes(32)
    for asked, approved in ((b"one", (b"one", b"two")), (b"asks", (b"one", b"one"))):
        with pytest.raises(ValueError, match="three people"):
            issue(
                vault.keyring,
                ScanStatement(
                    request=bytes(16),
                    field="phone",
                    schemes=("sha512",),
                    wanted=wanted_hash(vault.keyring, []),
                    salts=salts_hash(vault.keyring, []),
                    asked_by=asked,
                    approved_by=approved,
                    until_ms=now,
                ),
            )


class Keys:
    def __init__(self, key):
        self._key = key

    def service_key(self, name):
        return {"scan": self._key}[name]


def test_what_names_digests_and_salts_takes_the_scan_key_and_is_the_same_in_any_order():
    one, other = Keys(bytes(32)), Keys(b"\1" * 32)
    for named in (wanted_hash, salts_hash):
        assert len(named(one, [])) == 32
        assert named(one, [b"a", b"b", b"a"]) == named(one, [b"b", b"a"])
        assert len({named(one, some) for some in ([], [b""], [b"a", b"b"], [b"ab"])}) == 4
        assert named(one, [b"a"]) != named(other, [b"a"])
    assert wanted_hash(one, [b"a"]) != salts_hash(one, [b"a"])


@pytest.mark.parametrize("name", ["", "crc32", "md5(crc32)", "md5(salt)", "md5(md5", "MD5", "md5(md5(md5))"])
def test_an_unknown_scheme_is_refused(name):
    with pytest.raises(UnknownScheme):
        scheme(name)
