"""The whole story in small: real commands, a real server, real HTTP, and every proof checked by another process."""

from __future__ import annotations

import pytest

from api.cli.packs import members_of, verify_pack
from api.cli.verify import load_policy
from api.demo.chapters import Chapters
from api.demo.judge import complaints
from api.demo.report import FILES, describe_files, write_report
from api.demo.story import Wish, tell
from consent.ledger.bundles.verify import verify_bundle

SMALL = Wish(people=300, asked=45, visits=72, leaker_visits=30, strangers=60, seed=5)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The story told once, and the folder it left."""
    out = tmp_path_factory.mktemp("report")
    home = tmp_path_factory.mktemp("site") / "home"
    chapters = Chapters(lambda _label, _done: None)
    story = tell(SMALL, home, out, chapters, lambda _what, _done, _total: None)
    return {**story, "files": describe_files(out), "seconds": chapters.seconds}, out


def test_the_leaker_is_named_and_nothing_else_went_wrong(told):
    story, _ = told

    assert complaints(story) == []


def test_every_file_the_report_promises_is_there(told):
    story, out = told
    write_report(out, story)

    assert {path.name for path in out.iterdir()} == {*FILES, "report.html", "report.css", "report.json"}


def test_the_numbers_add_up(told):
    story, _ = told
    traffic = story["traffic"]

    assert (
        traffic["asked"] == traffic["approved"] + traffic["refused"] == sum(a["asked"] for a in story["apps"])
    )
    assert traffic["requests"] > 5 * traffic["asked"]
    assert story["leak"]["rows"] == story["leak"]["from_app"] + story["leak"]["strangers"]
    assert story["trace"]["lines"]["lines"] == story["leak"]["rows"] + 1
    assert story["search"]["found"] == 0
    assert story["search"]["bytes"] > 500_000


@pytest.mark.parametrize("name", ["claim-pack.zip", "use-proof.zip"])
def test_a_changed_bit_anywhere_in_a_proof_is_refused(told, name):
    _, out = told
    policy = load_policy(out / "policy.txt")
    raw = (out / name).read_bytes()

    for place in range(0, len(raw), max(1, len(raw) // 150)):
        changed = raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :]
        members = members_of(changed)
        if members is None:
            # The README of a bundle is the one member on which nothing depends, but its checksum still counts.
            assert not verify_bundle(changed, policy).ok, place
        else:
            assert not verify_pack(members, policy).ok, place


def test_the_pack_names_the_leaker_and_the_sum_it_agreed_to(told):
    story, out = told
    verdict = verify_pack(members_of((out / "claim-pack.zip").read_bytes()), load_policy(out / "policy.txt"))

    assert verdict.ok
    assert verdict.bundle.anchored
    assert verdict.claim.respondent.name == story["leak"]["leaker"]
    assert verdict.claim.agreed.amount == story["claims"]["amount"] == "200.00"


def test_the_dump_is_the_only_place_where_values_stand_in_the_clear(told):
    _, out = told
    values = [
        line.split(",")[1] for line in (out / "leaked.csv").read_text(encoding="gb18030").splitlines()[1:20]
    ]

    for path in out.iterdir():
        if path.name != "leaked.csv":
            assert not [value for value in values if value.encode() in path.read_bytes()], path.name
