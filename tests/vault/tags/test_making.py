"""Tags of people: what is tagged, under which keys, at what cost."""

import hashlib
import hmac
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.vault.tags.population import people
from vault.fields.catalogue import field_of
from vault.keys.tag_keys import TagKeys
from vault.tags import Shape, kind, tag64, tags_for, tags_for_person, tags_of_history
from vault.tags.making import tagger

ROOTS = {1: bytes(range(32)), 2: bytes(range(1, 33))}
KEYS = TagKeys(ROOTS, 1)
PERSON = {code: field_of(code).canonical(text) for code, text in people(1)[0].items()}


@given(st.binary(max_size=200), st.integers(1, 2**14))
def test_the_prepared_halves_give_the_same_tag_as_plain_hmac(message, number):
    assert tagger(KEYS).tag(number, message) == tag64(KEYS.index_key(number), message)


def test_a_person_of_nine_values_has_some_forty_tags_each_stored_once():
    made = tags_for_person(KEYS, PERSON)
    assert 40 <= len(made) <= 50
    assert len({(number, tag) for number, tag, _ in made}) == len(made)


def test_every_epoch_has_tags_of_its_own():
    one, two = ({tag for _, tag, _ in tags_for_person(KEYS, PERSON, epoch=epoch)} for epoch in (1, 2))
    assert not one & two
    assert {tag for _, tag, _ in tags_for_person(KEYS, PERSON)} == one
    assert {tag for _, tag, _ in tags_for_person(KEYS.only(2), PERSON)} == two


def test_a_keyring_whose_roots_change_makes_the_new_tags():
    class Keyring:
        index_epoch, tag_epochs, root = 1, (1,), b"a" * 32

        def index_key(self, kind, epoch=None):
            return hashlib.sha256(self.root + kind.to_bytes(2) + (epoch or 1).to_bytes()).digest()

    keyring = Keyring()
    first = tags_for(keyring, "plate", "京A12345")
    keyring.root = b"b" * 32
    assert not set(first) & set(tags_for(keyring, "plate", "京A12345"))


def test_compounds_carry_the_version_of_the_name_and_come_with_either_part():
    owners = {number: code for number, _, code in tags_for_person(KEYS, PERSON)}
    assert owners[kind("name", Shape.NAME_PHONE)] == owners[kind("name", Shape.NAME_BIRTH)] == "name"
    for missing in ("name", "phone"):
        partly = {code: text for code, text in PERSON.items() if code != missing}
        kinds = {number for number, _, _ in tags_for_person(KEYS, partly)}
        assert kind("name", Shape.NAME_PHONE) not in kinds


def test_the_tags_of_a_history_hold_those_of_every_moment():
    history = {
        "phone": [(1, "13812345678"), (2, "13912345678")],
        "name": [(1, "张三丰"), (3, "张无忌")],
    }
    every = tags_of_history(KEYS, history)
    for version, phone in history["phone"]:
        for number, name in history["name"]:
            versions = {"phone": version, "name": number}
            made = tags_for_person(KEYS, {"phone": phone, "name": name})
            assert {(kind_, tag, versions[code]) for kind_, tag, code in made} <= every


def test_tags_of_an_address_are_shared_by_many():
    crowd = [field_of("address").canonical(one["address"]) for one in people(500)]
    roads = {dict(tags_for(KEYS, "address", text))[kind("address", Shape.ROAD)] for text in crowd}
    assert 24 <= len(roads) <= 32


def test_a_tag_with_few_bits_is_spread_like_any_other():
    number = kind("address", Shape.ROAD)
    kept = hmac.digest(KEYS.index_key(number), "人民路1".encode(), "sha256")[0] >> 3
    folded = tag64(KEYS.index_key(number), b"\0" + kept.to_bytes(8))
    assert tagger(KEYS).tag(number, "人民路1".encode(), 5) == folded


def test_tags_of_one_person_cost_about_a_hundred_microseconds():
    crowd = [{code: field_of(code).canonical(text) for code, text in one.items()} for one in people(200)]
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for values in crowd:
            tags_for_person(KEYS, values)
        best = min(best, (time.thread_time() - started) / len(crowd))
    assert best < 0.000_5  # processor time; 0.000_09 on a quiet machine, measured by `tests.bench vault`


def test_no_module_of_the_tags_keeps_values_in_a_cache():
    """The caches that there are hold fields and kinds, never a text of somebody's."""
    folder = Path(__file__).parents[3] / "vault" / "tags"
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for at in range(source.count("@lru_cache")):
            signature = source.split("@lru_cache")[at + 1].split("def ", 1)[1].split(")")[0]
            assert signature.endswith("field: Field"), (path.name, signature)
