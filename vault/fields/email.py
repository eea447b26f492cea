"""E-mail addresses. Canonical: lower case, the domain in its ASCII (IDNA) form.

Dots and +tags stay: they belong to the address as given. Deliverability is not judged, only shape.
"""

import re

import idna

from vault.fields.text import InvalidValue, clean, fold_case

_PLAIN = re.compile(
    r"[a-z0-9._%+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_LOCAL = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_MAX_LENGTH = 254


class InvalidEmail(InvalidValue):
    """Not of the shape of an e-mail address."""

    code = "email.invalid"


def canonical(text: str) -> str:
    """The canonical form; raises InvalidEmail."""
    if text.isascii():
        lowered = text.strip().lower()
        if len(lowered) <= _MAX_LENGTH and "xn--" not in lowered and _PLAIN.fullmatch(lowered):
            return lowered
    local, at, domain = fold_case(clean(text)).rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise InvalidEmail("not an e-mail address")
    result = f"{local}@{_ascii_domain(domain)}"
    if len(result) > _MAX_LENGTH:
        raise InvalidEmail("not an e-mail address")
    return result


def mask(value: str) -> str:
    """The first character and the domain."""
    local, _, domain = value.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _ascii_domain(domain: str) -> str:
    try:
        encoded = idna.encode(domain.removesuffix("."), uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise InvalidEmail("not an e-mail address") from None
    if "." not in encoded or encoded.rpartition(".")[2].isdecimal():
        raise InvalidEmail("not an e-mail address")
    return encoded
