"""The root inside a key management service, against the local server of its documented API (kms_server.py)."""

import base64
import logging
import subprocess
import sys

import pytest

from tests.receiver import deaf_port
from tests.vault.providers.kms_server import REGION, KeyService, Refusal, arn, kms_server
from vault.providers.base import Provider, ProviderDown, ProviderRefused, RotationUnsupported
from vault.sealing.sealed import Unopenable

pytest.importorskip("boto3", reason='the extra "aws" is not installed')

from vault.providers.kms import KmsProvider

KEY, CONTEXT = b"k" * 32, b"context"
ACCESS, SECRET = "AKIDTESTACCESSKEY", "test-secret-key"


@pytest.fixture
def service():
    with kms_server(KeyService(access_key=ACCESS, secret_key=SECRET)) as running:
        running.add("alias/perusal")
        yield running


@pytest.fixture
def make(service, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    def provider(**changes):
        given = {
            "key": "alias/perusal",
            "region": REGION,
            "endpoint_url": f"http://127.0.0.1:{service.port}",
            "timeout": 60.0,
        }
        return KmsProvider(**(given | changes))

    return provider


@pytest.fixture
def kms(make):
    return make()


def test_a_wrapped_key_comes_back_under_its_context(kms):
    assert kms.unwrap(kms.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_two_wraps_of_one_key_differ(kms):
    assert kms.wrap(KEY, CONTEXT) != kms.wrap(KEY, CONTEXT)


@pytest.mark.parametrize("context", [b"", b"other", b"context "])
def test_the_service_authenticates_the_context(kms, context):
    with pytest.raises(Unopenable):
        kms.unwrap(kms.wrap(KEY, CONTEXT), context)


def test_the_context_is_sent_as_encryption_context_under_our_name(kms, service):
    kms.wrap(KEY, CONTEXT)
    operation, body = service.requests[-1]
    assert operation == "Encrypt"
    assert set(body["EncryptionContext"]) == {"perusal"}
    assert base64.b64decode(body["EncryptionContext"]["perusal"]) == b"\x01" + CONTEXT


def test_every_altered_byte_is_refused(kms):
    blob = kms.wrap(KEY, CONTEXT)
    for at in range(len(blob)):
        altered = bytearray(blob)
        altered[at] ^= 1
        with pytest.raises(Unopenable):
            kms.unwrap(bytes(altered), CONTEXT)


def test_a_cut_or_endless_blob_is_refused_before_any_call(kms, service):
    blob = kms.wrap(KEY, CONTEXT)
    end = 3 + int.from_bytes(blob[1:3])
    service.requests.clear()
    for wrong in (b"", blob[:1], blob[:40], blob[:end], blob + bytes(7_000)):
        with pytest.raises(Unopenable):
            kms.unwrap(wrong, CONTEXT)
    assert not service.requests


def test_a_blob_says_which_key_wrapped_it(kms, service):
    expected = arn(service.aliases["alias/perusal"])
    assert kms.version_of(kms.wrap(KEY, CONTEXT)) == expected
    assert kms.describe()["root"] == expected


def test_a_key_of_the_service_that_is_not_configured_opens_nothing_here(make, service):
    service.add("alias/stranger")
    planted = make(key="alias/stranger").wrap(KEY, CONTEXT)
    with pytest.raises(Unopenable):
        make().unwrap(planted, CONTEXT)


def test_another_root_is_configured_and_the_old_one_still_unwraps(make, service):
    blob = make().wrap(KEY, CONTEXT)
    service.add("alias/next")
    moved = make(key="alias/next", also=["alias/perusal"])
    assert moved.unwrap(blob, CONTEXT) == KEY
    again = moved.wrap(KEY, CONTEXT)
    assert moved.version_of(again) != moved.version_of(blob)
    assert moved.unwrap(again, CONTEXT) == KEY
    with pytest.raises(Unopenable):
        make(key="alias/next").unwrap(blob, CONTEXT)


def test_with_an_arn_no_right_to_describe_is_needed(make, service):
    service.allowed = {"Encrypt", "Decrypt"}
    given = make(key=arn(service.aliases["alias/perusal"]))
    assert given.unwrap(given.wrap(KEY, CONTEXT), CONTEXT) == KEY
    assert given.health().ok


def test_its_material_is_renewed_by_the_service_and_not_by_us(kms):
    with pytest.raises(RotationUnsupported):
        kms.rotate()


def test_preparing_looks_the_key_up_and_makes_none(make, service):
    make().prepare()
    with pytest.raises(ProviderRefused):
        make(key="alias/nothing").prepare()
    assert len(service.keys) == 1


REFUSED = ["AccessDeniedException", "NotFoundException", "DisabledException", "KMSInvalidStateException"]


@pytest.mark.parametrize("code", REFUSED)
def test_what_an_operator_must_mend_is_refused_with_the_services_code(kms, service, code):
    service.failing = Refusal(code)
    with pytest.raises(ProviderRefused) as refusal:
        kms.wrap(KEY, CONTEXT)
    assert code in str(refusal.value)
    assert "canary-message" not in str(refusal.value)


@pytest.mark.parametrize("status", [400, 500])
def test_a_busy_service_is_down(kms, service, status):
    service.failing = Refusal("KMSInternalException", status)
    with pytest.raises(ProviderDown):
        kms.wrap(KEY, CONTEXT)
    assert kms.health().code == "provider_down"


def test_a_wrong_signature_is_refused(make, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(ProviderRefused) as refusal:
        make().wrap(KEY, CONTEXT)
    assert "InvalidSignatureException" in str(refusal.value)


def test_without_credentials_it_is_refused_and_nothing_is_sent(make, service, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(ProviderRefused):
        make().wrap(KEY, CONTEXT)
    with pytest.raises(ProviderRefused):
        make(profile="nobody")
    assert not service.requests


def test_a_service_that_is_not_there_is_down(make):
    with deaf_port() as port, pytest.raises(ProviderDown):
        make(endpoint_url=f"http://127.0.0.1:{port}").wrap(KEY, CONTEXT)


def test_plain_http_is_for_this_machine_only(make):
    with pytest.raises(ValueError, match="https"):
        make(endpoint_url="http://kms.example")


def test_even_the_most_talkative_logging_shows_no_key(kms, caplog):
    with caplog.at_level(logging.DEBUG):
        kms.unwrap(kms.wrap(KEY, CONTEXT), CONTEXT)
    assert base64.b64encode(KEY).decode() not in caplog.text
    assert repr(KEY) not in caplog.text


def test_it_is_a_healthy_provider_that_tells_no_secret(kms):
    assert isinstance(kms, Provider)
    assert kms.name == "kms"
    assert kms.health().ok
    assert SECRET not in str(kms.describe()) + repr(kms)


def test_without_the_extra_the_refusal_names_it():
    program = (
        "import sys\n"
        "sys.modules['boto3'] = None\n"
        "from vault.providers.base import MissingExtra\n"
        "try:\n"
        "    import vault.providers.kms\n"
        "except MissingExtra as error:\n"
        "    print(error.code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing_extra")
    assert '"aws"' in done.stdout
