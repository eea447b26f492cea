"""Bundles: complete, off-line, and spoiled by any one byte."""

import base64
import dataclasses
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from consent.ledger.append import Item, Position, append
from consent.ledger.bundles import container, layout
from consent.ledger.bundles.bundle import Evidence, build
from consent.ledger.bundles.verify import Verdict, verify_bundle
from consent.ledger.entries.commitment import Opening, commit
from consent.ledger.entries.entry import Kind, parse
from consent.ledger.errors import LedgerAlarm, Malformed, NotYetPublished
from consent.ledger.formats import policy
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Policy
from consent.ledger.indexes import indexing
from consent.ledger.origin import LogId
from consent.ledger.publishing.publish import publish
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import leaf_hash
from tests.backends import Backend, open_backend
from tests.consent.ledger.kit import HOST, LOG, NOW, YEAR, an_item, grow, insider
from vault.ids import encode_id
from vault.signing import signatures

SIGNER = Signer(HOST, bytes(32))
RECEIPT_SEED = bytes([5]) * 32
RECEIPT_KEY = signatures.public_key(RECEIPT_SEED)
FIELDS = (("recipient", "rc_1"), ("purpose", "delivery"), ("fields", "name,phone"), ("grant", "gr_1"))


def b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jws(payload: dict[str, object], seed: bytes = RECEIPT_SEED) -> str:
    header = b64url(json.dumps({"alg": "Ed25519", "kid": "k"}).encode())
    message = f"{header}.{b64url(json.dumps(payload).encode())}"
    return f"{message}.{b64url(signatures.sign(seed, message.encode()))}"


def receipt_for(origin: str, index: int, body: bytes, /, **changes: object) -> str:
    entry = parse(body)
    payload: dict[str, object] = {
        "iss": HOST,
        "aud": "rc_1",
        "purpose": "delivery",
        "fields": ["name", "phone"],
        "grant": "gr_1",
        "disclosure": encode_id("ds", entry.id),
        "log": origin,
        "index": index,
        "leaf": leaf_hash(body).hex(),
        "commitment": entry.commitment.hex(),
    }
    return jws(payload | changes)


def disclose(backend: Backend, *, tag: int = 0, bucket: int = 0, seed: int = 3) -> tuple[Position, Opening]:
    dice = random.Random(seed)
    opening = Opening(dice.randbytes(32), FIELDS)
    item: Item = dataclasses.replace(
        an_item(dice, tag=tag, bucket=bucket), commitment=commit(opening.secret, FIELDS)
    )
    with backend.data.write() as conn:
        (position,) = append(conn, [item], NOW, HOST)
    return position, opening


def evidence(at: Position, opening: Opening, **changes: object) -> Evidence:
    log = LogId(at.bucket, at.year)
    found = Evidence(log=log, idx=at.idx, opening=opening, receipt=receipt_for(at.origin, at.idx, at.body))
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def embedded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One installation for all tests that only look at finished bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in ("data.sqlite", "keys.sqlite"):
        shutil.copy(sqlite_template / name, folder / name)
    found = open_backend("sqlite", f"sqlite:///{folder}/data.sqlite", f"sqlite:///{folder}/keys.sqlite")
    yield found
    found.close()


@pytest.fixture(scope="module")
def sound(embedded: Backend) -> bytes:
    """A sound bundle about entry 300, with its receipt."""
    return a_bundle(embedded)


@pytest.fixture(scope="module")
def chained(embedded: Backend, sound: bytes) -> bytes:
    """The same with the person's whole chain, and two fields kept back."""
    index = verify_bundle(sound).entries[0].index
    again = disclose(embedded)
    assert again[0].idx == index
    found = evidence(*again, show={"recipient", "purpose"})
    return build(embedded.data, SIGNER, [found], receipt_keys=[RECEIPT_KEY], chains=True)


def a_bundle(backend: Backend, *, chains: bool = False, **changes: object) -> bytes:
    """A bundle about one disclosure among other entries."""
    grow(backend, 300, people=3)
    at, opening = disclose(backend)
    grow(backend, 10, seed=2)
    publish(backend.data, SIGNER, NOW)
    found = evidence(at, opening, **changes)
    return build(backend.data, SIGNER, [found], receipt_keys=[RECEIPT_KEY], chains=chains)


def spoil(data: bytes, name: str, change: Callable[[bytes], bytes]) -> Verdict:
    """The verdict on a properly packed bundle with one member changed."""
    members = container.read(data)
    members[name] = change(members[name])
    return verify_bundle(container.write(members))


def test_a_bundle_proves_its_entry_and_says_what_is_shown(backend: Backend):
    verdict = verify_bundle(a_bundle(backend))

    (proven,) = verdict.entries
    assert verdict.ok
    assert not verdict.anchored
    assert (proven.origin, proven.index, proven.entry.kind) == (f"{HOST}/{YEAR}/0", 300, Kind.ACCESS)
    assert proven.fields == FIELDS
    assert proven.receipt is not None
    assert proven.receipt["aud"] == "rc_1"
    assert [at.size for at in verdict.checkpoints] == [311]


def test_fields_can_be_kept_back(backend: Backend):
    data = a_bundle(backend, show={"recipient"})

    assert verify_bundle(data).entries[0].fields == (("recipient", "rc_1"),)
    assert b"delivery" not in container.read(data)["openings.json"]


def test_a_bundle_about_several_logs_without_receipts(backend: Backend):
    found = [disclose(backend, bucket=bucket, seed=bucket) for bucket in (2, 0, 1, 10)]
    publish(backend.data, SIGNER, NOW)

    data = build(
        backend.data,
        SIGNER,
        [evidence(*one, receipt=None) for one in found],
        receipt_keys=[RECEIPT_KEY],
    )

    verdict = verify_bundle(data)
    assert verdict.ok
    assert {at.origin for at in verdict.entries} == {at.origin for at, _ in found}
    assert json.loads(container.read(data)["keys.json"]) == {"keys": []}


def test_several_entries_of_one_log_share_a_checkpoint(backend: Backend):
    found = []
    for seed in range(5):
        found.append(disclose(backend, seed=seed))
        grow(backend, 70, seed=seed + 10)
    publish(backend.data, SIGNER, NOW)

    data = build(backend.data, SIGNER, [evidence(*one) for one in found], receipt_keys=[RECEIPT_KEY])

    assert [at.index for at in verify_bundle(data).entries] == [at.idx for at, _ in found]


def test_the_same_evidence_gives_the_same_bytes(backend: Backend):
    at, opening = disclose(backend)
    publish(backend.data, SIGNER, NOW)
    one, other = (
        build(backend.data, SIGNER, [evidence(at, opening)], receipt_keys=[RECEIPT_KEY]) for _ in range(2)
    )

    assert one == other


def test_the_persons_whole_chain_can_come_along(backend: Backend):
    data = a_bundle(backend, chains=True)

    lines = container.read(data)[f"log/{YEAR}/0/chain.jsonl"].split(b"\n")[:-1]
    assert verify_bundle(data).ok
    assert [parse(line).n for line in lines] == list(range(1, len(lines) + 1))
    assert len({parse(line).tag for line in lines}) == 1
    assert len(lines) > 50


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -1), slice(None, None, -1)])
def test_a_chain_with_an_entry_missing_or_moved_is_refused(chained: bytes, cut: slice):
    def change(member: bytes) -> bytes:
        return b"".join(member.splitlines(keepends=True)[cut])

    verdict = spoil(chained, f"log/{YEAR}/0/chain.jsonl", change)

    assert not verdict.ok
    assert verdict.checks[-1].where == f"log/{YEAR}/0/chain.jsonl"


def test_an_entry_missing_in_the_middle_of_a_chain_is_located(chained: bytes):
    def change(member: bytes) -> bytes:
        lines = member.splitlines(keepends=True)
        return b"".join(lines[:7] + lines[8:])

    verdict = spoil(chained, f"log/{YEAR}/0/chain.jsonl", change)

    assert verdict.checks[-1].detail == "the chain breaks at entry number 8"


def test_one_changed_byte_anywhere_is_refused(sound: bytes):
    dice = random.Random(0)

    for at in range(len(sound)):
        changed = bytearray(sound)
        changed[at] ^= 1 << dice.randrange(8)
        verdict = verify_bundle(bytes(changed))
        assert not verdict.ok
        assert verdict.entries == ()


def test_one_changed_byte_of_any_member_is_refused_even_when_packed_anew(chained: bytes):
    """Whoever changes a bundle can also fix the zip's checksums; the README is the only free member."""
    members = container.read(chained)
    dice = random.Random(1)

    for name, member in members.items():
        if name == layout.README_NAME:
            continue
        step = max(1, len(member) // 300)
        for at in range(0, len(member), step):
            changed = bytearray(member)
            changed[at] ^= 1 << dice.randrange(8)
            verdict = verify_bundle(container.write(members | {name: bytes(changed)}))
            assert not verdict.ok, f"{name} byte {at}"


def test_a_byte_added_to_or_cut_from_any_member_is_refused(chained: bytes):
    members = container.read(chained)

    for name, member in members.items():
        if name == layout.README_NAME:
            continue
        for changed in (member + b"\n", member + b" ", b" " + member, member[:-1], member[1:], b""):
            verdict = verify_bundle(container.write(members | {name: changed}))
            assert not verdict.ok, name
            assert not verdict.checks[-1].ok


def test_a_member_removed_renamed_or_added_is_refused(sound: bytes):
    members = container.read(sound)
    receipt = f"log/{YEAR}/0/300.jws"

    for name in members:
        rest = {key: value for key, value in members.items() if key != name}
        assert not verify_bundle(container.write(rest)).ok, name
        assert not verify_bundle(container.write(layout.in_order(rest | {name + "x": members[name]}))).ok
    for extra in (
        "notes.txt",
        f"log/{YEAR}/0/301.entry",
        f"log/{YEAR}/1/checkpoint",
        f"log/{YEAR}/0/301.jws",
    ):
        assert not verify_bundle(container.write(layout.in_order(members | {extra: members[receipt]}))).ok


def test_members_in_another_order_are_refused(sound: bytes):
    members = container.read(sound)

    assert not verify_bundle(container.write(dict(reversed(members.items())))).ok


def test_a_readme_in_other_words_changes_nothing(sound: bytes):
    assert spoil(sound, "README.txt", lambda _: b"in other words\n").ok


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 299},
        {"index": 300.0},
        {"leaf": "00" * 32},
        {"commitment": "00" * 32},
        {"log": f"{HOST}/{YEAR}/1"},
        {"aud": "rc_2"},
        {"purpose": "marketing"},
        {"fields": ["name"]},
        {"grant": "gr_2"},
        {"disclosure": encode_id("ds", bytes(16))},
    ],
)
def test_a_validly_signed_receipt_about_something_else_is_refused(sound: bytes, changes):
    own = f"log/{YEAR}/0/300.jws"
    body = container.read(sound)[f"log/{YEAR}/0/300.entry"]
    origin = f"{HOST}/{YEAR}/0"

    assert spoil(sound, own, lambda _: receipt_for(origin, 300, body).encode()).ok
    verdict = spoil(sound, own, lambda _: receipt_for(origin, 300, body, **changes).encode())
    assert not verdict.ok
    assert verdict.checks[-1].where == own


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"a.b",
        b"a.b.c",
        b"\xff",
        b"e30.e30.",
        b64url(b'{"alg":"none"}').encode() + b".e30.",
        b64url(b'{"alg":"Ed25519","crit":["x"]}').encode() + b".e30.AA",
        b64url(b"[" * 100_000).encode() + b".e30.AA",
        b"." * 20_000,
    ],
)
def test_bytes_that_are_no_receipt_are_refused(sound: bytes, token: bytes):
    verdict = spoil(sound, f"log/{YEAR}/0/300.jws", lambda _: token)

    assert verdict.checks[-1].name == "receipt"


def test_a_receipt_by_another_key_is_refused(sound: bytes):
    payload = json.loads(base64.urlsafe_b64decode(_payload(sound) + "=="))

    verdict = spoil(sound, f"log/{YEAR}/0/300.jws", lambda _: jws(payload, bytes([6]) * 32).encode())

    assert verdict.checks[-1].detail == "no known key signed this receipt"


def _payload(sound: bytes) -> str:
    return container.read(sound)[f"log/{YEAR}/0/300.jws"].decode().split(".")[1]


def test_against_trusted_keys_the_verdict_is_anchored(sound: bytes):
    trusted = Policy((SIGNER.key(f"{HOST}/{YEAR}/0"), SIGNER.key(f"{HOST}/{YEAR}/1")), (RECEIPT_KEY,))

    assert verify_bundle(sound, trusted).anchored
    assert verify_bundle(sound, policy.parse(trusted.text, trusted.keys_json)).ok


def test_another_operators_consistent_bundle_is_not_trusted(sound: bytes):
    mine = SIGNER.key(f"{HOST}/{YEAR}/0")
    foreign = Signer(HOST, bytes([1]) * 32).key(mine.name)

    for trusted in (Policy((foreign,), (RECEIPT_KEY,)), Policy((mine,), ()), Policy((), ())):
        verdict = verify_bundle(sound, trusted)
        assert not verdict.ok
        assert verdict.checks[-1].name == "trust"
        assert not verdict.anchored


def test_a_surplus_key_or_opening_is_refused(sound: bytes):
    members = container.read(sound)
    own = policy.parse(members["policy.txt"].decode(), members["keys.json"].decode())
    more_logs = dataclasses.replace(own, logs=(*own.logs, VerifierKey("b.example", bytes(32))))
    more_keys = dataclasses.replace(own, receipt_keys=(*own.receipt_keys, bytes(32)))
    openings = json.loads(members["openings.json"])
    openings["entries"].append(openings["entries"][0] | {"index": 301})
    more = (json.dumps(openings, indent=1, sort_keys=True) + "\n").encode()

    for name, surplus in (
        ("policy.txt", more_logs.text.encode()),
        ("keys.json", more_keys.keys_json.encode()),
        ("openings.json", more),
    ):
        verdict = verify_bundle(container.write(members | {name: surplus}))
        assert verdict.checks[-1].name == "nothing unproven", name


def test_an_entry_nobody_has_signed_for_yet_makes_no_bundle(backend: Backend):
    at, opening = disclose(backend)

    with pytest.raises(NotYetPublished):
        build(backend.data, SIGNER, [evidence(at, opening)], receipt_keys=[RECEIPT_KEY])


def test_an_altered_data_base_makes_no_bundle(backend: Backend):
    at, opening = disclose(backend)
    publish(backend.data, SIGNER, NOW)
    body = at.body.replace(b'"ts":1', b'"ts":2')
    with insider(backend) as conn:
        conn.execute(text("UPDATE ledger_entry SET body = :body"), {"body": body})

    with pytest.raises(LedgerAlarm):
        build(backend.data, SIGNER, [evidence(at, opening)], receipt_keys=[RECEIPT_KEY])


def test_a_wrong_opening_makes_no_bundle(backend: Backend):
    at, opening = disclose(backend)
    publish(backend.data, SIGNER, NOW)
    wrong = dataclasses.replace(opening, secret=bytes(32))

    with pytest.raises(LedgerAlarm):
        build(backend.data, SIGNER, [evidence(at, wrong)], receipt_keys=[RECEIPT_KEY])


def test_a_bundle_is_an_ordinary_zip_a_person_can_open(sound: bytes):
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "README.txt"
        assert "perusal verify" in archive.read("README.txt").decode()


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" * 40, bytes(1000), container.write({})])
def test_bytes_that_are_no_bundle_get_a_verdict_and_not_an_error(data: bytes):
    verdict = verify_bundle(data)

    assert not verdict.ok
    assert verdict.checks[-1].where == "bundle"


@pytest.mark.parametrize(
    "line",
    ["witness a b", "group g any a", "quorum a", "log", "log x", "quorum none", "nonsense"],
)
def test_a_policy_this_verifier_cannot_weigh_is_refused(line: str):
    own = Policy((SIGNER.key("a.example/2026/0"),), ())

    with pytest.raises(Malformed):
        policy.parse(own.text + line + "\n", own.keys_json)


def test_a_policy_file_may_have_comments_and_addresses():
    own = Policy((SIGNER.key("a.example/2026/0"),), (RECEIPT_KEY,))
    written = "# ours\n\n" + own.text.replace("\nquorum", " https://a.example/2026/0\n\nquorum")

    found = policy.parse(written, own.keys_json)

    assert dataclasses.replace(found, urls=()) == own


@pytest.mark.parametrize("change", [{"kid": "x"}, {"x": "AA"}, {"crv": "X25519"}, {"d": "secret"}])
def test_a_key_set_with_anything_but_thumbprinted_public_keys_is_refused(change: dict[str, str]):
    with pytest.raises(Malformed):
        policy.parse_keys(json.dumps({"keys": [policy.jwk(RECEIPT_KEY) | change]}))


def test_a_key_sets_thumbprint_is_the_one_of_rfc_8037():
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

    assert (
        policy.thumbprint(base64.urlsafe_b64decode(x + "=")) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )


def test_the_log_of_the_kit_is_the_first_bucket():
    assert layout.folder_name(LOG) == f"log/{YEAR}/0"


def _whole(backend: Backend, *, tag: int, items: list[Evidence]) -> bytes:
    return build(
        backend.data, SIGNER, items, receipt_keys=[RECEIPT_KEY], whole={LogId(0, YEAR): tag.to_bytes(16)}
    )


def _indexed(backend: Backend) -> Position:
    grow(backend, 12)
    position, _ = disclose(backend, tag=3)
    indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)
    return position


def test_a_whole_bundle_says_that_these_are_all(backend: Backend):
    position = _indexed(backend)

    verdict = verify_bundle(_whole(backend, tag=3, items=[]))

    assert verdict.ok
    assert [(one.tag, one.count, one.upto) for one in verdict.complete] == [
        ((3).to_bytes(16), position.n, 13)
    ]


def test_a_whole_bundle_of_somebody_without_entries_says_that_there_is_none(backend: Backend):
    _indexed(backend)

    verdict = verify_bundle(_whole(backend, tag=77, items=[]))

    assert verdict.ok
    assert [(one.tag, one.count) for one in verdict.complete] == [((77).to_bytes(16), 0)]


def test_what_came_after_the_index_is_shown_behind_what_it_counts(backend: Backend):
    before = _indexed(backend)
    newer, opening = disclose(backend, tag=3, seed=4)
    publish(backend.data, SIGNER, NOW)

    verdict = verify_bundle(_whole(backend, tag=3, items=[evidence(newer, opening)]))

    assert verdict.ok
    assert verdict.complete[0].count == before.n == newer.n - 1


def test_a_log_without_an_index_is_left_out_of_a_whole_bundle(backend: Backend):
    position, opening = disclose(backend)
    publish(backend.data, SIGNER, NOW)

    verdict = verify_bundle(_whole(backend, tag=0, items=[evidence(position, opening)]))

    assert verdict.ok
    assert verdict.complete == ()


def _without_last_line(members: dict[str, bytes], name: str) -> dict[str, bytes]:
    return members | {name: b"".join(members[name].splitlines(keepends=True)[:-1])}


def test_hiding_the_newest_access_from_a_whole_bundle_shows(backend: Backend):
    _indexed(backend)
    members = container.read(_whole(backend, tag=3, items=[]))

    verdict = verify_bundle(container.write(_without_last_line(members, f"log/{YEAR}/0/chain.jsonl")))

    assert not verdict.ok
    assert verdict.checks[-1].where == f"log/{YEAR}/0/chain.jsonl"


def test_a_chain_left_out_of_a_whole_bundle_shows(backend: Backend):
    _indexed(backend)
    members = container.read(_whole(backend, tag=3, items=[]))
    del members[f"log/{YEAR}/0/chain.jsonl"]

    verdict = verify_bundle(container.write(members))

    assert verdict.checks[-1].detail == "the index counts entries that are not shown"


def test_an_entry_that_the_index_does_not_count_proves_that_the_log_lies(backend: Backend):
    grow(backend, 12)
    position, opening = disclose(backend, tag=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "_tails", lambda _conn, _log: iter([]))
        indexing.make(backend.data, HOST, LOG, NOW)
    publish(backend.data, SIGNER, NOW)

    with pytest.raises(LedgerAlarm, match=f"does not count entry {position.idx}"):
        _whole(backend, tag=3, items=[evidence(position, opening)])


def test_every_changed_byte_of_a_whole_bundle_is_located(backend: Backend):
    _indexed(backend)
    good = _whole(backend, tag=3, items=[])
    skip = good.index(b"README.txt") + len("README.txt")
    readme_ends = skip + len(container.read(good)["README.txt"])
    dice = random.Random(11)

    for at in dice.sample([*range(skip), *range(readme_ends, len(good))], 400):
        bad = good[:at] + bytes([good[at] ^ (1 << dice.randrange(8))]) + good[at + 1 :]
        verdict = verify_bundle(bad)
        assert not verdict.ok, at
        assert verdict.checks[-1].where
