"""One-time codes: for whom they are, how long, how often, and what the data base itself refuses."""

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import DBAPIError

from consent.accounts import keys as accounts
from consent.accounts.one_time_codes import LIFETIME_MS, AskedFor, issue, spend, sweep_codes
from consent.accounts.sign_ins import How, last_sign_ins, note_sign_in
from consent.schema.account_tables import MOST_TRIES, sign_in_code, sign_in_record
from tests.vault.people import made_up as people
from vault.families.merge import merge
from vault.finding.holder import holder, key_value
from vault.people.changes import update_value
from vault.people.drafts import Refused

HERE = AskedFor(binding="this browser")


def asked(world, text, *, field="phone", about=HERE):
    with world.vault.data.write() as conn:
        return issue(conn, world.vault, key_value(world.vault, field, text), about, world.now)


def entered(world, issued, code=None, about=HERE):
    with world.vault.data.write() as conn:
        return spend(
            conn, world.vault, issued.ticket, issued.code if code is None else code, about, world.now
        )


def wrong(issued):
    return f"{(int(issued.code) + 1) % 10**6:06d}"


def owner(world, field, text):
    value = key_value(world.vault, field, text)
    with world.vault.data.read() as conn:
        return holder(conn, world.vault, value)


def test_a_code_opens_the_account_of_whose_number_or_mailbox_it_went_to(world):
    one, two = world.people(2)

    by_phone = asked(world, people.values(0)["phone"])
    by_mail = asked(world, people.values(1)["email"].upper(), field="email")

    assert entered(world, by_phone) == (one.bucket, one.subject)
    assert entered(world, by_mail) == (two.bucket, two.subject)


def test_a_code_is_used_once(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])

    assert entered(world, issued) is not None
    assert entered(world, issued) is None


def test_a_code_lasts_ten_minutes(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])
    world.tick(LIFETIME_MS - 1)
    late = asked(world, people.values(0)["email"], field="email")
    assert entered(world, issued) is not None
    world.tick(LIFETIME_MS)
    assert entered(world, late) is None
    assert LIFETIME_MS == 10 * 60 * 1000


def test_after_five_wrong_tries_the_right_digits_are_worth_nothing(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])
    for _ in range(MOST_TRIES):
        assert entered(world, issued, wrong(issued)) is None

    assert entered(world, issued) is None
    assert MOST_TRIES == 5


def test_the_fifth_try_may_still_be_the_right_one(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])
    for _ in range(MOST_TRIES - 1):
        entered(world, issued, wrong(issued))

    assert entered(world, issued) is not None


def test_only_the_newest_code_that_a_browser_asked_for_counts(world):
    world.person()
    first, second = asked(world, people.values(0)["phone"]), asked(world, people.values(0)["phone"])

    assert entered(world, first) is None
    assert entered(world, second) is not None


@pytest.mark.parametrize(
    "other", [AskedFor(binding="a stranger's browser"), AskedFor(binding=HERE.binding, about=b"a" * 32)]
)
def test_no_code_for_somebody_or_something_else_ends_one_that_is_on_its_way(world, other):
    world.person()
    phone = people.values(0)["phone"]
    mine = asked(world, phone)
    theirs = asked(world, phone, about=other)

    for _ in range(MOST_TRIES):
        entered(world, theirs, wrong(theirs), about=other)

    assert entered(world, mine) is not None


def test_a_code_works_in_the_browser_and_for_the_thing_it_was_asked_for_only(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])

    assert entered(world, issued, about=AskedFor(binding="another browser")) is None
    assert entered(world, issued, about=AskedFor(binding=HERE.binding, about=b"a" * 32)) is None
    assert entered(world, issued) is not None


@pytest.mark.parametrize("code", ["", "000", "1234567", "一二三四五六", "x" * 4000])
def test_what_is_no_code_is_a_wrong_one(world, code):
    world.person()

    assert entered(world, asked(world, people.values(0)["phone"]), code) is None


def test_a_ticket_that_is_none_opens_nothing(world):
    world.person()
    issued = asked(world, people.values(0)["phone"])
    with world.vault.data.write() as conn:
        for ticket in ("", "otc_", issued.ticket.replace("otc_", "ses_"), issued.ticket[:-2]):
            assert spend(conn, world.vault, ticket, issued.code, HERE, world.now) is None


def test_a_code_for_nobody_s_address_looks_the_same_and_names_nobody_who_is_there(world):
    world.person()
    issued = asked(world, "13999999999")
    with world.vault.data.write() as conn:
        who = spend(conn, world.vault, issued.ticket, issued.code, HERE, world.now)
        assert accounts.present(conn, who) is None

    known = asked(world, people.values(0)["phone"])
    assert (len(known.ticket), len(known.code)) == (len(issued.ticket), len(issued.code))
    assert (known.known, issued.known) == (True, False)


def test_known_and_unknown_addresses_take_the_same_statements(world):
    world.person()
    engine, seen = world.vault.data.engine, []

    def note(_conn, _cursor, statement, *_):
        seen.append(statement)

    def statements(call):
        seen.clear()
        event.listen(engine, "before_cursor_execute", note)
        try:
            call()
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return list(seen)

    for text in (people.values(0)["phone"], "13999999999"):
        asked(world, text)  # the first code of an address is a new row, the next ones are not
    made = []
    asking = [
        statements(lambda text=text: made.append(asked(world, text)))
        for text in (people.values(0)["phone"], "13999999999")
    ]
    trying = [statements(lambda one=one: entered(world, one, wrong(one))) for one in made]

    assert asking[0] == asking[1]
    assert trying[0] == trying[1]
    assert any("sign_in_code" in text for text in asking[0])


def test_neither_code_nor_address_is_stored_in_a_form_that_can_be_tried_out(world):
    world.person()
    phone = people.values(0)["phone"]
    issued = asked(world, phone)

    with world.vault.data.read() as conn:
        row = conn.execute(select(sign_in_code)).one()
    stored = b"".join(value for value in row if isinstance(value, bytes)) + str(row).encode()

    assert issued.code.encode() not in stored
    assert phone.encode() not in stored
    assert issued.ticket.encode() not in stored
    assert issued.code not in repr(issued)


def test_a_number_that_was_given_up_signs_in_whoever_has_it_now(world):
    one, two = world.people(2)
    old = people.values(0)["phone"]
    update_value(world.vault, one.subject, "phone", "13911112222", world.now)
    assert owner(world, "phone", old) is None

    update_value(world.vault, two.subject, "phone", old, world.now)
    assert owner(world, "phone", old) == (two.bucket, two.subject)
    assert owner(world, "phone", "13911112222") == (one.bucket, one.subject)


def test_a_number_of_somebody_who_was_merged_signs_in_the_one_who_stayed(world):
    keep, drop = world.people(2)
    issued = asked(world, people.values(1)["phone"])
    merge(world.vault, keep.subject, drop.subject, world.now)

    with world.vault.data.write() as conn:
        assert accounts.present(conn, (drop.bucket, drop.subject)) is None
    assert owner(world, "phone", people.values(1)["phone"]) == (keep.bucket, keep.subject)
    who = entered(world, issued)
    with world.vault.data.write() as conn:
        assert who is None or accounts.present(conn, who) is None


def test_closing_an_account_throws_its_codes_away(world):
    one, _ = world.people(2)
    issued, other = asked(world, people.values(0)["phone"]), asked(world, people.values(1)["phone"])
    with world.vault.data.write() as conn:
        accounts.lock_out(conn, [(one.bucket, one.subject)])

    assert entered(world, issued) is None
    assert entered(world, other) is not None


def test_what_is_no_address_is_refused_with_the_field_s_own_reason(world):
    for field, text in (("phone", "12"), ("email", "nobody"), ("name", "Ann Li")):
        assert isinstance(key_value(world.vault, field, text), Refused)


def test_codes_that_have_run_out_are_forgotten(world):
    world.person()
    asked(world, people.values(0)["phone"])
    world.tick(LIFETIME_MS)
    with world.vault.data.write() as conn:
        sweep_codes(conn, world.now)
        assert conn.execute(select(sign_in_code)).all() == []


@pytest.mark.parametrize(
    "change",
    [
        {"used_at": None},
        {"used_at": 5},
        {"tries": 0},
        {"tries": 6},
        {"code_mac": b"m" * 32},
        {"subject": b"s" * 16},
        {"expires_at": 1 << 50},
    ],
)
def test_the_data_base_lets_no_used_code_come_back(world, change):
    world.person()
    issued = asked(world, people.values(0)["phone"])
    assert entered(world, issued) is not None

    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(sign_in_code).values(**change))


def test_a_history_of_sign_ins_only_grows(world):
    person = world.person()
    who = (person.bucket, person.subject)
    with world.vault.data.write() as conn:
        for at, how in enumerate(How):
            note_sign_in(conn, who, how, world.now + at)

    with world.vault.data.read() as conn:
        assert [line.how for line in last_sign_ins(conn, who, 2)] == list(How)[:0:-1]
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(sign_in_record).values(how="key"))
