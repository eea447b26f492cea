"""Form bodies, parsed strictly once at the edge.

A repeated parameter is refused (RFC 6749 §3.1), as are bytes that are not UTF-8, a body that is not
`application/x-www-form-urlencoded`, and more than 64 members. Nothing of the input appears in the error.
"""

from urllib.parse import parse_qsl

FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_MEMBERS = 64


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
    if any("\0" in value for value in members.values()):
        raise MalformedForm("a member holds a NUL")
    return members
