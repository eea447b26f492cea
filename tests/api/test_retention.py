"""Retention as daily work: the defaults are read from the settings, and there is one job a day."""

import pytest
from sqlalchemy import func, select

from api.edge.sessions import Lifetime
from api.jobs.handlers import work_of
from api.jobs.publisher import Publisher
from api.jobs.retention import DAY_MS, RETENTION, enqueue_daily, rules_of
from api.jobs.tables import job
from api.setting_texts import SettingsError
from consent.erasure.retention import Rule, end_over
from consent.families import ties as families
from consent.families.ties import Tie, appoint
from consent.ledger.publishing.memory import Memory
from consent.people.keeping import NewPerson, enrol_people
from tests.flow.installation import settings_in
from tests.vault.people.made_up import values
from vault.families.guardians import guardians_of
from vault.reading.history import masked


def test_defaults_are_fields_with_days(tmp_path):
    settings = settings_in(tmp_path, retention="note=90,x_badge2=7")
    assert rules_of(settings) == [
        Rule(field="note", period_ms=90 * DAY_MS),
        Rule(field="x_badge2", period_ms=7 * DAY_MS),
    ]
    assert rules_of(settings_in(tmp_path)) == []


@pytest.mark.parametrize(
    "text", ["note", "note=0", "note=-1", "note=90,", "NOTE=9", "note=1 2", "note=999999"]
)
def test_other_defaults_are_refused(tmp_path, text):
    with pytest.raises(SettingsError):
        settings_in(tmp_path, retention=text)


def test_there_is_one_job_a_day(vault, now):
    midnight = now - now % DAY_MS
    counts = []
    for at in (midnight, midnight + DAY_MS - 1, midnight + DAY_MS):
        with vault.data.write() as conn:
            enqueue_daily(conn, at)
            counts.append(conn.execute(select(func.count()).where(job.c.kind == RETENTION)).scalar_one())
    assert counts == [1, 1, 2]


def test_the_job_destroys_what_the_defaults_no_longer_allow(vault, now, tmp_path):
    (who,) = enrol_people(vault, [NewPerson(values(0))], now)
    work = work_of(settings_in(tmp_path, retention="phone=1"), vault, lambda: now + DAY_MS)
    work[RETENTION]({}, lambda *_told: None)
    assert masked(vault, who.subject, ["phone", "email"]).keys() == {"email"}


def parted(vault, now):
    """A child, a parent, and the link between them."""
    wanted = ({"name": "Kim", "birth_date": "2015-03-04"}, {"name": "Pat", "birth_date": "1980-01-01"})
    ward, parent = enrol_people(vault, [NewPerson(one) for one in wanted], now)
    return appoint(vault, ward.subject, parent.subject, Tie.PARENT, bytes(32), now)


def test_a_guardianship_that_is_over_ends_within_the_minute_and_not_with_the_daily_job(vault, now, tmp_path):
    tie = parted(vault, now)

    def swept(at):
        memory = Memory(settings_in(tmp_path).checkpoint_state)
        publisher = Publisher(vault, lambda: at, memory, Lifetime(idle=1, longest=1), 1)
        publisher.start()
        publisher.stop()  # not before one whole round
        with vault.data.read() as conn:
            return guardians_of(conn, tie.bucket, tie.ward)[0].ended_at

    assert swept(tie.valid_until - 1) is None
    assert swept(tie.valid_until) == tie.valid_until


def test_a_round_is_over_where_another_server_ends_what_this_one_has_found(vault, now, monkeypatch):
    tie = parted(vault, now)
    monkeypatch.setattr(families, "dismiss", lambda *_pair: None)

    assert end_over(vault, tie.valid_until) == 0
