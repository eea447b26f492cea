"""Acts of their own: onward provision and transfers abroad are agreed to apart, and the law's texts are all there."""

import hashlib
import json

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from consent.approving import separate_acts
from consent.approving.approve import Approved, agree, approve, refuse
from consent.approving.separate_acts import Act
from consent.errors import BadNotice, BadRegistration, UnfairNotice
from consent.export.whole_chain import receipts_of
from consent.grants.promises import approval_hash
from consent.ids import document_hash, grant_text
from consent.ledgering import entry_items
from consent.recipients import register as recipients
from consent.recipients.particulars import Particulars, missing
from consent.refusals import Refusal, RefusalCode
from consent.schema.act_tables import separate_act
from consent.schema.tables import consent_grant, recipient
from consent.wording import countries
from consent.wording.notices import Handling, publish
from tests.consent.presence import promise_of, proof_if_needed
from tests.consent.world import World
from tests.flow.installation import payload_of

TOLD = Handling(
    method="Printed on a label, then deleted.", rights="Write to the Singapore office; it answers in 30 days."
)
ACT_NEEDED = RefusalCode.ACT_NEEDED


@pytest.fixture
def abroad(world):
    return world.app(name="Lion Parcel Pte", country="SG", handling=TOLD)


@pytest.fixture
def below(world):
    """A person, and what a recipient abroad asks under another's grant: an act for each."""
    person, bureau = world.person(), world.app(name="Lion Bureau Pte", country="SG", handling=TOLD)
    top = world.token(world.app(name="Bank"), person, uses=5, onward=[bureau.client.recipient.id])
    return person, world.show(bureau, person, parent_grant=grant_text(top.grant_id))


def rows(world, what):
    with world.vault.data.read() as conn:
        return conn.execute(select(what)).all()


SAID = Particulars(name="n", contact="c", purpose="p", method="m", kinds=("name",), rights="r")


@pytest.mark.parametrize("item", ["name", "contact", "purpose", "method", "kinds", "rights"])
def test_each_item_of_the_law_that_is_not_said_is_named(item):
    silent = Particulars(
        **{**{name: getattr(SAID, name) for name in SAID.__slots__}, item: () if item == "kinds" else ""}
    )

    assert missing(SAID, abroad=True) == ()
    assert missing(silent, abroad=True) == (item,)
    assert missing(silent, abroad=False) == (() if item == "rights" else (item,))


@pytest.mark.parametrize(
    ("handling", "items"),
    [
        (Handling(), ("method", "rights")),
        (Handling(method=TOLD.method), ("rights",)),
        (Handling(rights=TOLD.rights, method="  "), ("method",)),
    ],
)
def test_a_recipient_abroad_asks_nothing_without_saying_method_and_rights(world, handling, items):
    app = world.app(country="SG", handling=handling)

    refused = world.push(app)

    assert refused == Refusal(code=RefusalCode.DETAILS_TRANSFER_UNTOLD, at="/0/notice", missing=items)


def test_no_recipient_asks_without_saying_how_it_handles_the_data(world):
    refused = world.push(world.app(handling=Handling()))

    assert refused == Refusal(code=RefusalCode.DETAILS_NOTICE_UNTOLD, at="/0/notice", missing=("method",))


@pytest.mark.parametrize(
    ("bent", "error"),
    [
        (Handling(rights="x" * 20_001), BadNotice),
        (Handling(method="a\x00b"), BadNotice),
        (Handling(rights="This consent cannot be withdrawn."), UnfairNotice),
    ],
)
def test_method_and_rights_are_checked_like_the_notice_they_belong_to(world, bent, error):
    app = world.app()

    with pytest.raises(error), world.vault.data.write() as conn:
        publish(conn, app.client.recipient.id, "delivery", 2, "en", "A text.", world.now, bent)


def test_the_hash_of_a_notice_covers_method_and_rights_and_is_as_ever_without_them(world):
    app, hashes = world.app(), []
    for version, handling in enumerate((Handling(), Handling(method="m"), Handling(rights="m")), start=2):
        names = {
            "recipient_id": app.client.recipient.id,
            "purpose": "delivery",
            "version": version,
            "lang": "en",
        }
        with world.vault.data.write() as conn:
            made = publish(conn, *names.values(), "A text.", world.now, handling)
        hashes.append(made.hash == document_hash({**names, "text": "A text."}))

    assert hashes == [True, False, False]


def test_a_request_may_say_where_the_data_goes_and_must_say_it_right(world, abroad):
    assert not isinstance(world.push(abroad, country="SG"), Refusal)
    for app, country in ((abroad, "CN"), (world.app(), "SG")):
        refused = world.push(app, country=country)
        assert refused == Refusal(code=RefusalCode.DETAILS_OTHER_COUNTRY, at="/0/country")


def test_abroad_is_where_another_law_holds_than_that_of_the_consent(world):
    parts = {
        ("CN", "CN"): False,
        ("SG", "SG"): False,
        ("US-CA", "US"): False,
        ("CN", "HK"): True,
        ("SG", "CN"): True,
    }

    for (law, country), leaves in parts.items():
        assert world.app(jurisdiction=law, country=country).client.recipient.abroad is leaves
    assert not world.app(jurisdiction="SG").client.recipient.abroad
    for unknown in ("XX", "sg", "Singapore", "EU"):
        with pytest.raises(BadRegistration):
            world.app(country=unknown)


def test_every_country_has_a_name_in_both_languages():
    codes = [a + b for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    known = [code for code in codes if countries.known(code)]

    assert len(known) == 249
    assert countries.title("SG", "en") == "Singapore"
    assert countries.title("SG", "zh-CN") == "新加坡"
    for lang in ("en", "zh-CN"):
        assert len({countries.title(code, lang) for code in known}) == len(known)


def test_where_a_recipient_is_never_changes(world, abroad):
    with pytest.raises(DBAPIError), world.vault.data.write() as conn:
        conn.execute(update(recipient).values(country="CN"))


def test_what_goes_abroad_takes_one_act_and_what_stays_takes_none(world, abroad):
    person = world.person()
    shown = world.show(abroad, person)

    first = approve(world.vault, person, shown.id, None, world.now)
    done = agree(world.vault, person, shown.id, None, Act.CROSS_BORDER, world.now)

    assert first == Refusal(code=ACT_NEEDED, at="cross_border")
    assert done is None
    assert rows(world, consent_grant) == []
    assert isinstance(approve(world.vault, person, shown.id, None, world.now), Approved)
    assert separate_acts.needed(world.show(world.app(), person)) == ()


def test_onward_and_abroad_are_two_acts_and_neither_stands_for_the_other(world, below):
    person, shown = below
    asked = []

    for _ in range(2):
        answer = approve(world.vault, person, shown.id, None, world.now)
        asked.append(answer.at)
        assert agree(world.vault, person, shown.id, None, Act(answer.at), world.now) is None
        assert agree(world.vault, person, shown.id, None, Act(answer.at), world.now) is None

    assert asked == ["onward", "cross_border"]
    assert len(rows(world, separate_act)) == 2
    assert isinstance(approve(world.vault, person, shown.id, None, world.now), Approved)


def test_an_act_is_for_the_very_fields_it_was_done_for(world, abroad):
    person = world.person()
    shown = world.show(abroad, person, datatypes=["name"], optional_datatypes=["phone"])
    agree(world.vault, person, shown.id, ["name"], Act.CROSS_BORDER, world.now)

    more = approve(world.vault, person, shown.id, ["name", "phone"], world.now)

    assert more == Refusal(code=ACT_NEEDED, at="cross_border")
    assert isinstance(approve(world.vault, person, shown.id, ["name"], world.now), Approved)


def test_an_act_is_only_the_persons_only_for_what_is_asked_and_only_while_it_is_open(world, abroad):
    person, other = world.person(), world.person()
    shown = world.show(abroad, person)

    foreign = agree(world.vault, other, shown.id, None, Act.CROSS_BORDER, world.now)
    unasked = agree(world.vault, person, shown.id, None, Act.ONWARD, world.now)
    excess = agree(world.vault, person, shown.id, ["name", "email"], Act.CROSS_BORDER, world.now)
    refuse(world.vault, person, shown.id, world.now)
    late = agree(world.vault, person, shown.id, None, Act.CROSS_BORDER, world.now)

    codes = [one.code for one in (foreign, unasked, excess, late)]
    assert codes == [
        RefusalCode.SHOWING_UNKNOWN,
        RefusalCode.CHOICE_EXCESS,
        RefusalCode.CHOICE_EXCESS,
        RefusalCode.SHOWING_DECIDED,
    ]
    assert rows(world, separate_act) == []


def test_a_no_after_an_act_refuses_the_whole_request(world, abroad):
    person = world.person()
    shown = world.show(abroad, person)
    agree(world.vault, person, shown.id, None, Act.CROSS_BORDER, world.now)

    refuse(world.vault, person, shown.id, world.now)

    assert [row.state for row in rows(world, consent_grant)] == ["refused"]


def test_the_act_keeps_what_the_person_read_and_the_ledger_its_hash(world, abroad, monkeypatch):
    person, said = world.person(), []
    monkeypatch.setattr(
        "consent.approving.grant_drafts.entry_items",
        lambda vault, kind, about, now: said.extend(about[0][3]) or entry_items(vault, kind, about, now),
    )
    approved = world.approve(abroad, person)
    (row,) = rows(world, separate_act)

    told = json.loads(row.statement)
    assert (told["country"], told["method"], told["rights"]) == ("SG", TOLD.method, TOLD.rights)
    assert (told["name"], told["kinds"]) == ("Lion Parcel Pte", ["name", "phone"])
    assert row.hash == hashlib.sha256(row.statement.encode()).digest()
    assert dict(said)["acts"] == f"cross_border:{row.hash.hex()}"
    receipt = payload_of(receipts_of(world.vault, person.subject, person.bucket, approved.grant_id)[0])
    purpose = receipt["record"]["pii_processing"]["purposes"][0]
    assert purpose["transfer"] == {"country": "SG", "rights": TOLD.rights}


def test_what_is_sensitive_and_goes_abroad_takes_the_act_and_the_proof(world):
    person, bank = world.person(), world.app("identity_check", "Lion Bank", country="SG", handling=TOLD)
    shown = world.show(bank, person, datatypes=["name", "resident_id"])
    agree(world.vault, person, shown.id, None, Act.CROSS_BORDER, world.now)

    bare = approve(world.vault, person, shown.id, None, world.now)
    proof = proof_if_needed(world.vault, person, shown, world.now)

    assert bare.code is RefusalCode.STEP_UP_NEEDED
    assert isinstance(approve(world.vault, person, shown.id, None, world.now, proof), Approved)


@pytest.mark.parametrize("act", [Act.ONWARD, Act.CROSS_BORDER])
def test_the_data_base_itself_takes_no_consent_without_its_act(world: World, below, monkeypatch, act):
    person, shown = below
    (other,) = {Act.ONWARD, Act.CROSS_BORDER} - {act}
    agree(world.vault, person, shown.id, None, other, world.now)
    monkeypatch.setattr(separate_acts, "weigh", lambda *_: ())

    with pytest.raises(DBAPIError, match="needs an act of its own"):
        approve(world.vault, person, shown.id, None, world.now)


def test_the_data_base_itself_takes_no_consent_abroad_without_the_texts(world, monkeypatch):
    app, person = world.app(country="SG"), world.person()
    monkeypatch.setattr("consent.asking.ask.missing", lambda *_, **__: ())

    with pytest.raises(DBAPIError, match="method and rights"):
        world.approve(app, person)


def test_an_act_is_evidence_and_belongs_to_a_showing(world, abroad):
    person = world.person()
    world.approve(abroad, person)
    (row,) = rows(world, separate_act)

    for bent in (
        delete(separate_act),
        update(separate_act).values(at=1),
        insert(separate_act).values({**row._mapping, "showing_id": b"x" * 16}),
        insert(separate_act).values({**row._mapping, "act": "everything"}),
    ):
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(bent)


def test_the_act_of_another_promise_is_no_act(world, abroad):
    person = world.person()
    shown = world.show(abroad, person, datatypes=["name"], optional_datatypes=["phone"])
    agree(world.vault, person, shown.id, ["name", "phone"], Act.CROSS_BORDER, world.now)

    small = promise_of(world.vault, shown, world.now)

    assert separate_acts.weigh(world.vault, shown, small) == Refusal(code=ACT_NEEDED, at="cross_border")
    assert rows(world, separate_act)[0].approval_hash != approval_hash(small)


def test_a_recipient_s_country_is_known_to_whoever_reads_its_registration(world, abroad):
    with world.vault.data.read() as conn:
        again = recipients.client(conn, abroad.client.client_id)
        listed = recipients.recipient(conn, abroad.client.recipient.id)

    assert (again.recipient.country, listed.country) == ("SG", "SG")
