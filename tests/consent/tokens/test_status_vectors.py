"""Token Status Lists of the standard's appendix: packed and encoded again, byte for byte, for every width of a status."""

import base64
import json
import zlib

import pytest

from consent.tokens.status_list import BITS, encoded
from tests.vectors.published import published

VECTORS = published("status_lists")


def packed(bits, size, statuses):
    """The list as the specification lays it out: from the lowest bits of each byte on (section 4.1)."""
    found = bytearray(size * bits // 8)
    for idx, status in statuses.items():
        found[idx * bits // 8] |= status << idx * bits % 8
    return bytes(found)


@pytest.mark.parametrize("case", VECTORS["short"], ids=lambda one: f"{one['bits']} bits")
def test_the_short_examples_are_encoded_byte_for_byte(case):
    assert encoded(bytes.fromhex(case["bytes"])) == case["lst"]


@pytest.mark.parametrize("case", VECTORS["lists"], ids=lambda one: f"{one['bits']} bits")
def test_a_million_tokens_are_encoded_byte_for_byte(case):
    statuses = {int(idx): status for idx, status in case["statuses"].items()}
    whole = packed(case["bits"], case["size"], statuses)

    assert encoded(whole) == case["lst"]
    assert zlib.decompress(base64.urlsafe_b64decode(case["lst"] + "=" * (-len(case["lst"]) % 4))) == whole


def test_our_width_is_one_of_the_examples_and_our_lists_have_the_members_of_the_signed_one():
    header, payload = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in VECTORS["signed"].split(".")[:2]
    )

    assert BITS in {case["bits"] for case in VECTORS["lists"]}
    assert header["typ"] == "statuslist+jwt"
    assert payload.keys() == {"iss", "sub", "iat", "exp", "ttl", "status_list"}
    assert payload["status_list"] == {"bits": 1, "lst": VECTORS["short"][0]["lst"]}
