"""The local provider: what it wraps, its file under a passphrase, and changing root or passphrase."""

import stat

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.providers.base import Provider, RotationUnsupported, SealedError
from vault.providers.local import (
    ChangePending,
    EmptyPassphrase,
    LocalProvider,
    MalformedRoot,
    NothingPending,
    RootChanged,
    RootExists,
    WrongPassphrase,
    adopt_root,
    create_root,
    discard_new,
    follow_root,
    is_pending,
    new_root,
    open_root,
    open_roots,
    reseal,
    root_id,
)
from vault.providers.passphrase import Argon2Cost, ScryptCost
from vault.providers.root_file import pending_path
from vault.sealing.sealed import Unopenable

SCRYPT = ScryptCost(work=15)
ARGON2 = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)
COSTS = {"scrypt": SCRYPT, "argon2id": ARGON2}
KEY, CONTEXT = b"k" * 32, b"context"
FIRST_RELEASE = (
    "7065727573616c010f08010060b6634f7b0d4854d69a9b3ca6137db6c2fd8ba1a9da62331236b8030952f6e9"
    "f98a33568a108bc5d0e02ca08ba2149edede13f60c2e41f6fd37c1de9ead90aa704b4e4099d3546706ca11bd"
)


@pytest.fixture(scope="module", params=COSTS)
def root(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("root") / "root.key"
    create_root(path, "pass phrase", cost=COSTS[request.param])
    return path


@pytest.fixture(scope="module")
def local(root):
    return open_root(root, "pass phrase")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "root.key"
    create_root(path, "pass phrase", cost=ARGON2)
    return path


def test_a_wrapped_key_comes_back_under_its_context(local):
    assert local.unwrap(local.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_two_wraps_of_one_key_differ(local):
    assert local.wrap(KEY, b"") != local.wrap(KEY, b"")


def test_a_wrapped_key_does_not_unwrap_under_another_context_or_root(local):
    blob = local.wrap(KEY, CONTEXT)
    with pytest.raises(Unopenable):
        local.unwrap(blob, b"other")
    with pytest.raises(Unopenable):
        LocalProvider(bytes(32)).unwrap(blob, CONTEXT)


def test_a_root_id_cannot_be_exchanged_for_another(local):
    blob = local.wrap(KEY, CONTEXT)
    both = LocalProvider(local.roots[0], bytes(32))
    with pytest.raises(Unopenable):
        both.unwrap(blob[:1] + root_id(bytes(32)) + blob[9:], CONTEXT)


ALTERED_KEYS = {
    "cut": lambda blob: blob[:-1],
    "older version": lambda blob: b"\1" + blob[1:],
    "unknown version": lambda blob: b"\3" + blob[1:],
    "empty": lambda blob: blob[:0],
    "other root id": lambda blob: blob[:1] + bytes(8) + blob[9:],
    "other tag": lambda blob: blob[:-1] + bytes((blob[-1] ^ 1,)),
}


@pytest.mark.parametrize("name", ALTERED_KEYS)
def test_altered_wrapped_keys_are_refused(local, name):
    blob = local.wrap(KEY, CONTEXT)
    with pytest.raises(Unopenable):
        local.unwrap(ALTERED_KEYS[name](blob), CONTEXT)


def test_a_key_wrapped_before_blobs_named_their_root_still_unwraps():
    nonce = b"n" * 12
    older = b"\1" + nonce + AESGCM(b"r" * 32).encrypt(nonce, KEY, CONTEXT)
    provider = LocalProvider(bytes(32), b"r" * 32)
    assert provider.unwrap(older, CONTEXT) == KEY
    assert provider.version_of(older) == "unmarked"
    with pytest.raises(Unopenable):
        provider.unwrap(older, b"other")


def test_a_blob_says_which_root_wrapped_it(local):
    version = local.version_of(local.wrap(KEY, CONTEXT))
    assert version == local.describe()["root"]
    assert version != LocalProvider(bytes(32)).describe()["root"]


def test_the_root_is_the_same_after_every_opening(root, local):
    assert open_root(root, "pass phrase").unwrap(local.wrap(KEY, b"c"), b"c") == KEY


def test_a_wrong_passphrase_is_refused_with_its_own_code(root):
    with pytest.raises(SealedError) as refusal:
        open_root(root, "pass phrase ")
    assert refusal.value.code == "wrong_passphrase"
    assert "pass phrase" not in str(refusal.value)


def test_a_passphrase_typed_decomposed_is_the_same_passphrase(tmp_path):
    create_root(tmp_path / "root", "caf\u00e9", cost=ARGON2)
    open_root(tmp_path / "root", "cafe\u0301")


@pytest.mark.parametrize("at", [20, 34, -40, -1])
def test_an_altered_root_file_does_not_open(root, tmp_path, at):
    raw = bytearray(root.read_bytes())
    raw[at] ^= 1
    (tmp_path / "root").write_bytes(raw)
    with pytest.raises(WrongPassphrase):
        open_root(tmp_path / "root", "pass phrase")


NO_ROOT_FILES = {
    "empty": lambda raw: raw[:0],
    "magic only": lambda raw: raw[:8],
    "cut": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"\0",
    "far too long": lambda raw: raw + bytes(70_000),
    "other magic": lambda raw: b"Perusal\x01" + raw[8:],
    "other version": lambda raw: raw[:7] + bytes((raw[7] ^ 3,)) + raw[8:],
    "unknown version": lambda raw: raw[:7] + b"\7" + raw[8:],
}
BAD_COSTS = {
    "scrypt beyond reason": (SCRYPT, 8, b"\x1e"),
    "scrypt too cheap": (SCRYPT, 8, b"\x0a"),
    "scrypt of another block size": (SCRYPT, 9, b"\xff"),
    "argon2 beyond reason": (ARGON2, 8, b"\x01"),
    "argon2 too cheap": (ARGON2, 8, b"\0\0\x10\0"),
    "argon2 without iterations": (ARGON2, 12, b"\0"),
    "argon2 of many iterations": (ARGON2, 12, b"\xff"),
    "argon2 without lanes": (ARGON2, 13, b"\0"),
    "argon2 with something after it": (ARGON2, 15, b"\1"),
}


@pytest.mark.parametrize("name", NO_ROOT_FILES)
def test_what_is_no_root_file_is_refused(root, tmp_path, name):
    (tmp_path / "root").write_bytes(NO_ROOT_FILES[name](root.read_bytes()))
    with pytest.raises(MalformedRoot):
        open_root(tmp_path / "root", "pass phrase")


@pytest.mark.parametrize("name", BAD_COSTS)
def test_a_file_that_asks_for_other_work_is_refused_before_any_of_it(tmp_path, name):
    cost, at, change = BAD_COSTS[name]
    create_root(tmp_path / "root", "pass phrase", cost=cost)
    raw = (tmp_path / "root").read_bytes()
    (tmp_path / "root").write_bytes(raw[:at] + change + raw[at + len(change) :])
    with pytest.raises(MalformedRoot):
        open_root(tmp_path / "root", "pass phrase")


def test_a_missing_root_file_is_refused(tmp_path):
    with pytest.raises(MalformedRoot):
        open_root(tmp_path / "nothing", "pass phrase")


def test_a_root_file_is_never_overwritten(root):
    before = root.read_bytes()
    with pytest.raises(RootExists):
        create_root(root, "another", cost=ARGON2)
    assert root.read_bytes() == before


def test_only_the_owner_may_read_the_root_file_and_nothing_lies_beside_it(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_passphrase_is_refused(root, tmp_path):
    with pytest.raises(EmptyPassphrase):
        create_root(tmp_path / "root", "")
    with pytest.raises(EmptyPassphrase):
        open_root(root, "")
    assert not (tmp_path / "root").exists()


BAD_ARGUMENTS = [
    (ScryptCost, {"work": 14}),
    (ScryptCost, {"work": 21}),
    (Argon2Cost, {"memory_kib": 19_455}),
    (Argon2Cost, {"memory_kib": 1_048_577}),
    (Argon2Cost, {"iterations": 0}),
    (Argon2Cost, {"iterations": 11}),
    (Argon2Cost, {"lanes": 0}),
    (Argon2Cost, {"lanes": 17}),
]


@pytest.mark.parametrize(("kind", "values"), BAD_ARGUMENTS)
def test_too_little_or_too_much_stretching_is_refused(kind, values):
    with pytest.raises(ValueError, match="between"):
        kind(**values)


def test_a_new_root_file_is_stretched_with_argon2id_unless_told_otherwise(tmp_path):
    create_root(tmp_path / "root", "pass phrase")
    assert (tmp_path / "root").read_bytes()[:8] == b"perusal\x02"
    create_root(tmp_path / "older", "pass phrase", cost=SCRYPT)
    assert (tmp_path / "older").read_bytes()[:8] == b"perusal\x01"
    assert "scrypt" in str(SCRYPT)
    assert "argon2id" in str(ARGON2)


def test_a_root_file_of_the_first_version_opens_for_ever(tmp_path):
    """Written by the first release: passphrase "pass phrase", root of 32 bytes 0x07."""
    (tmp_path / "root").write_bytes(bytes.fromhex(FIRST_RELEASE))
    assert open_root(tmp_path / "root", "pass phrase").roots == (b"\7" * 32,)


def test_it_is_a_healthy_provider_named_local_that_shows_no_key(local):
    assert isinstance(local, Provider)
    assert local.name == "local"
    assert local.health().ok
    assert local.roots[0].hex() not in str(local.describe()) + repr(local)


def test_its_root_does_not_rotate_by_itself(local):
    with pytest.raises(RotationUnsupported):
        local.rotate()


def test_a_new_passphrase_opens_the_same_root_and_the_old_one_nothing(path):
    before = open_root(path, "pass phrase")
    blob = before.wrap(KEY, CONTEXT)
    reseal(path, before, "another", cost=SCRYPT)
    assert open_root(path, "another").unwrap(blob, CONTEXT) == KEY
    with pytest.raises(WrongPassphrase):
        open_root(path, "pass phrase")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_refused_passphrase_leaves_the_file_as_it_was(path):
    before = path.read_bytes()
    with pytest.raises(EmptyPassphrase):
        reseal(path, open_root(path, "pass phrase"), "", cost=ARGON2)
    assert path.read_bytes() == before


def test_a_change_of_root_opens_both_until_it_is_adopted(path):
    before = open_root(path, "pass phrase").wrap(KEY, CONTEXT)
    pending = new_root(path, "pass phrase", cost=ARGON2)
    roots = open_roots(path, "pass phrase")
    assert roots.current.unwrap(before, CONTEXT) == KEY
    assert roots.pending.unwrap(pending.wrap(KEY, CONTEXT), CONTEXT) == KEY
    with pytest.raises(Unopenable):
        roots.current.unwrap(pending.wrap(KEY, CONTEXT), CONTEXT)


def test_who_opens_in_the_middle_of_a_change_reads_what_either_root_wrapped(path):
    before = open_root(path, "pass phrase").wrap(KEY, CONTEXT)
    after = new_root(path, "pass phrase", cost=ARGON2).wrap(KEY, CONTEXT)
    opened = open_root(path, "pass phrase")
    for blob in (before, after):
        assert opened.unwrap(blob, CONTEXT) == KEY


def test_nothing_is_wrapped_under_a_root_that_is_being_replaced_or_was(path):
    fixed, living = open_root(path, "pass phrase"), follow_root(path, lambda: "pass phrase")
    pending = new_root(path, "pass phrase", cost=ARGON2)
    for provider in (fixed, living, open_root(path, "pass phrase")):
        with pytest.raises(ChangePending):
            provider.wrap(KEY, CONTEXT)
    adopt_root(path)
    with pytest.raises(RootChanged):
        fixed.wrap(KEY, CONTEXT)
    assert pending.unwrap(living.wrap(KEY, CONTEXT), CONTEXT) == KEY


def test_an_adopted_root_is_the_only_one(path):
    before = open_root(path, "pass phrase").wrap(KEY, CONTEXT)
    pending = new_root(path, "second", cost=ARGON2)
    assert is_pending(path)
    adopt_root(path)
    assert not is_pending(path)
    opened = open_root(path, "second")
    assert opened.unwrap(pending.wrap(KEY, CONTEXT), CONTEXT) == KEY
    with pytest.raises(Unopenable):
        opened.unwrap(before, CONTEXT)
    with pytest.raises(WrongPassphrase):
        open_root(path, "pass phrase")


def test_a_discarded_root_leaves_the_old_one(path):
    before = path.read_bytes()
    new_root(path, "pass phrase", cost=ARGON2)
    discard_new(path)
    assert path.read_bytes() == before
    assert open_roots(path, "pass phrase").pending is None


def test_the_new_passphrase_alone_opens_the_root_that_is_to_come(path):
    new_root(path, "second", cost=ARGON2)
    roots = open_roots(path, "second")
    assert roots.current is None
    assert roots.pending is not None
    with pytest.raises(WrongPassphrase):
        open_roots(path, "third")


def test_a_change_that_was_begun_is_neither_begun_again_nor_overtaken(path):
    provider = open_root(path, "pass phrase")
    new_root(path, "pass phrase", cost=ARGON2)
    before = pending_path(path).read_bytes()
    with pytest.raises(ChangePending):
        new_root(path, "pass phrase", cost=ARGON2)
    with pytest.raises(ChangePending):
        reseal(path, provider, "another", cost=ARGON2)
    assert pending_path(path).read_bytes() == before


@pytest.mark.parametrize("act", [adopt_root, discard_new])
def test_without_a_change_there_is_nothing_to_adopt_or_discard(path, act):
    before = path.read_bytes()
    with pytest.raises(NothingPending):
        act(path)
    assert path.read_bytes() == before


def test_a_process_that_lives_on_follows_a_change_of_root(path):
    asked = []

    def passphrase():
        asked.append(1)
        return "pass phrase"

    living = follow_root(path, passphrase)
    pending = new_root(path, "pass phrase", cost=ARGON2)
    blob = pending.wrap(KEY, CONTEXT)
    assert living.unwrap(blob, CONTEXT) == KEY
    adopt_root(path)
    assert living.unwrap(blob, CONTEXT) == KEY
    assert len(asked) == 2
    with pytest.raises(Unopenable):
        living.unwrap(LocalProvider(bytes(32)).wrap(KEY, CONTEXT), CONTEXT)


def test_a_process_without_the_means_to_open_again_refuses_a_newer_root(path):
    fixed = open_root(path, "pass phrase")
    with pytest.raises(Unopenable):
        fixed.unwrap(new_root(path, "pass phrase", cost=ARGON2).wrap(KEY, CONTEXT), CONTEXT)
