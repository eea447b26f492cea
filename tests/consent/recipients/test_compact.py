"""Opening what recipients signed: good signatures of another library, and everything that must not pass for one."""

import json

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from consent.recipients.compact import heading, opened
from consent.recipients.key_sets import key_set
from tests.web.proofs import signed
from vault.base64url import b64url

EC = ECKey.generate_key("P-256", {"kid": "ec"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
KEYS = key_set({"keys": [EC.as_dict(private=False), ED.as_dict(private=False)]})


def open_it(text, *, kinds=(None, "jwt"), **more):
    return opened(text, KEYS, kinds=kinds, most_bytes=4096, **more)


@pytest.mark.parametrize(("key", "alg"), [(EC, "ES256"), (ED, "Ed25519")])
@pytest.mark.parametrize("named", [True, False])
def test_what_another_library_signed_is_opened_and_says_by_which_key(key, alg, named):
    header = {"alg": alg, **({"kid": key.kid} if named else {})}
    text = jws.serialize_compact(header, b'{"a":1}', key, algorithms=[alg])

    found = open_it(text)

    assert (found.claims(), found.key.thumbprint) == ({"a": 1}, key.thumbprint())
    assert heading(text) == (key.kid if named else None, alg)


def test_a_detached_signature_is_over_the_bytes_it_was_made_for():
    head, _, tail = jws.serialize_compact({"alg": "ES256"}, b"sha-256:abc", EC, algorithms=["ES256"]).split(
        "."
    )
    detached = f"{head}..{tail}"

    assert open_it(detached, detached=b"sha-256:abc").payload == b"sha-256:abc"
    assert open_it(detached, detached=b"sha-256:abd") is None
    assert open_it(detached) is None
    assert open_it(f"{head}.{b64url(b'sha-256:abc')}.{tail}", detached=b"sha-256:abc") is None


def test_the_type_is_compared_as_the_rfc_says():
    for kind in ("JWT", "jwt", "application/jwt", "Application/JWT"):
        assert open_it(signed(EC, {"alg": "ES256", "typ": kind}, {}))
    for kind in ("oauth-authz-req+jwt", "", 5, "application/", ["jwt"]):
        assert open_it(signed(EC, {"alg": "ES256", "typ": kind}, {})) is None
    assert open_it(signed(EC, {"alg": "ES256"}, {}), kinds=("jwt",)) is None


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"alg": "Ed25519"},
        {"alg": "RS256"},
        {"alg": ["ES256"]},
        {"alg": "ES256", "kid": "ed"},
        {"alg": "ES256", "kid": "nobody"},
        {"alg": "ES256", "kid": 5},
        {"alg": "ES256", "crit": ["exp"]},
        {"alg": "ES256", "crit": []},
        {"alg": "ES256", "b64": False},
        {"alg": "ES256", "jwk": EC.as_dict(private=False)},
        {"alg": "ES256", "jku": "https://evil.example/keys"},
        {"alg": "ES256", "x5u": "https://evil.example/cert"},
        {"alg": "ES256", "x5c": []},
        {"alg": "ES256", "zip": "DEF"},
    ],
)
def test_a_header_that_asks_for_anything_looser_is_refused_under_a_good_signature(header):
    assert open_it(signed(EC, header, {"a": 1})) is None


def test_a_public_key_is_no_shared_secret():
    secret = OctKey.import_key(json.dumps(EC.as_dict(private=False)).encode())
    forged = jws.serialize_compact({"alg": "HS256", "kid": "ec"}, b"{}", secret, algorithms=["HS256"])

    assert open_it(forged) is None


def test_members_written_twice_are_refused_in_header_and_claims():
    message = f"{b64url(b'{"alg":"none","alg":"ES256"}')}.{b64url(b'{}')}"
    algorithm = jws.JWSRegistry(algorithms=["ES256"]).get_alg("ES256")
    assert open_it(f"{message}.{b64url(algorithm.sign(message.encode(), EC))}") is None

    message = f"{b64url(b'{"alg":"ES256"}')}.{b64url(b'{"aud":"a","aud":"b"}')}"
    text = f"{message}.{b64url(algorithm.sign(message.encode(), EC))}"
    assert open_it(text).claims() is None


@pytest.mark.parametrize("payload", [b"", b"5", b"[]", b"{", b"\xff", b'{"exp":NaN}', b"[" * 2000])
def test_a_payload_that_is_no_object_holds_no_claims(payload):
    text = jws.serialize_compact({"alg": "ES256"}, payload, EC, algorithms=["ES256"])

    assert open_it(text).claims() is None


def test_what_is_no_compact_jws_is_refused():
    good = signed(EC, {"alg": "ES256"}, {"a": 1})
    head, body, tail = good.split(".")
    forged = [
        "",
        ".",
        "..",
        "...",
        f"{head}.{body}",
        f"{good}.",
        f"{head}.{body}.",
        f"{head}.{body}.{tail}=",
        f"{head}.{body}.{tail[:-4]}",
        f"{head}.{body}. {tail}",
        f"{head}.{b64url(b'{}')}.{tail}",
        good + "ä",
        f"{head}.{body}.{'A' * 86}",
        f"{head}.{b64url(b'x' * 5000)}.{tail}",
    ]

    assert open_it(good)
    assert [text for text in forged if open_it(text)] == []
    assert heading("!!.x.y") is None
