"""Erasing a person: everybody is told, nothing is left that could be read or found, and an outsider can check it."""

import hashlib
import json

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import DBAPIError

from consent.accounts import keys as accounts
from consent.approving.approve import approve
from consent.denials import Denied
from consent.erasure.certificates import certificate
from consent.erasure.erase import run, run_to_end
from consent.erasure.orders import YEARS, By, Ordered, Reason, is_ordered, order
from consent.families.ties import appoint
from consent.ledger.bundles import bundle
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.checking.fsck import Finding, fsck
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.formats.policy import Policy
from consent.ledger.origin import origin_of
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tables import entry, opening
from consent.people.keeping import enrol_people
from consent.redemption.disclose import Disclosure, disclose_many
from consent.refusals import Refusal, RefusalCode
from consent.schema.erasure_tables import erasure_certificate, erasure_order
from consent.schema.tables import consent_grant, event_outbox, withdrawal
from consent.signing.keys import receipt_keys
from tests.vault.people import made_up as folk
from tests.vault.stricter import stricter
from vault.erasure.horizon import Horizon
from vault.erasure.tables import Stage, erasure
from vault.families.guardians import Guardianship, Tie
from vault.families.merge import Merged, merge
from vault.families.tables import guardianship
from vault.finding.tag_tables import tag, unique_key
from vault.ids import encode_id
from vault.people.drafts import Refused
from vault.people.enrol import NewPerson
from vault.reader import Unreadable, UnreadableCode, open_many
from vault.tables import person, value

HORIZON = Horizon(backup_days=30, index_days=365)
SELF = By(actor="self", reason=Reason.REQUESTED)


class Ticking:
    """A clock that moves only by being slept on."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


def ask(world, *who, by=SELF):
    with world.vault.data.write() as conn:
        return order(conn, world.vault, [one.subject for one in who], by, world.now)


def carry_out(world) -> int:
    clock = Ticking(world.now)
    done = run_to_end(world.vault, clock, HORIZON, clock.sleep)
    world.now = clock.now
    return done


def certificate_of(world, who):
    with world.vault.data.read() as conn:
        return certificate(conn, world.vault, who.bucket, who.subject)


def count(world, table, *where) -> int:
    with world.vault.data.read() as conn:
        return conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()


@pytest.fixture
def used_once(world):
    app, who = world.app(), world.person()
    issued = world.token(app, who, uses=3)
    assert isinstance(disclose_many(world.vault, [world.request(issued)], world.now)[0], Disclosure)
    return app, who, issued


def test_nothing_of_an_erased_person_is_left_that_could_be_read_or_found(world, used_once):
    _, who, _ = used_once
    other = world.person()
    before = folk.permit(world.vault, who, ("phone",), world.now)

    assert ask(world, who) == [(Ordered(who.bucket, who.subject, repeated=False),)]
    assert carry_out(world) == 1

    mine = lambda table: (table.c.bucket == who.bucket, table.c.subject == who.subject)  # noqa: E731
    assert [count(world, table, *mine(table)) for table in (tag, value, unique_key)] == [0, 0, 0]
    assert count(world, tag) == count(world, tag, tag.c.subject == other.subject) > 0
    assert world.vault.keyring.subject_keys([(who.bucket, who.subject)]) == {}
    assert open_many(world.vault, [before]) == [Unreadable(UnreadableCode.ERASED)]
    again = folk.enrol(world.vault, range(1), world.now)  # the same phone, e-mail and number as `who` had
    assert again[0].subject != who.subject


def test_from_the_order_on_the_person_is_not_read_and_does_not_sign_in(world):
    who = world.person()
    created = folk.enrol(world.vault, range(50, 51), world.now)
    with world.vault.data.write() as conn:
        (key,), writing = accounts.new_accounts(created, world.now, ["en"])
        writing.alone(conn)
    permit = folk.permit(world.vault, created[0], ("phone",), world.now)

    ask(world, created[0])

    assert open_many(world.vault, [permit]) == [Unreadable(UnreadableCode.ERASED)]
    assert (
        folk.change(world.vault, created[0].subject, "name", "Somebody Else", world.now).code
        == "person_unknown"
    )
    with world.vault.data.read() as conn:
        assert accounts.sign_in(conn, key) is None
        assert is_ordered(conn)
    assert count(world, person, person.c.subject == who.subject, person.c.state == "active") == 1


def test_whoever_is_being_erased_approves_nothing_more(world):
    app, who = world.app(), world.person()
    shown = world.show(app, who)

    ask(world, who)

    assert approve(world.vault, who, shown.id, None, world.now) == Refusal(code=RefusalCode.SHOWING_UNKNOWN)
    assert count(world, consent_grant) == 0


def test_every_recipient_is_told_and_tokens_in_flight_end(world, used_once):
    app, who, issued = used_once
    ask(world, who)
    carry_out(world)

    answer = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    assert isinstance(answer, Denied)
    assert count(world, withdrawal, withdrawal.c.channel == "erasure") == 1
    assert count(world, event_outbox, event_outbox.c.recipient_id == app.client.recipient.id) == 1
    assert dict(certificate_of(world, who).fields)["withdrawn"] == "1"


def test_the_certificate_says_what_was_destroyed_and_names_nobody(world, used_once):
    _, who, _ = used_once
    with world.vault.keyring.database.read() as conn:
        rows = conn.execute(
            text("SELECT kind, epoch, wrapped FROM subject_key WHERE subject = :who ORDER BY kind, epoch"),
            {"who": who.subject},
        ).all()
    tags, ordered_at = count(world, tag, tag.c.subject == who.subject), world.now
    digest = hashlib.sha256()
    for kind, epoch, wrapped in rows:
        for part in (kind.encode(), epoch.to_bytes(8), bytes(wrapped)):
            digest.update(len(part).to_bytes(2) + part)
    ask(world, who, by=By(actor="operator/00ff", reason=Reason.ORDERED))
    carry_out(world)

    found = certificate_of(world, who)

    said = dict(found.fields)
    assert (said["subject"], said["actor"], said["reason"]) == (
        encode_id("sub", who.subject),
        "operator/00ff",
        "ordered",
    )
    assert (said["keys"], said["wrapped_sha256"]) == (str(len(rows)), digest.hexdigest())
    assert (said["tags"], said["values"], said["horizon_days"]) == (str(tags), "4", "395")
    assert said["requested_at"] <= said["erased_at"]
    assert found.certified_at >= ordered_at
    document = json.dumps(found.document())
    assert all(text_ not in document for text_ in folk.values(0).values())


def test_an_outsider_can_verify_the_certificate_with_the_ordinary_tools(world, used_once):
    _, who, _ = used_once
    ask(world, who)
    carry_out(world)
    signer, found = Signer.of(world.vault), certificate_of(world, who)
    publish(world.vault.data, signer, world.now)

    made = bundle.build(world.vault.data, signer, [found.evidence()], receipt_keys=receipt_keys(world.vault))

    verdict = verify_bundle(made, Policy((signer.key(found.origin),), ()))
    assert verdict.ok, verdict.checks[-1]
    assert verdict.anchored
    (proven,) = verdict.entries
    assert (proven.entry.kind, proven.fields) == (Kind.ERASE, found.fields)
    assert verify_bundle(made.replace(b"self", b"sela")).ok is False


def test_a_certificate_can_be_shown_without_saying_whose_it_is(world):
    who = world.person()
    ask(world, who)
    carry_out(world)
    signer, found = Signer.of(world.vault), certificate_of(world, who)
    publish(world.vault.data, signer, world.now)
    names = [name for name, _ in found.fields if name != "subject"]

    made = bundle.build(world.vault.data, signer, [found.evidence(names)], receipt_keys=[b"k" * 32])

    assert encode_id("sub", who.subject).encode() not in made
    (proven,) = verify_bundle(made).entries
    assert [name for name, _ in proven.fields] == names


def test_every_proof_of_the_ledger_still_verifies_and_the_entry_ends_the_persons_chain(world, used_once):
    _, who, _ = used_once
    with world.vault.data.read() as conn:
        first = parse(conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars().first())
    ask(world, who)
    carry_out(world)
    publish(world.vault.data, Signer.of(world.vault), world.now)

    findings = [step for step in fsck(world.vault.data, Signer.of(world.vault)) if isinstance(step, Finding)]

    assert findings == []
    with world.vault.data.read() as conn:
        mine = [parse(body) for body in conn.execute(select(entry.c.body).order_by(entry.c.idx)).scalars()]
    chain = [one for one in mine if one.tag == first.tag]
    assert [one.n for one in chain] == list(range(1, len(chain) + 1))
    assert chain[-1].kind is Kind.ERASE
    assert count(world, opening, opening.c.subject == who.subject) == 1, "only the certificate's own"


def test_ordering_twice_changes_nothing_and_strangers_are_refused(world):
    who = world.person()
    ask(world, who)
    with world.vault.data.write() as conn:
        answers = order(conn, world.vault, [who.subject, b"?" * 16], SELF, world.now + 5)
    assert answers == [
        (Ordered(who.bucket, who.subject, repeated=True),),
        Refused("person_unknown", ""),
    ]
    assert carry_out(world) == 1
    assert ask(world, who) == [(Ordered(who.bucket, who.subject, repeated=True),)]
    assert carry_out(world) == 0
    assert count(world, erasure_certificate) == 1


def test_whoever_was_merged_into_a_person_is_erased_with_them_and_not_alone(world):
    keep, drop, other = world.people(3)
    assert isinstance(merge(world.vault, keep.subject, drop.subject, world.now + 1), Merged)

    assert ask(world, drop) == [Refused("person_merged", "")]
    (family,) = ask(world, keep)

    assert {one.subject for one in family} == {keep.subject, drop.subject}
    assert carry_out(world) == 2
    assert count(world, person, person.c.state == "erased") == 2
    assert count(world, value, value.c.subject != other.subject) == 0


def test_an_erased_guardian_guards_nobody_and_an_erased_ward_leaves_no_link(world):
    guardian = world.person()
    children = [NewPerson({"name": name, "birth_date": "2015-03-04"}) for name in ("Kim", "Pat")]
    ward, other = enrol_people(world.vault, children, world.now, ["en", "en"])
    for child in (ward, other):
        assert isinstance(
            appoint(world.vault, child.subject, guardian.subject, Tie.PARENT, b"e" * 32, world.now),
            Guardianship,
        )
    ask(world, ward)
    assert carry_out(world) == 1
    assert count(world, guardianship) == 1

    ask(world, guardian)
    assert carry_out(world) == 1

    assert count(world, guardianship, guardianship.c.ended_at.is_(None)) == 0
    assert count(world, guardianship, guardianship.c.ward == other.subject) == 1


def test_keys_are_waited_for_until_no_cache_can_hold_a_copy(world, others):
    elsewhere = others(1)[0]
    who = world.person()
    assert elsewhere.keyring.subject_keys([(who.bucket, who.subject)])
    ask(world, who)

    early = run(world.vault, lambda: world.now + 100, HORIZON)

    assert (early.certified, early.waiting) == (0, 1)
    assert certificate_of(world, who) is None
    assert run(world.vault, lambda: world.now + 70_000, HORIZON).certified == 1


def test_what_somebody_wrote_behind_the_tombstone_is_found_and_destroyed_too(world, others):
    elsewhere = others(1)[0]
    who, other = world.people(2)
    ask(world, who)
    elsewhere.keyring.subject_keys([(who.bucket, who.subject)])
    run(world.vault, lambda: world.now, HORIZON)
    world.vault.keyring.create_many([(who.bucket, who.subject)], world.now)
    with world.vault.data.write() as conn:
        stray = dict(conn.execute(select(tag).where(tag.c.subject == other.subject)).mappings().first())
        conn.execute(tag.insert().values({**stray, "bucket": who.bucket, "subject": who.subject, "tag": 77}))

    elsewhere.keyring.subject_keys([(who.bucket, who.subject)])
    second = run(world.vault, lambda: world.now + 70_000, HORIZON)

    assert (second.certified, second.waiting) == (0, 1), "it has to wait for the caches again"
    assert count(world, tag, tag.c.subject == who.subject) == 0
    assert run(world.vault, lambda: world.now + 140_000, HORIZON).certified == 1
    assert world.vault.keyring.subject_keys([(who.bucket, who.subject)]) == {}


def test_somebody_whose_keys_were_lost_can_still_be_erased(world):
    who = world.person()
    world.vault.keyring.destroy_many([(who.bucket, who.subject)])
    ask(world, who)

    assert carry_out(world) == 1
    assert dict(certificate_of(world, who).fields)["keys"] == "0"
    assert count(world, tag) == 0


def cached(others, *who):
    """Another process holds these people's keys: it has to be waited for before the second look."""
    assert len(others(1)[0].keyring.subject_keys([(one.bucket, one.subject) for one in who])) == len(who)


def looks(world) -> list[str]:
    """From now on, the statements that look for tags by whose they are."""
    seen: list[str] = []

    def note(_conn, _cursor, statement, *_more):
        if "FROM tag t WHERE (t.bucket, t.subject)" in statement:
            seen.append(statement)

    event.listen(world.vault.data.engine, "before_cursor_execute", note)
    return seen


def test_the_whole_tag_table_is_read_once_for_a_page_of_people_and_not_for_each(world):
    ask(world, *world.people(5))
    seen = looks(world)
    assert carry_out(world) == 5
    assert len(seen) == 1


def test_a_value_that_todays_rules_refuse_is_erased_with_all_it_led_to(world, others):
    who, other = world.people(2)
    tags = count(world, tag, tag.c.subject == who.subject)
    others_tags = count(world, tag, tag.c.subject == other.subject)
    world.vault = stricter(world.vault, phone=folk.phone(0))
    cached(others, who)
    ask(world, who)
    seen = looks(world)

    run(world.vault, lambda: world.now, HORIZON)

    assert (len(seen), count(world, tag), count(world, unique_key)) == (0, others_tags, 3)
    assert carry_out(world) == 1
    assert dict(certificate_of(world, who).fields)["tags"] == str(tags)


def test_tags_of_a_form_that_is_lost_are_counted_and_need_no_second_wait(world, others):
    who, other = world.people(2)
    tags = count(world, tag, tag.c.subject == who.subject)
    others_tags = count(world, tag, tag.c.subject == other.subject)
    world.vault = stricter(world.vault, name=folk.values(0)["name"])
    cached(others, who, other)
    ask(world, who, other)
    seen = looks(world)

    run(world.vault, lambda: world.now, HORIZON)

    assert (len(seen), count(world, tag), count(world, unique_key)) == (1, 0, 0)
    assert run(world.vault, lambda: world.now + 70_000, HORIZON).certified == 2
    assert [dict(certificate_of(world, one).fields)["tags"] for one in (who, other)] == [
        str(tags),
        str(others_tags),
    ]


def test_key_values_that_a_survivor_took_over_go_at_once(world, others):
    keep, drop = world.people(2)
    assert isinstance(merge(world.vault, keep.subject, drop.subject, world.now + 1), Merged)
    assert count(world, unique_key, unique_key.c.subject == keep.subject) == 6
    cached(others, keep, drop)
    ask(world, keep)

    run(world.vault, lambda: world.now, HORIZON)

    assert count(world, unique_key) == 0
    assert run(world.vault, lambda: world.now + 70_000, HORIZON).certified == 2


def test_an_erasure_that_ends_in_a_later_year_stands_in_that_years_log(world):
    who = world.person()
    year = 366 * 86_400_000
    ask(world, who)

    assert run(world.vault, lambda: world.now + year, HORIZON).certified == 1

    found = certificate_of(world, who)
    assert found.log.year == 2027
    assert found.origin == origin_of(world.vault.installation.ledger_host, found.log)


def test_an_erasure_older_than_its_prepared_tags_still_gets_its_entry(world):
    who = world.person()
    ask(world, who)

    assert run(world.vault, lambda: world.now + (YEARS + 1) * 366 * 86_400_000, HORIZON).certified == 1


def test_the_data_base_lets_no_erasure_go_back_and_no_erased_person_return(world):
    who = world.person()
    ask(world, who)
    carry_out(world)
    changes = [
        update(person).where(person.c.subject == who.subject).values(state="active", erased_at=None),
        update(erasure).values(stage=int(Stage.TOMBSTONED), probes=b"", verified_at=None),
        erasure.delete(),
        person.delete().where(person.c.subject == who.subject),
        update(erasure_certificate).values(fields="[]"),
        erasure_certificate.delete(),
    ]
    for change in changes:
        with pytest.raises(DBAPIError), world.vault.data.write() as conn:
            conn.execute(change)
    assert count(world, erasure_order) == 0
