"""E-mail addresses. Canonical: lower case, the domain in its ASCII (IDNA) form.

Dots and +tags stay: they belong to the address as given. A second form, `mailbox`, leaves out what the mail
provider leaves out. Deliverability is not judged, only shape.
"""

import re

import idna

from vault.fields.text import InvalidValue, clean, fold_case

_PLAIN = re.compile(
    r"[a-z0-9._%+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_MAX_LENGTH = 254
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
"""Domains whose mailboxes are the same with and without dots, and the one name each goes by."""


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
    local, at, domain = fold_case(clean(text)).rpartition("@")
    if not at:
        raise InvalidEmail("not an e-mail address")
    if not _LOCAL.fullmatch(local):
        raise EmailLocal("not an e-mail address")
    result = f"{local}@{_ascii_domain(domain)}"
    if len(result) > _MAX_LENGTH:
        raise EmailLength("not an e-mail address")
    return result


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
    try:
        encoded = idna.encode(domain.removesuffix("."), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise EmailDomain("not an e-mail address") from None
    if "." not in encoded or encoded.rpartition(".")[2].isdecimal():
        raise EmailDomain("not an e-mail address")
    return encoded
