"""E-mail addresses. Canonical: lower case, the domain in its ASCII (IDNA) form.

Letters are not folded beyond their case: `straße.de` and `strasse.de` are two domains, so what IDNA 2008 keeps
apart stays apart (UTS 46, non-transitional). Dots and +tags stay: they belong to the address as given. A second
form, `mailbox`, leaves out what the mail provider leaves out. Deliverability is not judged, only shape.
"""

import re
import unicodedata

import idna

from vault.fields.text import InvalidValue, clean

_PLAIN = re.compile(
    r"[a-z0-9._%+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_MAX_LENGTH = 254
_DOTS = ".\u3002"
"""What parts a domain, after NFKC; an address may be written with the dot of the root, or several by mistake."""
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, yet part of some domains' names: IDNA says where they may stand."""
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
"""Domains whose mailboxes are the same with and without dots, and the one name each goes by."""

RESPELT = r"\+.*@|\..*@gmail\.com$|@googlemail\.com$"
"""Matches every canonical form that is not that of its own mailbox, for whoever searches many at a time."""


class InvalidEmail(InvalidValue):
    """Not of the shape of an e-mail address."""

    code = "email.invalid"


class EmailLocal(InvalidEmail):
    """The part before the @ is empty, too long, or holds what an address cannot hold there."""

    code = "email.local"


class EmailDomain(InvalidEmail):
    """What stands behind the @ is no name of a domain."""

    code = "email.domain"


class EmailLength(InvalidEmail):
    """Longer than 254 characters."""

    code = "email.length"


REASONS = tuple(reason.code for reason in (InvalidEmail, EmailLocal, EmailDomain, EmailLength))


def canonical(text: str) -> str:
    """The canonical form; raises InvalidEmail."""
    if text.isascii():
        lowered = text.strip().lower()
        if len(lowered) <= _MAX_LENGTH and "xn--" not in lowered and _PLAIN.fullmatch(lowered):
            return lowered
    form = _form(text)
    # What is kept has to be understood again as long as it is kept: by searches, by rotation, by erasure.
    if form != text and _form(form) != form:
        raise InvalidEmail("not an e-mail address")
    return form


def _form(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if not at:
        raise InvalidEmail("not an e-mail address")
    local = clean(clean(local).lower())
    if not _LOCAL.fullmatch(local):
        raise EmailLocal("not an e-mail address")
    form = f"{local}@{_ascii_domain(domain)}"
    if len(form) > _MAX_LENGTH:
        raise EmailLength("not an e-mail address")
    return form


def mailbox(value: str) -> str:
    """The second canonical form of a canonical one: no +tag, and at Gmail no dots and one domain.

    Two addresses with the same mailbox reach the same person.
    """
    local, _, domain = value.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local = local.replace(".", "") or local
        domain = _DOTLESS[domain]
    return f"{local}@{domain}"


def mask(value: str) -> str:
    """The first character and the domain."""
    local, _, domain = value.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _ascii_domain(domain: str) -> str:
    visible = "".join(c for c in domain if c in _JOINERS or unicodedata.category(c) != "Cf")
    try:
        encoded = idna.encode(visible.strip().rstrip(_DOTS), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise EmailDomain("not an e-mail address") from None
    # Dots can also come out of the mapping, so they are looked at once more.
    last = encoded.rpartition(".")[2]
    if "." not in encoded or not last or last.isdecimal():
        raise EmailDomain("not an e-mail address")
    return encoded
