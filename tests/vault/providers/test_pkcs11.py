"""The root inside a security module, on a real SoftHSM2: a token of its own for every module of tests."""

import itertools
import subprocess
import sys
import threading

import pytest

from tests.vault.providers.soft_hsm import MISSING, MODULE, PIN, soft_hsm
from vault.providers.base import Provider, ProviderDown, ProviderRefused
from vault.sealing.sealed import Unopenable

if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

import pkcs11

from vault.providers.pkcs11 import Pkcs11Provider

KEY, CONTEXT = b"k" * 32, b"context"
_serial = itertools.count()


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    with soft_hsm(tmp_path_factory.mktemp("softhsm")) as label:
        yield label


@pytest.fixture
def make(token):
    key = f"root {next(_serial)}"

    def provider(**changes):
        given = {"module": MODULE, "token": token, "key": key, "pin": lambda: PIN}
        return Pkcs11Provider(**(given | changes))

    return provider


@pytest.fixture
def hsm(make):
    provider = make()
    provider.prepare()
    return provider


def objects(token, **attributes):
    with pkcs11.lib(str(MODULE)).get_token(token_label=token).open(user_pin=PIN) as session:
        return [
            {name: key[pkcs11.Attribute[name]] for name in attributes["show"]}
            for key in session.get_objects({pkcs11.Attribute.LABEL: attributes["label"]})
        ]


def test_a_wrapped_key_comes_back_under_its_context(hsm):
    assert hsm.unwrap(hsm.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_another_process_unwraps_it(hsm, make):
    assert make().unwrap(hsm.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_two_wraps_of_one_key_differ(hsm):
    assert hsm.wrap(KEY, CONTEXT) != hsm.wrap(KEY, CONTEXT)


@pytest.mark.parametrize("context", [b"", b"other", b"context "])
def test_the_token_authenticates_the_context(hsm, context):
    with pytest.raises(Unopenable):
        hsm.unwrap(hsm.wrap(KEY, CONTEXT), context)


def test_every_altered_byte_is_refused(hsm):
    blob = hsm.wrap(KEY, CONTEXT)
    for at in range(len(blob)):
        altered = bytearray(blob)
        altered[at] ^= 1
        with pytest.raises(Unopenable):
            hsm.unwrap(bytes(altered), CONTEXT)


@pytest.mark.parametrize("cut", [0, 1, 9, 68])
def test_a_cut_blob_is_refused(hsm, cut):
    blob = hsm.wrap(KEY, CONTEXT)
    for wrong in (blob[:cut], blob + b"\0"):
        with pytest.raises(Unopenable):
            hsm.unwrap(wrong, CONTEXT)
        with pytest.raises(Unopenable):
            hsm.version_of(wrong)


def test_the_root_cannot_leave_the_token(hsm, token):
    label = hsm.describe()["key"]
    (key,) = objects(
        token, label=label, show=["EXTRACTABLE", "NEVER_EXTRACTABLE", "SENSITIVE", "LOCAL", "WRAP"]
    )
    assert key == {
        "EXTRACTABLE": False,
        "NEVER_EXTRACTABLE": True,
        "SENSITIVE": True,
        "LOCAL": True,
        "WRAP": False,
    }
    with pytest.raises(pkcs11.AttributeSensitive):
        objects(token, label=label, show=["VALUE"])


def test_a_new_version_wraps_and_the_older_ones_still_unwrap(hsm):
    blobs = [hsm.wrap(KEY, CONTEXT)]
    for _ in range(2):
        hsm.rotate()
        blobs.append(hsm.wrap(KEY, CONTEXT))
    assert len({hsm.version_of(blob) for blob in blobs}) == 3
    assert all(hsm.unwrap(blob, CONTEXT) == KEY for blob in blobs)
    assert hsm.describe()["key"].endswith(".3")
    assert hsm.version_of(blobs[-1]) == hsm.describe()["root"]


def test_the_tenth_version_is_newer_than_the_ninth(hsm):
    for _ in range(9):
        hsm.rotate()
    assert hsm.describe()["key"].endswith(".10")


def test_another_process_wraps_under_the_new_version_at_once(hsm, make):
    other = make()
    hsm.rotate()
    assert other.version_of(other.wrap(KEY, CONTEXT)) == hsm.describe()["root"]


def test_two_names_in_one_token_have_nothing_in_common(hsm, make):
    other = make(key="another")
    other.prepare()
    with pytest.raises(Unopenable):
        other.unwrap(hsm.wrap(KEY, CONTEXT), CONTEXT)


def test_a_name_that_begins_like_ours_is_not_ours(hsm, make):
    longer = make(key=hsm.describe()["key"])
    longer.prepare()
    assert hsm.describe()["key"].count(".") == 1


def test_preparing_again_makes_no_second_root(hsm):
    before = hsm.describe()
    hsm.prepare()
    assert hsm.describe() == before


def test_without_a_root_nothing_is_made_by_wrapping(make):
    empty = make(key="nothing here")
    with pytest.raises(ProviderRefused):
        empty.wrap(KEY, CONTEXT)
    with pytest.raises(ProviderRefused):
        empty.describe()
    assert empty.health().code == "provider_refused"


def test_a_destroyed_root_opens_nothing(hsm, token):
    blob = hsm.wrap(KEY, CONTEXT)
    label = hsm.describe()["key"]
    with pkcs11.lib(str(MODULE)).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
        for key in list(session.get_objects({pkcs11.Attribute.LABEL: label})):
            key.destroy()
    with pytest.raises(Unopenable):
        hsm.unwrap(blob, CONTEXT)


def test_an_absent_token_is_down_and_not_refused(make):
    absent = make(token="no such token")
    with pytest.raises(ProviderDown):
        absent.wrap(KEY, CONTEXT)
    assert absent.health().code == "provider_down"


def test_a_library_that_is_none_is_refused(make, tmp_path):
    (tmp_path / "library.so").write_bytes(b"no library")
    with pytest.raises(ProviderRefused):
        make(module=tmp_path / "library.so").wrap(KEY, CONTEXT)


def test_a_refused_pin_is_not_tried_again_so_that_the_token_does_not_lock(make, hsm):
    asked = []

    def wrong():
        asked.append(1)
        return "00000000"

    locked_out = make(pin=wrong)
    for _ in range(20):
        with pytest.raises(ProviderRefused) as refusal:
            locked_out.wrap(KEY, CONTEXT)
        assert "00000000" not in str(refusal.value)
    assert len(asked) == 1
    assert hsm.health().ok


def test_calls_of_many_threads_take_turns(hsm):
    results = []

    def work():
        blob = hsm.wrap(KEY, CONTEXT)
        results.append(hsm.unwrap(blob, CONTEXT))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [KEY] * 8


def test_it_is_a_healthy_provider_that_tells_no_pin(hsm):
    assert isinstance(hsm, Provider)
    assert hsm.name == "pkcs11"
    assert hsm.health().ok
    assert PIN not in str(hsm.describe()) + repr(hsm)


def test_without_the_extra_the_refusal_names_it():
    program = (
        "import sys\n"
        "sys.modules['pkcs11'] = None\n"
        "from vault.providers.base import MissingExtra\n"
        "try:\n"
        "    import vault.providers.pkcs11\n"
        "except MissingExtra as error:\n"
        "    print(error.code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("missing_extra")
    assert '"pkcs11"' in done.stdout
