"""The reader: permits in, values out, and a reason in the place of whatever cannot be read."""

import pytest
from sqlalchemy import event

from tests.vault.people.made_up import enrol, erase, permit, phone, statement, values
from vault.ids import Bucket, new_subject
from vault.opening import open_vault
from vault.permit import AccessKind, _permit, issue
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.reading.records import NewPerson, create_many


@pytest.fixture
def made(vault, now):
    return enrol(vault, range(4), now)


def test_a_permit_opens_its_fields_in_its_order_and_no_other(vault, made, now):
    (answer,) = open_many(vault, [permit(vault, made[2], ("resident_id", "phone"), now)])
    assert answer == {"resident_id": values(2)["resident_id"], "phone": phone(2)}
    assert list(answer) == ["resident_id", "phone"]


def test_answers_stand_where_their_permits_stood(vault, made, now):
    permits = [permit(vault, made[i], ("phone",), now) for i in (3, 0, 3, 1)]
    assert open_many(vault, permits) == [{"phone": phone(i)} for i in (3, 0, 3, 1)]


def test_a_forged_permit_opens_nothing_and_spoils_nobody(vault, made, now):
    real = permit(vault, made[0], ("phone",), now)
    wider = statement(vault, made[0].subject, made[0].bucket, ("phone", "resident_id"), now)
    forged = _permit(wider, real.mac)
    assert open_many(vault, [forged, real]) == [
        Unreadable(UnreadableCode.FORGED),
        {"phone": phone(0)},
    ]


def test_an_emergency_reads_like_a_use_and_a_copys_permit_reads_nothing(vault, made, now):
    kinds = (AccessKind.COPY, AccessKind.EMERGENCY, AccessKind.USE)
    assert open_many(vault, [permit(vault, made[0], ("phone",), now, kind) for kind in kinds]) == [
        Unreadable(UnreadableCode.FORGED),
        {"phone": phone(0)},
        {"phone": phone(0)},
    ]


def test_an_unknown_person_is_a_value_not_an_exception(vault, made, now):
    nobody = issue(vault.keyring, statement(vault, new_subject(), Bucket(0), ("phone",), now))
    assert open_many(vault, [nobody]) == [Unreadable(UnreadableCode.UNKNOWN)]


def test_an_erased_person_cannot_be_read_by_anybody_at_once(vault, backend, provider, made, now):
    other = open_vault(backend.data, backend.keys, provider)
    asked = permit(vault, made[0], ("phone",), now)
    assert open_many(other, [asked]) == [{"phone": phone(0)}]
    erase(vault, made[0], now)
    assert open_many(vault, [asked]) == [Unreadable(UnreadableCode.ERASED)]
    assert open_many(other, [asked]) == [Unreadable(UnreadableCode.ERASED)]


def test_a_person_whose_keys_alone_are_gone_is_as_good_as_erased(vault, made, now):
    vault.keyring.destroy_many([(made[0].bucket, made[0].subject)])
    asked = [permit(vault, person, ("phone",), now) for person in made[:2]]
    assert open_many(vault, asked) == [Unreadable(UnreadableCode.ERASED), {"phone": phone(1)}]


def test_a_field_without_a_value_is_absent(vault, now):
    (bare,) = create_many(vault, [NewPerson({"name": "Bare"})], now)
    both, only = permit(vault, bare, ("name", "phone"), now), permit(vault, bare, ("phone",), now)
    assert open_many(vault, [both, only]) == [{"name": "Bare"}, Unreadable(UnreadableCode.NO_VALUE)]


def test_nothing_existed_before_the_person_did(vault, made, now):
    assert open_many(vault, [permit(vault, made[0], ("phone",), now - 1)]) == [
        Unreadable(UnreadableCode.NO_VALUE)
    ]


def test_a_permit_for_no_field_or_for_an_unknown_one_opens_nothing(vault, made, now):
    asked = [permit(vault, made[0], (), now), permit(vault, made[0], ("shoe_size",), now)]
    assert open_many(vault, asked) == [Unreadable(UnreadableCode.NO_VALUE)] * 2


def test_no_permits_is_no_error(vault):
    assert open_many(vault, []) == []


def test_a_damaged_value_is_reported_as_such(vault, made, now, monkeypatch):
    from vault import reader

    def damaged(_key, _place, blob):
        raise reader.Unopenable("this blob does not open")

    monkeypatch.setattr(reader.SubjectKey, "open", damaged)
    assert open_many(vault, [permit(vault, made[0], ("phone",), now)]) == [Unreadable(UnreadableCode.DAMAGED)]


def test_the_number_of_statements_does_not_grow_with_the_number_of_permits(
    vault, backend, provider, made, now
):
    def statements(count: int) -> int:
        fresh = open_vault(backend.data, backend.keys, provider)
        fresh.watch.note(fresh.data, fresh.keyring, [])  # once a minute it reads whom it watches
        fresh.keyring.service_key("permit")  # every few seconds it asks what it has to forget
        permits = [permit(vault, made[i % 4], ("phone", "name"), now) for i in range(count)]
        seen = []

        def note(_conn, _cursor, text, *_rest):
            if "SELECT" in text:
                seen.append(text)

        for database in (backend.data, backend.keys):
            event.listen(database.engine, "before_cursor_execute", note)
        open_many(fresh, permits)
        for database in (backend.data, backend.keys):
            event.remove(database.engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(1) == statements(100) == 2


def test_more_permits_than_fit_one_statement_are_all_answered(vault, made, now, monkeypatch):
    monkeypatch.setattr("vault.reader.CHUNK", 3)
    permits = [permit(vault, made[i % 4], ("phone",), now) for i in range(10)]
    assert open_many(vault, permits) == [{"phone": phone(i % 4)} for i in range(10)]
