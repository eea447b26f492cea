"""Form bodies, parsed strictly once at the edge.

A repeated parameter is refused (RFC 6749 §3.1), as are bytes that are not UTF-8, a body that is not
`application/x-www-form-urlencoded`, control characters, and more than 64 members. Nothing of the input appears
in the error.
"""

import re
from urllib.parse import parse_qsl

FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_MEMBERS = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All but tab and line ends, which a JSON text in a member may have; a data base cannot hold the first of them."""


class MalformedForm(ValueError):
    """The body is not one well-formed form."""

    code = "malformed_form"


def parse_form(body: bytes, content_type: str) -> dict[str, str]:
    """The members of a form body; raises MalformedForm."""
    if not body and not content_type:
        return {}
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        raise MalformedForm("not a form")
    return parse_members(body)


def parse_parameters(body: bytes, content_type: str) -> dict[str, str]:
    """The parameters of a protocol's form: one without a value was not sent (RFC 6749 §3.1, §3.2); raises MalformedForm."""
    return {name: value for name, value in parse_form(body, content_type).items() if value}


def parse_members(text: bytes) -> dict[str, str]:
    """The members of a form body or query string; raises MalformedForm."""
    if not text:
        return {}
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_MEMBERS,
        )
    except ValueError:
        raise MalformedForm("not a form") from None
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedForm("a member is repeated")
    if any(_CONTROL.search(name) or _CONTROL.search(value) for name, value in members.items()):
        raise MalformedForm("a member holds a control character")
    return members
