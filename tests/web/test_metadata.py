"""The documents clients read beforehand: kept for ten minutes, told apart by their tag, true in every member."""

import pytest

from consent import signing_keys

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
DOCUMENTS = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/jwks",
]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_may_be_kept_for_ten_minutes_and_is_not_sent_again_to_whoever_has_it(world, path):
    first = world.http.get(path)
    tag = first.headers["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = world.http.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = world.http.get(path, headers={"If-None-Match": '"other"'})

    assert first.headers["cache-control"] == "public, max-age=600"
    assert (other.status_code, other.content) == (200, first.content)


def test_a_rotation_changes_the_key_set_and_its_tag(world):
    before = world.http.get("/jwks")

    signing_keys.rotate(world.vault, world.clock())

    after = world.http.get("/jwks", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    kids = [{key["kid"] for key in answer.json()["keys"]} for answer in (before, after)]
    assert kids[0] < kids[1]


def test_the_key_set_holds_public_members_only(world):
    for key in world.http.get("/jwks").json()["keys"]:
        assert set(key) <= {"kty", "crv", "x", "y", "kid", "alg", "use"}
