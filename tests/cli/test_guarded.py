"""Commands that sign ask the witnesses first: a host put back with everything on it signs no second history
(invariant 8).
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from pathlib import Path

import pytest

import api
from api.cli.failures import Exit
from api.cli.installation import change_settings, settings_of
from api.sealing.opening import opened_vault
from consent.ledger import published
from consent.ledger.formats import cosignature
from tests.witness.parties import lying

KEY = cosignature.key_of("watchful.example", hashlib.sha256(b"watchful").digest())


@pytest.fixture
def put_back(perusal, home, site_template, tmp_path):
    """The installation as it was before anything was signed; a witness shows what was signed since by the later one."""
    with lying() as witness:
        policy = tmp_path / "witnesses"
        policy.write_text(f"witness watchful {KEY} {witness.url}\nquorum watchful\n")
        later = tmp_path / "later"
        shutil.copytree(home, later)
        (tmp_path / "more.jsonl").write_text('{"email": "li.na@example.org", "lang": "zh-CN"}\n')
        enrol = ("enrol", tmp_path / "more.jsonl", "--keys-out", tmp_path / "more.keys", "--dir", later)
        assert perusal(*enrol).code == Exit.OK
        assert perusal("ledger", "publish", "--dir", later).code == Exit.OK
        witness.shows = _heads(later)[0].note
        change_settings(home, {"WITNESSES": policy})
        yield home


def _heads(home):
    with opened_vault(settings_of(home)) as vault, vault.data.read() as conn:
        found = [published.newest(conn, log) for log in published.logs(conn)]
    return [one for one in found if one is not None]


@pytest.mark.parametrize("by", ["publish", "erase"])
def test_what_a_witness_saw_beyond_the_data_base_keeps_a_command_from_signing(
    perusal, put_back, site_template, tmp_path, by
):
    person = json.loads((site_template / "keys.jsonl").read_text().splitlines()[0])["subject"]
    erase = ("erase", "--subject", person, "--yes", "--out", tmp_path / "out")

    said = perusal(*(("ledger", "publish") if by == "publish" else erase), "--dir", put_back, "--json")

    assert (said.code, said.json["error"]["code"]) == (Exit.WRONG, "ledger.alarm")
    assert _heads(put_back) == []


def test_nothing_signs_but_the_publisher_and_what_asks_first():
    """Whoever adds a command that signs finds the guard."""
    folder = Path(api.__file__).parent
    bare = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(found, ast.ImportFrom) and found.module == "consent.ledger.publishing.publish"
        if any(one.name == "publish" for one in found.names)
    }

    assert bare == {"jobs/publisher.py", "jobs/guarded.py"}
