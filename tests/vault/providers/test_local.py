"""The local provider: one file, one passphrase."""

import stat

import pytest

from vault.providers.base import Provider, SealedError
from vault.providers.local import (
    ROOT_FILE_BYTES,
    EmptyPassphrase,
    LocalProvider,
    MalformedRoot,
    RootExists,
    WrongPassphrase,
    create_root,
    open_root,
)
from vault.sealed import Unopenable


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("root") / "root.key"
    create_root(path, "pass phrase", work=15)
    return path


@pytest.fixture(scope="module")
def local(root):
    return open_root(root, "pass phrase")


def test_a_wrapped_key_comes_back_under_its_context(local):
    assert local.unwrap(local.wrap(b"k" * 32, b"context"), b"context") == b"k" * 32


def test_two_wraps_of_one_key_differ(local):
    assert local.wrap(b"k" * 32, b"") != local.wrap(b"k" * 32, b"")


def test_a_wrapped_key_does_not_unwrap_under_another_context_or_root(local):
    blob = local.wrap(b"k" * 32, b"context")
    with pytest.raises(Unopenable):
        local.unwrap(blob, b"other")
    with pytest.raises(Unopenable):
        LocalProvider(bytes(32)).unwrap(blob, b"context")


ALTERED_KEYS = {
    "cut": lambda blob: blob[:-1],
    "other version": lambda blob: b"\2" + blob[1:],
    "empty": lambda blob: blob[:0],
    "other tag": lambda blob: blob[:-1] + bytes((blob[-1] ^ 1,)),
}


@pytest.mark.parametrize("name", ALTERED_KEYS)
def test_altered_wrapped_keys_are_refused(local, name):
    blob = local.wrap(b"k" * 32, b"context")
    with pytest.raises(Unopenable):
        local.unwrap(ALTERED_KEYS[name](blob), b"context")


def test_the_root_is_the_same_after_every_opening(root, local):
    again = open_root(root, "pass phrase")
    assert again.unwrap(local.wrap(b"k" * 32, b"c"), b"c") == b"k" * 32


def test_a_wrong_passphrase_is_refused_with_its_own_code(root):
    with pytest.raises(SealedError) as refusal:
        open_root(root, "pass phrase ")
    assert refusal.value.code == "wrong_passphrase"
    assert "pass phrase" not in str(refusal.value)


def test_a_passphrase_typed_decomposed_is_the_same_passphrase(tmp_path):
    create_root(tmp_path / "root", "caf\u00e9", work=15)
    open_root(tmp_path / "root", "cafe\u0301")


@pytest.mark.parametrize("at", [16, 30, 60, 87])
def test_an_altered_root_file_does_not_open(root, tmp_path, at):
    raw = bytearray(root.read_bytes())
    raw[at] ^= 1
    (tmp_path / "root").write_bytes(raw)
    with pytest.raises(WrongPassphrase):
        open_root(tmp_path / "root", "pass phrase")


NO_ROOT_FILES = {
    "empty": lambda raw: raw[:0],
    "cut": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"\0",
    "other magic": lambda raw: b"Perusal\x01" + raw[8:],
    "other version": lambda raw: raw[:7] + b"\2" + raw[8:],
    "work beyond reason": lambda raw: raw[:8] + b"\x1e" + raw[9:],
    "too little work": lambda raw: raw[:8] + b"\x0a" + raw[9:],
    "other block size": lambda raw: raw[:9] + b"\xff" + raw[10:],
}


@pytest.mark.parametrize("name", NO_ROOT_FILES)
def test_what_is_no_root_file_is_refused_before_any_heavy_work(root, tmp_path, name):
    (tmp_path / "root").write_bytes(NO_ROOT_FILES[name](root.read_bytes()))
    with pytest.raises(MalformedRoot):
        open_root(tmp_path / "root", "pass phrase")


def test_a_missing_root_file_is_refused(tmp_path):
    with pytest.raises(MalformedRoot):
        open_root(tmp_path / "nothing", "pass phrase")


def test_a_root_file_is_never_overwritten(root):
    before = root.read_bytes()
    with pytest.raises(RootExists):
        create_root(root, "another", work=15)
    assert root.read_bytes() == before


def test_only_the_owner_may_read_the_root_file(root):
    assert stat.S_IMODE(root.stat().st_mode) == 0o600
    assert root.stat().st_size == ROOT_FILE_BYTES


def test_an_empty_passphrase_is_refused(root, tmp_path):
    with pytest.raises(EmptyPassphrase):
        create_root(tmp_path / "root", "")
    with pytest.raises(EmptyPassphrase):
        open_root(root, "")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("work", [14, 21])
def test_too_little_or_too_much_stretching_is_refused(tmp_path, work):
    with pytest.raises(ValueError, match="work"):
        create_root(tmp_path / "root", "pass phrase", work=work)


def test_it_is_a_provider_named_local(local):
    assert isinstance(local, Provider)
    assert local.name == "local"
