"""Written consent: demanded by its purpose, signed by name or passkey, and what was signed stays provable."""

import hashlib
import json
from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving.approve import Approved, agree, approve, refuse
from consent.approving.grant_drafts import _committed
from consent.approving.separate_acts import Act, needed
from consent.grants.promises import promised
from consent.grants.written import FORMAT, declaration
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import parse
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.refusals import Refusal, RefusalCode
from consent.schema.act_tables import separate_act
from consent.schema.step_up_tables import step_up
from consent.schema.tables import consent_grant
from tests.authenticator import b64
from tests.consent.approving.test_step_up import code_for
from tests.consent.presence import signed, with_passkey
from tests.consent.receipts.test_receipt_chain import payload, whole
from tests.vault.people import made_up as people

NAME = people.values(0)["name"]


@pytest.fixture
def app(world):
    return world.app("credit_check", "Harbour Credit Ltd")


@pytest.fixture
def person(world):
    return world.person()


@pytest.fixture
def shown(world, app, person):
    return world.show(app, person)


def sign(world, person, shown, name, act=Act.WRITTEN):
    return agree(world.vault, person, shown.id, None, act, world.now, name=name)


def by_passkey(world, person, shown):
    return signed(world.vault, shown, with_passkey(world.vault, person, world.now), world.now)


def in_the_ledger(world, app, row, act_hash):
    """Whether the grant's entry commits to how the declaration was signed, its language and its hash, and to the act."""
    with world.vault.data.read() as conn:
        stored = conn.execute(select(entry).where(entry.c.id == row.id)).one()
        proven = conn.execute(select(step_up)).one()
        log = LogId(stored.bucket, stored.year)
        secret = reopen(conn, world.vault, [(log, stored.idx)])[log, stored.idx]
    said = _committed(dict(row._mapping))
    assert ("written", f"{row.written_by}:{row.written_lang}:{row.written_hash}") in said
    fields = (
        *said,
        ("signature", app.terms.signature_hash),
        ("presence", f"{proven.how}:{proven.evidence_hash.hex()}"),
        ("acts", f"written:{act_hash.hex()}"),
    )
    return parse(stored.body).commitment == commit(secret, fields)


def grant_row(world):
    with world.vault.data.read() as conn:
        return conn.execute(select(consent_grant)).one()


def test_a_purpose_that_law_wants_in_writing_takes_a_signature(world, person, shown):
    assert needed(shown) == (Act.WRITTEN,)
    assert approve(world.vault, person, shown.id, None, world.now) == Refusal(
        code=RefusalCode.ACT_NEEDED, at="written"
    )


def test_no_other_purpose_does(world, person):
    other = world.show(world.app(), person)

    assert needed(other) == ()
    assert promised(world.vault, other, other.fields, world.now)["written_hash"] is None


@pytest.mark.parametrize("typed", [NAME, f"  {NAME.upper()} ", NAME.replace(" ", "")])
def test_a_name_is_compared_in_canonical_form(world, person, shown, typed):
    assert sign(world, person, shown, typed) is None


@pytest.mark.parametrize("typed", ["", "Somebody Else", NAME[:-1], "\x00", "x" * 500])
def test_another_name_signs_nothing(world, person, shown, typed):
    assert sign(world, person, shown, typed) == Refusal(code=RefusalCode.ACT_NAME, at="written")

    assert approve(world.vault, person, shown.id, None, world.now).code is RefusalCode.ACT_NEEDED
    with world.vault.data.read() as conn:
        assert conn.execute(select(separate_act)).all() == []


def test_a_name_is_the_one_on_file_now_and_nobody_without_one_signs_by_it(world, app, person):
    people.change(world.vault, person.subject, "name", "Quite Another", world.now)
    world.tick(1)
    shown = world.show(app, person)

    assert sign(world, person, shown, NAME) == Refusal(code=RefusalCode.ACT_NAME, at="written")
    assert sign(world, person, shown, "quite another") is None


def test_what_was_signed_by_name_stands_in_grant_act_ledger_and_receipt(world, app, person, shown):
    said = declaration(shown, shown.fields)
    sign(world, person, shown, NAME)

    done = approve(world.vault, person, shown.id, None, world.now, code_for(world, person, shown)[0])

    assert isinstance(done, Approved), done
    row = grant_row(world)
    assert (row.consent_kind, row.written_hash, row.written_lang, row.written_by) == (
        "written",
        said.hash,
        "en",
        "name",
    )
    assert row.written_hash == f"sha-256:{hashlib.sha256(said.text.encode()).hexdigest()}"
    with world.vault.data.read() as conn:
        (act,) = conn.execute(select(separate_act)).all()
    told = json.loads(act.statement)
    assert (told["declaration"], told["language"], told["signed_by"]) == (said.text, "en", "name")
    assert NAME not in act.statement
    assert in_the_ledger(world, app, row, act.hash)
    (first,) = [payload(one)["record"] for one in whole(world, person, done)]
    (purpose,) = first["pii_processing"]["purposes"]
    assert purpose["consent_kind"] == "written"
    assert purpose["written_declaration"] == {"hash": said.hash, "language": "en", "signed_by": "name"}


def test_a_passkey_signs_the_declaration_word_for_word_and_needs_no_name(world, person, shown):
    said = declaration(shown, shown.fields)

    done = approve(world.vault, person, shown.id, None, world.now, by_passkey(world, person, shown))

    assert isinstance(done, Approved), done
    assert grant_row(world).written_by == "passkey"
    with world.vault.data.read() as conn:
        proven = conn.execute(select(step_up)).one()
        assert conn.execute(select(separate_act)).all() == []
    told = json.loads(proven.statement)
    assert told["declaration"] == {"text": said.text, "language": "en"}
    challenge = json.loads(proven.client_data)["challenge"]
    assert challenge == b64(hashlib.sha256(proven.statement.encode()).digest())


def test_a_signature_is_for_exactly_what_was_read(world, app, person):
    wide = world.show(app, person, optional_datatypes=["bank_card"])
    sign(world, person, wide, NAME)

    more = approve(world.vault, person, wide.id, {"name", "phone", "bank_card"}, world.now)
    just = approve(world.vault, person, wide.id, None, world.now)

    assert (more.code, just.code) == (RefusalCode.ACT_NEEDED, RefusalCode.STEP_UP_NEEDED)


def test_signing_is_no_proof_of_presence_and_a_refusal_takes_neither(world, person, shown):
    sign(world, person, shown, NAME)

    assert approve(world.vault, person, shown.id, None, world.now).code is RefusalCode.STEP_UP_NEEDED
    assert not isinstance(refuse(world.vault, person, shown.id, world.now), Refusal)
    row = grant_row(world)
    assert (row.state, row.consent_kind, row.written_by) == ("refused", "written", None)


def test_a_code_is_no_signature(world, person, shown):
    code, _ = code_for(world, person, shown)

    assert approve(world.vault, person, shown.id, None, world.now, code).code is RefusalCode.ACT_NEEDED


def test_the_declaration_says_everything_in_the_language_of_the_showing(world, app, person, shown):
    english = declaration(shown, shown.fields)
    chinese = declaration(replace(shown, lang="zh-CN"), shown.fields)

    for text in (english.text, chinese.text):
        for said in (
            "Harbour Credit Ltd",
            shown.recipient.registration_no,
            shown.notice.hash,
            shown.terms.hash,
            "CNY 500.00",
            "CNY 5,000.00",
            FORMAT,
        ):
            assert said in text
    assert "Check your credit standing" in english.text
    assert "name, telephone number" in english.text
    assert (
        "use it once from 22 November 2026, 06:26 to 23 November 2026, 06:26 (Beijing time)" in english.text
    )
    assert "for 30 days at most" in english.text
    assert "a loss that I can prove" in english.text
    assert "自2026年11月22日06:26起至2026年11月23日06:26止（北京时间），可使用上述信息一次" in chinese.text
    assert "保存期限最长为30天" in chinese.text
    assert "本人就能证明的损失" in chinese.text
    assert "查询您的信用状况" in chinese.text
    assert "姓名、电话号码" in chinese.text
    assert english.hash != chinese.hash
    assert declaration(shown, shown.fields) == english


def forged(world, app, person, shown, **changes):
    """Another written consent with its proof of presence, as somebody with SQL alone would write them."""
    sign(world, person, shown, NAME)
    approve(world.vault, person, shown.id, None, world.now, code_for(world, person, shown)[0])
    other = world.show(app, person)
    row = dict(grant_row(world)._mapping)
    with world.vault.data.read() as conn:
        proof = dict(conn.execute(select(step_up)).one()._mapping)
    return (
        insert(step_up).values(**{**proof, "showing_id": other.id}),
        insert(consent_grant).values(**{**row, "id": b"n" * 16, "showing_id": other.id, **changes}),
    )


def write_all(world, statements):
    with world.vault.data.write() as conn:
        for statement in statements:
            conn.execute(statement)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "a written consent needs a signature"),
        ({"written_by": "passkey"}, "a written consent needs a signature"),
        ({"written_by": None}, "a written consent needs a signature"),
        ({"written_by": "stamp"}, "written_by"),
        ({"written_hash": None}, "written"),
        ({"written_lang": None}, "written_lang"),
        ({"consent_kind": "separate"}, "written"),
    ],
    ids=str,
)
def test_the_data_base_takes_no_written_consent_without_its_signature(
    world, app, person, shown, changes, says
):
    statements = forged(world, app, person, shown, **changes)

    with pytest.raises(DBAPIError) as error:
        write_all(world, statements)
    assert says in str(error.value.orig)


def test_what_was_signed_never_changes(world, app, person, shown):
    forged(world, app, person, shown)

    for statement in (
        update(consent_grant).values(written_hash="sha-256:0"),
        update(consent_grant).values(written_by="passkey"),
        update(separate_act).values(statement="{}"),
        separate_act.delete(),
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(statement)
