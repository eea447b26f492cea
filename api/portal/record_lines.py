"""A recipient's record of the last year in sentences, for the page on which somebody decides
(`consent.recipients.track_records`).
"""

from collections.abc import Iterator

from api.i18n import Catalogue
from consent.recipients.track_records import TrackRecord


def record_lines(found: TrackRecord, texts: Catalogue) -> tuple[str, ...]:
    """What the page says, one sentence a line."""
    return (*_erasures(found, texts), *_denials(found, texts), _suspensions(found, texts))


def _erasures(found: TrackRecord, texts: Catalogue) -> Iterator[str]:
    if found.counted_at is None:
        yield texts.text("record.not_counted")
        return
    date = texts.date(found.counted_at)
    if not found.owed:
        yield texts.text("record.nothing_owed", date=date)
        return
    yield texts.counted("record.in_time", found.owed, kept=found.erased_in_time, date=date)
    if found.erased_late:
        yield texts.counted("record.late", found.erased_late)
    if found.not_erased:
        yield texts.counted("record.missing", found.not_erased)


def _denials(found: TrackRecord, texts: Catalogue) -> Iterator[str]:
    if found.service_denied:
        yield texts.text("record.service_denied", count=found.service_denied)


def _suspensions(found: TrackRecord, texts: Catalogue) -> str:
    if found.last_suspended_at is None:
        return texts.text("record.never_suspended")
    return texts.counted("record.suspended", found.suspensions, date=texts.date(found.last_suspended_at))
