"""What the approval page says of a request: masked values, uses, liability and words, in the page's language."""

import re
from dataclasses import dataclass

from api.i18n import Catalogue
from api.portal.called import called
from api.portal.liability import liability, rate_lines
from api.portal.passed_on import PassedOn, passed_on
from api.portal.record_lines import record_lines
from api.portal.words import field_label
from api.wiring import Services
from consent.approving.approve import Showing
from consent.asking.beside import standing_beside
from consent.ids import showing_text
from consent.marks.alias_pool import offered
from consent.recipients.track_records import record_of
from consent.wording.alias_fields import ALIASES, INSTEAD
from vault.people.ages import sensitive_fields
from vault.reading.records import masked

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORDS = re.compile(r"[A-Za-z]+(?: [A-Za-z]+){2}")
"""Three words of English in a row: less is a name or a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """One field on the page: what it is called and its masked value."""

    code: str
    label: str
    masked: str
    sensitive: bool
    alias: str
    """The code of what may be given instead; empty where it cannot be done without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Everything the approval page says, in the page's language."""

    id: str
    ward: str
    """What the ward is called for whom this is answered; empty for the person themselves."""
    recipient: str
    contact: str
    registration: str
    record: tuple[str, ...]
    """What is on record about the recipient, a sentence each."""
    purpose: str
    needed: tuple[FieldLine, ...]
    optional: tuple[FieldLine, ...]
    uses: str
    beside: str
    """What the recipient may do already for the same purpose; empty when it may nothing."""
    until: str
    retention: str
    passed: PassedOn
    liability: str
    rates: tuple[str, ...]
    terms: str
    notice: str
    notice_lang: str
    method: str
    """How the recipient handles the data, in the language of the notice."""
    terms_lang: str
    """Empty for terms in both languages."""


def asked_of(services: Services, shown: Showing, texts: Catalogue) -> Asked:
    """Everything the page says of what was shown."""
    fields = services.vault.catalogue
    codes = (*shown.fields, *shown.optional_fields)
    values = masked(services.vault, shown.subject, codes)
    sensitive = sensitive_fields(services.vault, shown.subject, codes, services.clock())
    with services.vault.data.read() as conn:
        passed = passed_on(conn, shown, texts)
        beside, left = standing_beside(conn, shown, services.clock())
        found = record_of(conn, shown.recipient.id, services.clock())
        aliases = offered(conn) & set(shown.purpose.fields)

    def line(code: str) -> FieldLine:
        return FieldLine(
            code=code,
            label=field_label(code, texts, fields),
            masked=values.get(code)
            or texts.text(f"approve.{'alias_new' if code in ALIASES else 'not_on_file'}"),
            sensitive=code in sensitive,
            alias=INSTEAD[code] if INSTEAD.get(code) in aliases and code in values else "",
        )

    return Asked(
        id=showing_text(shown.id),
        ward="" if shown.guardian is None else _ward(services, shown, texts),
        recipient=shown.recipient.legal_name,
        contact=shown.recipient.contact,
        registration=shown.recipient.registration_no,
        record=() if found is None else record_lines(found, texts),
        purpose=shown.purpose.title(texts.lang.value),
        needed=tuple(line(code) for code in shown.fields),
        # What is not on file cannot be given, so it is not offered.
        optional=tuple(line(code) for code in shown.optional_fields if code in values or code in aliases),
        uses=texts.text("approve.uses_once")
        if shown.max_uses == 1
        else texts.text("approve.uses_times", count=shown.max_uses),
        beside=texts.text("approve.beside", count=left) if beside else "",
        until=texts.moment(shown.window[1]),
        retention=texts.text(f"approve.retention_{shown.retention[-1]}", count=shown.retention[1:-1]),
        passed=passed,
        liability=liability(shown, sensitive, texts),
        rates=rate_lines(shown.terms, texts),
        terms=shown.terms.text,
        notice=shown.notice.text,
        notice_lang=shown.notice.lang,
        method=shown.notice.method,
        terms_lang=_lang_of(shown.terms.text),
    )


def _lang_of(text: str) -> str:
    """The language of a text by its letters, one of ours; empty where it has the letters of both."""
    chinese, english = bool(_HAN.search(text)), bool(_WORDS.search(text))
    return "" if chinese and english else "zh-CN" if chinese else "en"


def _ward(services: Services, shown: Showing, texts: Catalogue) -> str:
    return called(services.vault, (shown.bucket, shown.subject)) or texts.text("wards.unnamed")
