"""What no honest log writes: every parser of an entry says so in the one way, and whoever reads on reads on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.bundles import container
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.entries import entry, log_entry
from consent.ledger.errors import Malformed
from consent.ledger.formats import jws
from consent.ledger.formats.note import VerifierKey
from consent.ledger.indexes import indexing
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from tests.backends import Backend
from tests.consent.ledger.kit import HOST, LOG, NOW, grow

ID = bytes(16).hex()
HALF = "\ud800"
KEYROT = {"id": ID, "k": f"{HALF}+00000000+AQ==", "t": "keyrot", "ts": NOW, "v": 1}
SHARD = {"h": "", "id": ID, "o": f"{HOST}/2027/0", "r": "", "t": "shard", "ts": NOW, "v": 1, "w": [], "y": []}
ODD = [{"t": []}, {"t": {}, "v": 1}, {"t": HALF}, KEYROT, SHARD, {**KEYROT, "k": HALF}, []]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=4,
)


def written(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("document", ODD, ids=[str(at) for at in range(len(ODD))])
def test_an_odd_entry_is_malformed_and_nothing_else(document: object):
    data = written(document)

    log_entry.is_about_log(data)
    for parse in (log_entry.parse, entry.parse):
        with pytest.raises(Malformed):
            parse(data)


@given(
    kind=st.sampled_from(["index", "keyrot", "shard", "access"]) | ANYTHING,
    members=st.dictionaries(st.sampled_from("chikmnoprsuwyz"), ANYTHING | st.just(ID), max_size=8),
)
def test_whatever_stands_in_its_members_an_entry_is_read_or_malformed(kind: object, members: dict):
    data = written({**members, "id": ID, "t": kind, "ts": NOW, "v": 1})

    for read in (log_entry.is_about_log, log_entry.parse, entry.parse):
        try:
            read(data)
        except Malformed:
            continue


def test_a_key_whose_name_utf8_cannot_spell_is_no_key():
    with pytest.raises(Malformed):
        VerifierKey.parse(KEYROT["k"])


def test_a_receipt_whose_algorithm_is_no_text_is_malformed():
    with pytest.raises(Malformed):
        jws.verify("eyJhbGciOltdfQ.e30.AA", [bytes(32)])  # {"alg":[]}


@pytest.mark.parametrize("document", ODD, ids=[str(at) for at in range(len(ODD))])
def test_a_bundle_whose_index_is_odd_is_refused_at_that_member(backend: Backend, document: object):
    signer = Signer(HOST, bytes(32))
    grow(backend, 20)
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, signer, NOW)
    members = container.read(build(backend.data, signer, [], receipt_keys=[], whole={LOG: (1).to_bytes(16)}))
    name = next(name for name in members if name.endswith("index.entry"))

    verdict = verify_bundle(container.write(members | {name: written(document)}))

    assert (verdict.checks[-1].name, verdict.checks[-1].ok) == ("index", False)
