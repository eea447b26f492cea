"""Retention as daily work: the defaults are read from the settings, and there is one job a day."""

import pytest
from sqlalchemy import func, select

from api.jobs.handlers import work_of
from api.jobs.tables import job
from api.retention import DAY_MS, RETENTION, enqueue_daily, rules_of
from api.settings import SettingsError
from consent.keeping import NewPerson, enrol_people
from consent.retention import Rule
from tests.flow.installation import settings_in
from tests.vault.people import values
from vault.history import masked


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
