"""Which form of an answer an Accept header asks for."""

import pytest

from api.oauth.introspect import wants_signed

SIGNED = "application/token-introspection+jwt"


@pytest.mark.parametrize(
    ("accept", "signed"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/jwt", False),
        (SIGNED, True),
        (SIGNED.upper(), True),
        (f"application/json;q=0.5, {SIGNED}", True),
        (f"{SIGNED}; q=0.9, application/json", True),
        (f"{SIGNED};q=0", False),
        (f"{SIGNED};q=0.000, application/json", False),
    ],
)
def test_only_who_names_the_media_type_gets_a_signed_answer(accept, signed):
    assert wants_signed(accept) is signed
