"""What strangers have written is shown as text: none of it is mark-up, moves the cursor or looks like a line of ours."""

import dataclasses
import json
import random

import pytest

from api.cli.plain import plain
from consent.ledger.append import append
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.entries.commitment import Opening, commit
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, an_item

VALUES = ["[/x]", "[not] shown", "\x1b[2J\x1b[1;1H", "\x9b2J", "a\nsound: 99 checks held", "\u202egnorw"]


def a_bundle(backend: Backend, value: str) -> bytes:
    opening = Opening(bytes(32), (("recipient", value),))
    item = dataclasses.replace(an_item(random.Random(1)), commitment=commit(opening.secret, opening.fields))
    with backend.data.write() as conn:
        append(conn, [item], NOW, HOST)
    signer = Signer(HOST, bytes(32))
    publish(backend.data, signer, NOW)
    return build(backend.data, signer, [Evidence(log=LOG, idx=0, opening=opening)], receipt_keys=[])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("value", VALUES, ids=[str(at) for at in range(len(VALUES))])
def test_a_value_in_a_sound_bundle_is_shown_and_does_nothing(backend: Backend, tmp_path, perusal, value):
    (tmp_path / "bundle.zip").write_bytes(a_bundle(backend, value))

    said, told = (perusal("verify", tmp_path / "bundle.zip", *how) for how in ((), ("--json",)))

    assert said.code == 0
    assert plain(value) in said.out
    assert plain(said.out.replace("\n", "")) == said.out.replace("\n", "")
    assert json.loads(told.out)["entries"][0]["fields"] == {"recipient": value}
    assert plain(told.out.rstrip("\n")) == told.out.rstrip("\n")


def test_ordinary_text_of_any_script_stays_as_it_is():
    assert plain("张三 👩\u200d🔬 ñ [x]") == "张三 👩\u200d🔬 ñ [x]"
