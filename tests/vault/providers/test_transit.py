"""The root inside a transit engine, against the local server of its documented API (transit_server.py)."""

import base64
import datetime as dt
import ipaddress
import logging
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.receiver import deaf_port
from tests.vault.providers.transit_server import Engine, NamedKey, transit_server
from vault.providers.base import Provider, ProviderDown, ProviderRefused
from vault.providers.transit import TransitProvider
from vault.providers.transit_http import TransitHttp
from vault.sealing.sealed import Unopenable

KEY, CONTEXT = b"k" * 32, b"context"
TOKEN = "hvs.test-token"
DAILY, OPERATOR = {"encrypt", "decrypt"}, {"encrypt", "decrypt", "keys", "keys/rotate", "keys/config"}


@pytest.fixture
def engine():
    with transit_server(Engine(tokens={TOKEN: OPERATOR, "hvs.daily": DAILY})) as running:
        yield running


@pytest.fixture
def make(engine):
    def provider(key="perusal", **changes):
        given = {"address": f"http://127.0.0.1:{engine.port}", "token": lambda: TOKEN}
        return TransitProvider(TransitHttp(**(given | changes)), key)

    return provider


@pytest.fixture
def transit(make):
    provider = make()
    provider.prepare()
    return provider


def test_a_wrapped_key_comes_back_under_its_context(transit):
    assert transit.unwrap(transit.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_two_wraps_of_one_key_differ(transit):
    assert transit.wrap(KEY, CONTEXT) != transit.wrap(KEY, CONTEXT)


@pytest.mark.parametrize("context", [b"", b"other", b"context "])
def test_the_engine_authenticates_the_context(transit, context):
    with pytest.raises(Unopenable):
        transit.unwrap(transit.wrap(KEY, CONTEXT), context)


def test_the_context_is_sent_as_associated_data(transit, engine):
    transit.wrap(KEY, CONTEXT)
    path, body = engine.requests[-1]
    assert path == "/v1/transit/encrypt/perusal"
    assert base64.b64decode(body["associated_data"]) == b"\x01" + CONTEXT


def test_a_server_that_drops_associated_data_still_cannot_move_a_key(transit, engine):
    engine.knows_associated_data = False
    blob = transit.wrap(KEY, CONTEXT)
    assert transit.unwrap(blob, CONTEXT) == KEY
    with pytest.raises(Unopenable):
        transit.unwrap(blob, b"other")


ALTERED = {
    "empty": lambda blob: blob[:0],
    "other version of ours": lambda blob: b"\x02" + blob[1:],
    "no prefix": lambda blob: blob[:1] + blob[7:],
    "version too new": lambda blob: blob.replace(b":v1:", b":v9:"),
    "version zero": lambda blob: blob.replace(b":v1:", b":v0:"),
    "other bytes": lambda blob: blob[:-8] + b"AAAAAAAA",
    "cut": lambda blob: blob[:-4],
    "a line more": lambda blob: blob + b"\n",
    "not ascii": lambda blob: blob + b"\xff",
    "endless": lambda blob: blob + b"A" * 2_000,
}


@pytest.mark.parametrize("name", ALTERED)
def test_altered_blobs_are_refused(transit, name):
    with pytest.raises(Unopenable):
        transit.unwrap(ALTERED[name](transit.wrap(KEY, CONTEXT)), CONTEXT)


def test_a_new_version_wraps_and_the_older_one_still_unwraps(transit):
    before = transit.wrap(KEY, CONTEXT)
    transit.rotate()
    after = transit.wrap(KEY, CONTEXT)
    assert [transit.version_of(blob) for blob in (before, after)] == ["v1", "v2"]
    assert [transit.unwrap(blob, CONTEXT) for blob in (before, after)] == [KEY, KEY]
    assert transit.describe()["root"] == "v2"


def test_a_version_that_the_engine_retired_is_the_operators_affair_and_not_damage(transit, engine):
    blob = transit.wrap(KEY, CONTEXT)
    transit.rotate()
    engine.keys["", "perusal"].min_decryption_version = 2
    with pytest.raises(ProviderRefused):
        transit.unwrap(blob, CONTEXT)


def test_preparing_again_makes_no_second_version(transit):
    blob = transit.wrap(KEY, CONTEXT)
    transit.prepare()
    assert transit.describe()["root"] == "v1"
    assert transit.unwrap(blob, CONTEXT) == KEY


def test_daily_work_needs_no_right_on_the_key_itself(transit, make):
    daily = make(token=lambda: "hvs.daily")
    assert daily.unwrap(daily.wrap(KEY, CONTEXT), CONTEXT) == KEY
    assert daily.health().ok
    assert daily.describe()["root"] == "v1"
    for act in (daily.rotate, daily.prepare):
        with pytest.raises(ProviderRefused):
            act()


def test_a_missing_key_or_engine_is_refused_and_nothing_is_made(make, engine):
    for wrong in (make(key="nothing"), make(mount="elsewhere")):
        with pytest.raises(ProviderRefused):
            wrong.wrap(KEY, CONTEXT)
        with pytest.raises(ProviderRefused):
            wrong.unwrap(b"\x01vault:v1:" + b"A" * 60, CONTEXT)
        assert wrong.health().code == "provider_refused"
    assert not engine.keys


def test_an_unknown_token_is_refused(make, transit):
    stranger = make(token=lambda: "hvs.stranger")
    with pytest.raises(ProviderRefused) as refusal:
        stranger.wrap(KEY, CONTEXT)
    assert "hvs" not in str(refusal.value)


@pytest.mark.parametrize("token", ["", "two\r\nX-Other: header", "bl ank", "ä"])
def test_a_malformed_token_never_reaches_the_wire(make, engine, token):
    with pytest.raises(ProviderRefused):
        make(token=lambda: token).wrap(KEY, CONTEXT)
    assert not engine.requests


def test_a_renewed_token_is_used_at_the_next_call(make, transit):
    tokens = iter(["hvs.stranger", TOKEN])
    renewed = make(token=lambda: next(tokens))
    with pytest.raises(ProviderRefused):
        renewed.wrap(KEY, CONTEXT)
    renewed.wrap(KEY, CONTEXT)


def test_two_namespaces_have_nothing_in_common(make, engine):
    one, other = make(namespace="team-a"), make(namespace="team-b/sub")
    for provider in (one, other):
        provider.prepare()
    assert set(engine.keys) == {("team-a", "perusal"), ("team-b/sub", "perusal")}
    with pytest.raises(Unopenable):
        other.unwrap(one.wrap(KEY, CONTEXT), CONTEXT)


def test_an_address_may_have_a_prefix_and_a_mount_several_parts(engine):
    engine.mount = "security/transit"
    provider = TransitProvider(
        TransitHttp(
            address=f"http://localhost:{engine.port}/", token=lambda: TOKEN, mount="security/transit/"
        ),
        "k",
    )
    provider.prepare()
    assert engine.requests[-1][0] == "/v1/security/transit/keys/k"


def test_a_sealed_engine_is_down_and_comes_back(transit, engine):
    blob = transit.wrap(KEY, CONTEXT)
    engine.sealed = True
    with pytest.raises(ProviderDown):
        transit.unwrap(blob, CONTEXT)
    assert transit.health().code == "provider_down"
    engine.sealed = False
    assert transit.unwrap(blob, CONTEXT) == KEY


@pytest.mark.parametrize("status", [307, 412, 429, 472, 473, 500, 502, 503])
def test_every_state_of_not_being_ready_is_down(transit, engine, status):
    engine.forced = (status, b'{"errors": []}')
    with pytest.raises(ProviderDown):
        transit.wrap(KEY, CONTEXT)


STRANGE = [
    b"",
    b"no json",
    b"[]",
    b'{"data": null}',
    b'{"data": {"ciphertext": 5, "plaintext": 5}}',
    b'{"data": 3}',
]


@pytest.mark.parametrize("content", STRANGE)
def test_a_strange_answer_is_no_key(transit, engine, content):
    blob = transit.wrap(KEY, CONTEXT)
    engine.forced = (200, content)
    with pytest.raises(ProviderDown):
        transit.wrap(KEY, CONTEXT)
    with pytest.raises((ProviderDown, Unopenable)):
        transit.unwrap(blob, CONTEXT)


def test_a_plaintext_of_another_length_is_no_key(transit, engine):
    blob = transit.wrap(KEY, CONTEXT)
    engine.forced = (200, b'{"data": {"plaintext": "AAAA"}}')
    with pytest.raises(Unopenable):
        transit.unwrap(blob, CONTEXT)


def test_an_answer_without_end_is_cut_off(transit, engine):
    engine.forced = (200, b'{"data": {"ciphertext": "' + b"A" * 100_000 + b'"}}')
    with pytest.raises(ProviderDown):
        transit.wrap(KEY, CONTEXT)


def test_one_reset_connection_is_tried_again_and_two_are_not(transit, engine):
    engine.requests.clear()
    engine.hang_ups = 1
    transit.wrap(KEY, CONTEXT)
    assert len(engine.requests) == 2
    engine.hang_ups = 2
    with pytest.raises(ProviderDown):
        transit.wrap(KEY, CONTEXT)
    assert len(engine.requests) == 4


def test_a_rotation_is_never_sent_twice(transit, engine):
    engine.requests.clear()
    engine.hang_ups = 1
    with pytest.raises(ProviderDown):
        transit.rotate()
    assert len(engine.requests) == 1


def test_a_server_that_is_not_there_is_down(make):
    with deaf_port() as port:
        gone = make(address=f"http://127.0.0.1:{port}")
        with pytest.raises(ProviderDown):
            gone.wrap(KEY, CONTEXT)


def test_a_server_that_never_answers_is_down_after_the_time_out(make):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = make(address=f"http://127.0.0.1:{mute.getsockname()[1]}", timeout=0.1)
        with pytest.raises(ProviderDown):
            silent.wrap(KEY, CONTEXT)


BAD_PLACES = [
    {"address": "http://engine.example:8200"},
    {"address": "ftp://127.0.0.1"},
    {"address": "127.0.0.1:8200"},
    {"address": "https://"},
    {"address": "https://user@engine.example"},
    {"address": "https://engine.example/?query"},
    {"mount": "../sys"},
    {"mount": ""},
    {"namespace": "a b"},
]


@pytest.mark.parametrize("changes", BAD_PLACES, ids=lambda changes: "-".join(changes.values()) or "empty")
def test_a_place_that_is_not_allowed_is_refused_before_any_call(changes):
    given = {"address": "https://engine.example", "token": lambda: TOKEN}
    with pytest.raises(ValueError, match=r"address|plain|mount"):
        TransitHttp(**(given | changes))


@pytest.mark.parametrize("key", ["", "..", "a/b", "a?b", "a b", "ä"])
def test_a_name_that_would_change_the_path_is_refused(make, key):
    with pytest.raises(ValueError, match="key must be a name"):
        make(key=key)


def test_nothing_that_is_sent_or_answered_is_logged_or_shown(transit, caplog):
    with caplog.at_level(logging.DEBUG):
        blob = transit.wrap(KEY, CONTEXT)
        transit.unwrap(blob, CONTEXT)
    assert not caplog.records
    shown = str(transit.describe()) + repr(transit) + repr(transit._http)
    assert TOKEN not in shown


def test_it_is_a_healthy_provider_named_transit(transit, engine):
    assert isinstance(transit, Provider)
    assert transit.health().ok
    assert dict(transit.describe()) == {
        "provider": "transit",
        "root": "v1",
        "key": "perusal",
        "address": f"http://127.0.0.1:{engine.port}",
        "mount": "transit",
        "namespace": "",
    }


def authority(folder, name: str):
    """A self-signed certificate for this machine, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - dt.timedelta(hours=1))
        .not_valid_after(start + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / f"{name}.pem", folder / f"{name}.key"


def test_over_https_only_the_named_authority_is_trusted(tmp_path):
    certificate, key = authority(tmp_path, "engine")
    stranger, _ = authority(tmp_path, "stranger")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    engine = Engine(tokens={TOKEN: OPERATOR}, keys={("", "perusal"): NamedKey()})
    with transit_server(engine, tls=tls):
        place = {"address": f"https://127.0.0.1:{engine.port}", "token": lambda: TOKEN}
        trusted = TransitProvider(TransitHttp(**place, ca_file=certificate), "perusal")
        assert trusted.unwrap(trusted.wrap(KEY, CONTEXT), CONTEXT) == KEY
        for other in (stranger, None):
            with pytest.raises(ProviderDown):
                TransitProvider(TransitHttp(**place, ca_file=other), "perusal").wrap(KEY, CONTEXT)
        with pytest.raises(ProviderRefused):
            TransitProvider(TransitHttp(**place, ca_file=tmp_path / "none.pem"), "perusal").wrap(KEY, CONTEXT)
    assert len(engine.requests) == 2
