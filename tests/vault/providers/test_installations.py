"""A whole vault over each kind of provider: what was enrolled is read again, and not at all without the root."""

from contextlib import contextmanager

import pytest

from tests.vault.people.made_up import enrol
from tests.vault.providers.kms_server import REGION, KeyService, kms_server
from tests.vault.providers.soft_hsm import MISSING, MODULE, PIN, soft_hsm
from tests.vault.providers.transit_server import Engine, transit_server
from vault.errors import VaultError
from vault.opening import create_vault, open_vault
from vault.providers.shamir import ShareCollector, create_root_shares
from vault.providers.transit import TransitProvider
from vault.providers.transit_http import TransitHttp
from vault.reading.records import masked


@contextmanager
def by_shares(folder, monkeypatch):
    shares = create_root_shares(folder / "root", 2, 3)

    def make():
        collector = ShareCollector(folder / "root")
        for share in shares[1:]:
            collector.add(share)
        return collector.provider()

    yield make, None


@contextmanager
def by_pkcs11(folder, monkeypatch):
    if MISSING:
        pytest.skip(MISSING)
    from vault.providers.pkcs11 import Pkcs11Provider

    with soft_hsm(folder) as token:
        yield lambda: Pkcs11Provider(module=MODULE, token=token, key="root", pin=lambda: PIN), None


@contextmanager
def by_transit(folder, monkeypatch):
    with transit_server(Engine(tokens={"token": {"encrypt", "decrypt", "keys", "keys/rotate"}})) as engine:
        http = TransitHttp(address=f"http://127.0.0.1:{engine.port}", token=lambda: "token")

        def away():
            engine.sealed = True

        yield lambda: TransitProvider(http, "perusal"), away


@contextmanager
def by_kms(folder, monkeypatch):
    pytest.importorskip("boto3", reason='the extra "aws" is not installed')
    from vault.providers.kms import KmsProvider

    for name, value in (("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")):
        monkeypatch.setenv(name, value)
    with kms_server(KeyService(access_key="AKID", secret_key="secret")) as service:
        service.add("alias/perusal")

        def away():
            service.allowed.clear()

        url = f"http://127.0.0.1:{service.port}"
        yield lambda: KmsProvider(key="alias/perusal", region=REGION, endpoint_url=url), away


KINDS = {"shares": by_shares, "pkcs11": by_pkcs11, "transit": by_transit, "kms": by_kms}


@pytest.fixture(params=KINDS)
def root(request, tmp_path, monkeypatch):
    """A function that opens the provider as a new process would, and one that takes the root away."""
    with KINDS[request.param](tmp_path, monkeypatch) as pair:
        yield pair


@pytest.fixture
def person(root, backend, now):
    make, _ = root
    provider = make()
    provider.prepare()
    made = create_vault(
        backend.data, backend.keys, provider, buckets=2, ledger_host="ledger.example", now_ms=now
    )
    (one,) = enrol(made, range(1), now)
    return one


def test_what_was_enrolled_is_read_by_another_process(root, backend, person):
    make, _ = root
    again = open_vault(backend.data, backend.keys, make())
    assert masked(again, person.subject, ["phone"]) == {"phone": "199****0000"}


@pytest.mark.parametrize("root", ["pkcs11", "transit"], indirect=True)
def test_it_is_still_read_after_the_root_was_renewed(root, backend, person):
    make, _ = root
    make().rotate()
    again = open_vault(backend.data, backend.keys, make())
    assert masked(again, person.subject, ["phone"]) == {"phone": "199****0000"}


@pytest.mark.parametrize("root", ["transit", "kms"], indirect=True)
def test_without_the_root_it_does_not_open(root, backend, person):
    make, away = root
    away()
    with pytest.raises(VaultError) as refusal:
        open_vault(backend.data, backend.keys, make())
    assert refusal.value.code in {"provider_down", "provider_refused", "keys_unavailable"}
