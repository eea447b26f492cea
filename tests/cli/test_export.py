"""The logs as files: an operator writes them, an escrow checks them with its own policy and nothing else of ours."""

from __future__ import annotations

import pytest

from api.cli.failures import Exit


@pytest.fixture
def tree(perusal, home, tmp_path):
    """An exported folder with entries, and the policy file of it."""
    assert perusal("ledger", "publish", "--dir", home).code == 0
    assert perusal("ledger", "policy", "--dir", home, "--out", tmp_path / "trust").code == 0
    said = perusal("ledger", "export", tmp_path / "out", "--entries", "--dir", home, "--json")
    assert [one["size"] for one in said.json["logs"]] == [30]
    return tmp_path / "out"


def test_an_exported_folder_is_checked_without_an_installation(perusal, tree, tmp_path):
    said = perusal("ledger", "fsck", "--tree", tree, "--policy", tmp_path / "trust/policy.txt", "--json")

    assert (said.code, said.json["ok"], said.json["anchored"]) == (Exit.OK, True, True)
    assert [one["entries"] for one in said.json["logs"]] == [30]


def test_without_a_policy_the_answer_says_whose_keys_were_believed(perusal, tree):
    said = perusal("ledger", "fsck", "--tree", tree)

    assert said.code == Exit.OK
    assert "everything agrees, by the keys that lie in the folder itself" in said.out


@pytest.mark.parametrize("changed", ["entries", "0"])
def test_a_changed_file_is_named(perusal, tree, tmp_path, changed):
    (path,) = tree.glob(f"log/*/*/tile/{changed}/000.p/30")
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    said = perusal("ledger", "fsck", "--tree", tree, "--policy", tmp_path / "trust/policy.txt", "--json")

    assert said.code == Exit.WRONG
    assert [one["what"] for one in said.json["findings"]] == [
        "tile/entries/000.p/30 and tile/0/000.p/30 disagree"
    ]


def test_a_folder_without_keys_needs_a_policy(perusal, tree):
    (tree / "log/keys").unlink()

    said = perusal("ledger", "fsck", "--tree", tree, "--json")

    assert (said.code, said.json["error"]["code"]) == (Exit.WRONG, "no_keys")


def test_a_policy_without_a_tree_is_a_mistake(perusal, home, tree, tmp_path):
    policy = tmp_path / "trust/policy.txt"

    assert perusal("ledger", "fsck", "--dir", home, "--policy", policy).code == Exit.USAGE


def test_an_export_goes_on_and_leaves_what_is_there(perusal, tree, home):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*") if "tile" in path.parts}

    assert perusal("ledger", "export", tree, "--entries", "--dir", home).code == 0

    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*") if "tile" in path.parts} == before
