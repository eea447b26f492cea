"""Where data goes beyond the recipient, in words: whom it may be passed on to, by whom it is, and to which country."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from api.i18n import Catalogue
from consent.approving import separate_acts
from consent.asking import onward
from consent.asking.showings import Showing
from consent.grants.history import GrantLine
from consent.ids import GrantId
from consent.recipients.register import Recipient, recipient
from consent.wording import countries


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn:
    """What the approval page says of it; texts are empty where there is nothing to say.

    `further` is how many questions of their own follow an approval.
    """

    named: tuple[str, ...]
    source: str
    country: str
    further: str


def passed_on(conn: Connection, shown: Showing, texts: Catalogue) -> PassedOn:
    """For the approval page."""
    further = len(separate_acts.needed(shown))
    return PassedOn(
        named=tuple(_called(one, texts) for one in onward.recipients_named(conn, shown.details)),
        source="" if shown.parent is None else shown.parent.recipient,
        country=_country(shown.recipient.country, texts) if shown.recipient.abroad else "",
        further=texts.counted("approve.further", further) if further else "",
    )


def lines_of(
    conn: Connection, lines: Sequence[GrantLine], texts: Catalogue
) -> Mapping[GrantId, tuple[str, ...]]:
    """For the list of permissions: what is to be said of each."""
    known = {line.id: line for line in lines}
    named = {name: recipient(conn, name) for line in lines for name in line.onward}
    called = {name: _called(one, texts) for name, one in named.items() if one is not None}
    return {line.id: tuple(_said(line, known, called, texts)) for line in lines}


def _said(
    line: GrantLine, known: Mapping[GrantId, GrantLine], called: Mapping[str, str], texts: Catalogue
) -> list[str]:
    said = []
    if line.parent is not None and line.parent in known:
        said.append(texts.text("grants.under", recipient=known[line.parent].recipient))
    if line.onward:
        names = texts.listed(called[name] for name in line.onward if name in called)
        said.append(texts.text("grants.onward", names=names))
    if line.abroad is not None:
        said.append(texts.text("grants.abroad", country=_country(line.abroad, texts)))
    return said


def _called(one: Recipient, texts: Catalogue) -> str:
    """A recipient by its name, and by its country where that is another."""
    if not one.abroad:
        return one.legal_name
    return texts.text("approve.named_abroad", name=one.legal_name, country=_country(one.country, texts))


def _country(code: str, texts: Catalogue) -> str:
    return countries.title(code, texts.lang.value)
