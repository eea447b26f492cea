"""The root key under shares: collecting them, naming wrong ones, and changing the root with them."""

import itertools
import stat

import pytest

from vault.providers.base import SealedError
from vault.providers.local import (
    ChangePending,
    MalformedRoot,
    NeedsShares,
    RootExists,
    adopt_root,
    create_root,
    discard_new,
    needs_shares,
    new_root,
    open_root,
    open_roots,
)
from vault.providers.passphrase import Argon2Cost
from vault.providers.shamir import (
    DuplicateShare,
    ForeignShare,
    NotEnoughShares,
    ShareCollector,
    StaleShare,
    WrongShare,
    create_root_shares,
    new_root_shares,
    parse_share_file,
)
from vault.providers.shares import MalformedShare, Share, decode_share, encode_share
from vault.sealing.sealed import Unopenable

CHEAP = Argon2Cost(memory_kib=19_456, iterations=1, lanes=1)
KEY, CONTEXT = b"k" * 32, b"context"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "root.key"


@pytest.fixture
def shares(path):
    return create_root_shares(path)


def collected(path, texts):
    collector = ShareCollector(path)
    for text in texts:
        collector.add(text)
    return collector


def forged(text: str, **changes) -> str:
    share = decode_share(text)
    known = {name: getattr(share, name) for name in ("set_id", "k", "n", "x", "y")}
    return encode_share(Share(**(known | changes)))


def test_three_of_five_shares_open_the_root_whichever_they_are(path, shares):
    blob = collected(path, shares[:3]).provider().wrap(KEY, CONTEXT)
    for chosen in itertools.combinations(shares, 3):
        assert collected(path, chosen).provider().unwrap(blob, CONTEXT) == KEY


def test_progress_counts_up_to_what_is_needed(path, shares):
    collector = ShareCollector(path)
    assert tuple(collector.progress()) == (0, 3)
    steps = [collector.add(text) for text in shares[1:4]]
    assert [tuple(step) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert [step.complete for step in steps] == [False, False, True]
    assert collector.progress().complete


def test_two_shares_do_not_open_it(path, shares):
    with pytest.raises(NotEnoughShares):
        collected(path, shares[:2]).provider()


def test_more_shares_than_needed_do_no_harm(path, shares):
    blob = collected(path, shares).provider().wrap(KEY, CONTEXT)
    assert collected(path, shares[2:]).provider().unwrap(blob, CONTEXT) == KEY


def test_the_same_share_twice_counts_once(path, shares):
    collector = collected(path, shares[:1])
    with pytest.raises(DuplicateShare):
        collector.add(shares[0].upper())
    assert collector.progress().got == 1


def test_an_altered_share_is_named_by_its_number_before_anything_is_combined(path, shares):
    collector = collected(path, shares[:2])
    with pytest.raises(WrongShare) as refusal:
        collector.add(forged(shares[3], y=bytes(32)))
    assert refusal.value.number == 4
    assert "4" in str(refusal.value)
    assert collector.progress().got == 2
    assert collector.add(shares[3]).complete


@pytest.mark.parametrize("changes", [{"k": 2}, {"n": 6}, {"x": 5}, {"n": 9, "x": 9}])
def test_a_share_that_lies_about_its_numbers_is_refused(path, shares, changes):
    with pytest.raises(WrongShare):
        ShareCollector(path).add(forged(shares[0], **changes))


def test_a_share_of_another_installation_is_foreign(path, shares, tmp_path):
    others = create_root_shares(tmp_path / "other")
    with pytest.raises(ForeignShare):
        ShareCollector(path).add(others[0])


def test_what_is_no_share_changes_nothing(path, shares):
    collector = collected(path, shares[:2])
    with pytest.raises(MalformedShare):
        collector.add("pss_nonsense")
    assert collector.progress().got == 2


def test_every_refusal_is_a_sealed_error_with_a_code_of_its_own():
    kinds = {DuplicateShare, ForeignShare, MalformedShare, NotEnoughShares, StaleShare, WrongShare}
    assert all(issubclass(kind, SealedError) for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_no_refusal_repeats_the_share(path, shares):
    for text in (forged(shares[0], y=bytes(32)), shares[0][:-1]):
        with pytest.raises(SealedError) as refusal:
            ShareCollector(path).add(text)
        assert text[4:20] not in str(refusal.value)


def test_the_root_file_is_its_owners_only_and_never_overwritten(path, shares):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(RootExists):
        create_root_shares(path)
    assert path.read_bytes() == before


def test_the_root_file_holds_neither_root_nor_share(path, shares):
    raw = path.read_bytes()
    provider = collected(path, shares[:3]).provider()
    assert provider.roots[0] not in raw
    assert not any(decode_share(text).y in raw for text in shares)


def test_two_roots_have_nothing_in_common(path, shares, tmp_path):
    again = create_root_shares(tmp_path / "again")
    assert not {decode_share(text).y for text in shares} & {decode_share(text).y for text in again}


@pytest.mark.parametrize(("k", "n"), [(1, 1), (1, 5), (6, 5), (2, 17)])
def test_impossible_numbers_of_shares_are_refused_and_leave_no_file(path, k, n):
    with pytest.raises(ValueError, match="needed"):
        create_root_shares(path, k, n)
    assert not path.exists()


def test_sixteen_shares_of_which_all_are_needed_work(path):
    shares = create_root_shares(path, 16, 16)
    assert not collected(path, shares[:15]).progress().complete
    collected(path, shares).provider()


@pytest.mark.parametrize("at", [16, 200, 215])
def test_an_altered_root_file_does_not_open(path, shares, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(MalformedRoot):
        collected(path, shares[:3]).provider()


def test_an_altered_commitment_refuses_its_share_only(path, shares):
    raw = bytearray(path.read_bytes())
    raw[28] ^= 1
    path.write_bytes(raw)
    with pytest.raises(WrongShare) as refusal:
        ShareCollector(path).add(shares[0])
    assert refusal.value.number == 1
    ShareCollector(path).add(shares[1])


NO_SHARE_FILES = {
    "empty": lambda raw: raw[:0],
    "cut": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"\0",
    "one needed": lambda raw: raw[:24] + b"\1" + raw[25:],
    "more made than listed": lambda raw: raw[:25] + b"\6" + raw[26:],
    "not zero": lambda raw: raw[:27] + b"\1" + raw[28:],
}


@pytest.mark.parametrize("name", NO_SHARE_FILES)
def test_what_is_no_share_file_is_refused(path, shares, name):
    with pytest.raises(MalformedRoot):
        parse_share_file(NO_SHARE_FILES[name](path.read_bytes()))


def test_a_passphrase_does_not_open_a_split_root_and_the_file_says_so(path, shares):
    assert needs_shares(path)
    with pytest.raises(NeedsShares):
        open_root(path, "pass phrase")


def test_shares_are_not_asked_for_where_a_passphrase_is_wanted(path):
    create_root(path, "pass phrase", cost=CHEAP)
    assert not needs_shares(path)
    with pytest.raises(MalformedRoot):
        ShareCollector(path)


def test_a_changed_root_has_fresh_shares_and_the_old_ones_are_named_stale(path, shares):
    old = collected(path, shares[:3]).provider()
    pending, fresh = new_root_shares(path, 2, 3)
    adopt_root(path)
    blob = collected(path, fresh[1:]).provider().wrap(KEY, CONTEXT)
    assert pending.unwrap(blob, CONTEXT) == KEY
    with pytest.raises(Unopenable):
        old.unwrap(blob, CONTEXT)
    with pytest.raises(StaleShare):
        ShareCollector(path).add(shares[0])


def test_shares_older_than_the_last_set_are_foreign(path, shares):
    for _ in range(2):
        new_root_shares(path)
        adopt_root(path)
    with pytest.raises(ForeignShare):
        ShareCollector(path).add(shares[0])


def test_while_the_root_changes_both_sets_are_taken_each_for_its_own_root(path, shares):
    old = collected(path, shares[:3]).provider()
    before = old.wrap(KEY, CONTEXT)
    pending, fresh = new_root_shares(path)
    after = pending.wrap(KEY, CONTEXT)
    with pytest.raises(ChangePending):
        old.wrap(KEY, CONTEXT)
    roots = collected(path, [*shares[:3], *fresh[:3]]).roots()
    assert roots.current.unwrap(before, CONTEXT) == KEY
    assert roots.pending.unwrap(after, CONTEXT) == KEY
    both = roots.provider()
    assert [both.unwrap(blob, CONTEXT) for blob in (before, after)] == [KEY, KEY]
    assert both.describe()["root"] == old.describe()["root"]


def test_shares_of_two_sets_never_count_together(path, shares):
    _, fresh = new_root_shares(path)
    collector = collected(path, [*shares[:2], *fresh[:2]])
    assert tuple(collector.progress()) == (2, 3)
    with pytest.raises(NotEnoughShares):
        collector.roots()


def test_the_new_shares_alone_open_the_pending_root_only(path, shares):
    _, fresh = new_root_shares(path)
    roots = collected(path, fresh[:3]).roots()
    assert roots.current is None
    assert roots.pending is not None


def test_a_discarded_change_leaves_the_old_shares_good(path, shares):
    blob = collected(path, shares[:3]).provider().wrap(KEY, CONTEXT)
    _, fresh = new_root_shares(path)
    discard_new(path)
    assert collected(path, shares[2:]).provider().unwrap(blob, CONTEXT) == KEY
    with pytest.raises(ForeignShare):
        ShareCollector(path).add(fresh[0])


def test_a_change_in_progress_refuses_another_one(path, shares):
    new_root_shares(path)
    with pytest.raises(ChangePending):
        new_root_shares(path)
    with pytest.raises(ChangePending):
        new_root(path, "pass phrase", cost=CHEAP)


def test_a_root_moves_from_a_passphrase_to_shares_and_back(path):
    create_root(path, "first", cost=CHEAP)
    _, shares = new_root_shares(path, 2, 2)
    assert open_roots(path, "first").pending is None
    assert collected(path, shares).roots().current is None
    adopt_root(path)
    blob = collected(path, shares).provider().wrap(KEY, CONTEXT)
    new_root(path, "second", cost=CHEAP)
    assert open_roots(path, "second").current is None
    roots = collected(path, shares).roots()
    assert roots.current.unwrap(blob, CONTEXT) == KEY
    adopt_root(path)
    assert not needs_shares(path)
    open_root(path, "second")
