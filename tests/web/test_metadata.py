"""The documents clients read beforehand: kept for ten minutes, told apart by their tag, true in every member."""

import pytest
from sqlalchemy import select

from consent.schema.tables import event_outbox
from consent.signing import keys as signing_keys
from tests.flow.installation import payload_of

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
DOCUMENTS = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/v1/disclosures",
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


def test_the_document_says_who_we_are_and_what_we_take(world):
    said = world.http.get("/.well-known/oauth-authorization-server").json()

    assert said["issuer"] == world.issuer
    assert said["require_pushed_authorization_requests"] is True
    assert said["authorization_response_iss_parameter_supported"] is True
    for name, values in (
        ("response_types_supported", {"code"}),
        ("code_challenge_methods_supported", {"S256"}),
        ("token_endpoint_auth_methods_supported", {"private_key_jwt"}),
        ("dpop_signing_alg_values_supported", {"ES256", "Ed25519"}),
        ("authorization_details_types_supported", {"pii_use"}),
        ("introspection_signing_alg_values_supported", {"ES256"}),
        ("backchannel_token_delivery_modes_supported", {"poll", "ping"}),
    ):
        assert set(said[name]) == values, name
    assert all(
        url.startswith(world.issuer) for name, url in said.items() if name.endswith(("_endpoint", "_uri"))
    )


def test_the_document_says_in_whose_name_events_and_receipts_are(world):
    said = world.http.get("/.well-known/oauth-authorization-server").json()
    app, person = world.app(), world.person()
    issued = app.exchange(person.approve(app.authorize_path())).json()
    answer = app.disclose(issued["access_token"]).json()
    person.withdraw(issued["grant_id"])
    with world.vault.data.read() as conn:
        event = conn.execute(select(event_outbox.c.body)).scalar_one()

    assert payload_of(event)["iss"] == said["event_issuer"]
    assert payload_of(answer["receipt"])["iss"] == said["receipt_issuer"]


def test_who_may_not_redeem_is_told_where_the_resource_describes_itself(world):
    app = world.app()

    bare = world.http.post("/v1/disclosures", json={})
    wrong = app.disclose("cut_nothing")

    for answer in (bare, wrong):
        assert answer.status_code == 401
        said = answer.headers["www-authenticate"]
        found = said.partition(', resource_metadata="')[2].rstrip('"')
        assert said.startswith("DPoP ")
        assert world.http.get(found).json()["resource"] == f"{world.issuer}/v1/disclosures"
