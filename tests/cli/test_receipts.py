"""`perusal receipts`: an outsider follows a consent's receipts and hears what proves their end."""

import json

import pytest

from api.cli.failures import Exit
from consent.export.whole_chain import receipts_of
from consent.receipts.head import head
from consent.redemption.disclose import disclose_many
from consent.signing.keys import public_keys
from tests.consent.world import World

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def files(vault, now, tmp_path):
    """What a person saved: receipts with their head, and the published keys."""
    world = World(vault, now)
    person = world.person()
    issued = world.token(world.app(), person, uses=2)
    disclose_many(vault, [world.request(issued)], world.now)
    chain = receipts_of(vault, person.subject, person.bucket, issued.grant_id)
    saved = {"receipts": chain, "head": head(vault, chain, now)}
    (tmp_path / "receipts.json").write_text(json.dumps(saved))
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": public_keys(vault, now)}))
    return tmp_path


@pytest.fixture
def check(perusal, files):
    return lambda *more: perusal("receipts", files / "receipts.json", "--keys", files / "jwks.json", *more)


def bend(files, change):
    saved = json.loads((files / "receipts.json").read_text())
    change(saved)
    (files / "receipts.json").write_text(json.dumps(saved))


def test_a_whole_chain_is_said_to_be_whole(check):
    said = check("--json")
    assert said.code == Exit.OK
    assert (said.json["ok"], said.json["uses"], said.json["end"]) == (True, 1, "head")


def test_a_chain_that_was_cut_short_is_wrong(files, check):
    bend(files, lambda saved: saved["receipts"].pop())
    said = check()
    assert (said.code, "missing at the end" in said.out) == (Exit.WRONG, True)


def test_without_its_head_a_chain_is_said_not_to_be_proven_whole(files, check):
    bend(files, lambda saved: saved.pop("head"))
    said = check()
    assert (said.code, "NOT proven to be whole" in said.out) == (Exit.OK, True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"receipts": [1]}', "[" * 20_000])
def test_a_file_without_receipts_is_said_to_be_none(files, check, text):
    (files / "receipts.json").write_text(text)
    said = check()
    assert (said.code, "holds no receipts" in said.err) == (Exit.USAGE, True)
