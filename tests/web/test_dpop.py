"""Proofs of possession: the RFC's own examples, and one refusal for each thing that can be wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.oauth.dpop import Proof, ProofFault, check_proof
from tests.web.proofs import NOW_S, b64, ec_key, okp_key, proof, signed

URL = "https://consent.example/v1/disclosures"
KEY = ec_key()
TOKEN = "cut_example"

RFC_TOKEN_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
    "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
    "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2V"
    "uIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37x"
    "RZT3Lg"
)
RFC_RESOURCE_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
    "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
    "In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm9"
    "0ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVF"
    "FbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def check(text, *, token=None, now_s=NOW_S, method="POST", url=URL):
    proofs = [text] if isinstance(text, str) else text
    return check_proof(proofs, method=method, url=url, now_ms=int(now_s * 1000), token=token)


def test_the_token_request_of_rfc_9449_is_accepted_with_its_thumbprint():
    found = check(RFC_TOKEN_PROOF, now_s=1562262616, url="https://server.example.com/token")

    assert isinstance(found, Proof)
    assert found.jkt == RFC_JKT


def test_the_resource_request_of_rfc_9449_is_accepted_with_its_token_only():
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    at = {"now_s": 1562262618, "method": "GET", "url": "https://resource.example.org/protectedresource"}

    assert isinstance(check(RFC_RESOURCE_PROOF, token=token, **at), Proof)
    assert check(RFC_RESOURCE_PROOF, token=token + "x", **at) is ProofFault.TOKEN


@pytest.mark.parametrize("key", [KEY, okp_key()], ids=["ES256", "Ed25519"])
def test_both_advertised_algorithms_work_and_the_thumbprint_is_the_library_s(key):
    found = check(proof(key, token=TOKEN), token=TOKEN)

    assert isinstance(found, Proof)
    assert found.jkt == key.thumbprint()
    assert found.expires >= (NOW_S + 60) * 1000


def test_two_proofs_or_none_are_refused():
    assert check([]) is ProofFault.MISSING
    assert check([proof(KEY), proof(KEY)]) is ProofFault.REPEATED


def test_the_replay_digest_depends_on_key_and_jti_and_on_nothing_else():
    first, again = check(proof(KEY, jti="a", iat=NOW_S - 1)), check(proof(KEY, jti="a", iat=NOW_S + 1))

    assert first.digest == again.digest
    assert check(proof(KEY, jti="b")).digest != first.digest
    assert check(proof(ec_key(), jti="a")).digest != first.digest


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ({"method": "GET"}, ProofFault.METHOD),
        ({"url": "https://consent.example/token"}, ProofFault.URL),
        ({"url": "http://consent.example/v1/disclosures"}, ProofFault.URL),
        ({"iat": NOW_S - 61}, ProofFault.TIME),
        ({"iat": NOW_S + 61}, ProofFault.TIME),
        ({"iat": None}, ProofFault.MALFORMED),
        ({"iat": "now"}, ProofFault.MALFORMED),
        ({"jti": None}, ProofFault.MALFORMED),
        ({"jti": ""}, ProofFault.MALFORMED),
        ({"jti": "x" * 200}, ProofFault.MALFORMED),
        ({"header": {"typ": "JWT"}}, ProofFault.MALFORMED),
        ({"header": {"typ": None}}, ProofFault.MALFORMED),
        ({"header": {"crit": ["b64"]}}, ProofFault.MALFORMED),
        ({"header": {"alg": "none"}}, ProofFault.ALGORITHM),
        ({"header": {"alg": "HS256"}}, ProofFault.ALGORITHM),
        ({"header": {"alg": "RS256"}}, ProofFault.ALGORITHM),
        ({"header": {"alg": "Ed25519"}}, ProofFault.KEY),
        ({"header": {"jwk": None}}, ProofFault.MALFORMED),
        ({"header": {"jwk": {"kty": "EC"}}}, ProofFault.KEY),
        ({"header": {"jwk": {"kty": "EC", "crv": "P-256", "x": 5, "y": []}}}, ProofFault.KEY),
        ({"header": {"jwk": KEY.as_dict(private=True)}}, ProofFault.KEY),
        ({"header": {"jwk": ec_key().as_dict(private=False)}}, ProofFault.SIGNATURE),
    ],
)
def test_each_defect_has_its_own_reason(made, fault):
    assert check(proof(KEY, **made)) is fault


def test_a_token_bound_request_needs_ath():
    assert check(proof(KEY), token=TOKEN) is ProofFault.TOKEN


def test_the_window_is_sixty_seconds_on_both_sides():
    assert isinstance(check(proof(KEY, iat=NOW_S - 60)), Proof)
    assert isinstance(check(proof(KEY, iat=NOW_S + 60)), Proof)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "..", "é.b.c", "x" * 5000, "e30.e30.e30"])
def test_what_is_no_jws_is_malformed(text):
    assert check(text) is ProofFault.MALFORMED


def test_query_and_fragment_of_htu_are_ignored_and_case_and_default_port_do_not_matter():
    assert isinstance(check(proof(KEY, url="HTTPS://Consent.Example:443/v1/disclosures?x=1#y")), Proof)
    assert check(proof(KEY, url="https://consent.example/v1%2Fdisclosures")) is ProofFault.URL
    assert check(proof(KEY, url="https://me@consent.example/v1/disclosures")) is ProofFault.URL


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_changed_character_anywhere_is_never_accepted(data):
    good = proof(KEY, token=TOKEN)
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_."))
    spoiled = good[:at] + other + good[at + 1 :]
    found = check(spoiled, token=TOKEN)

    assert isinstance(found, ProofFault) or spoiled == good


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize("key", [KEY, okp_key()], ids=["ES256", "Ed25519"])
def test_a_signature_is_written_in_one_way_only(key):
    good = proof(key)
    last = _ALPHABET.index(good[-1])

    for stray in range(1, 16):  # 64 bytes leave four bits of the last character unused
        assert check(good[:-1] + _ALPHABET[last | stray]) is ProofFault.MALFORMED
    assert check(good.replace("-", "+").replace("_", "/") + "==") is ProofFault.MALFORMED


def test_a_key_is_written_in_one_way_only():
    jwk = KEY.as_dict(private=False)
    stray = jwk["x"][:-1] + _ALPHABET[_ALPHABET.index(jwk["x"][-1]) | 1]

    assert check(proof(KEY, header={"jwk": {**jwk, "x": stray}})) is ProofFault.KEY


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_no_bytes_make_it_raise(head, body, signature):
    text = f"{b64(head)}.{b64(body)}.{b64(signature)}"

    assert isinstance(check(text), ProofFault)


@pytest.mark.parametrize("claims", [[], "x", 1, None, {"jti": 1}])
def test_a_well_signed_payload_of_the_wrong_shape_is_malformed(claims):
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}

    assert check(signed(KEY, head, claims)) is ProofFault.MALFORMED
