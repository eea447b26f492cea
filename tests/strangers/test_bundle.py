"""A bundle checked with none of our code and no network, as its README says (invariant 28)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import zipfile

import aics_tlog
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent.ledger.bundles import container
from consent.ledger.bundles.bundle import build
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.publishing.publish import publish
from tests.backends import Backend
from tests.consent.ledger.bundles.test_bundle import RECEIPT_KEY, SIGNER, disclose, evidence
from tests.consent.ledger.kit import NOW, YEAR, grow
from tests.strangers.judges import Go, b64

PLACE = f"log/{YEAR}/0"
STEM = f"{PLACE}/300"


class Refused(Exception):
    """What the stranger noticed."""


@pytest.fixture
def bundle(backend: Backend) -> bytes:
    """About one disclosure among others: what two of its fields say, and its receipt."""
    grow(backend, 300, people=3)
    at, opening = disclose(backend)
    grow(backend, 40, seed=2)
    publish(backend.data, SIGNER, NOW)
    shown = evidence(at, opening, show={"recipient", "purpose"})
    return build(backend.data, SIGNER, [shown], receipt_keys=[RECEIPT_KEY])


def test_strangers_alone_find_a_bundle_sound(bundle: bytes, go: Go):
    members = unzipped(bundle)

    assert checked(members, go) == {"recipient": "rc_1", "purpose": "delivery"}


def test_what_strangers_notice_we_refuse_too(bundle: bytes, go: Go):
    """One bit at a time in every member they look at; ours is the stricter, and here it is never the laxer."""
    members, dice, noticed = unzipped(bundle), random.Random(0), 0
    for name in (
        f"{PLACE}/checkpoint",
        f"{STEM}.entry",
        f"{STEM}.tlog-proof",
        f"{STEM}.jws",
        "openings.json",
    ):
        for _ in range(60):
            changed = bytearray(members[name])
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
            spoiled = members | {name: bytes(changed)}
            try:
                checked(spoiled, go)
            except (Refused, ValueError, KeyError, IndexError, TypeError):
                noticed += 1
            assert not verify_bundle(container.write(spoiled)).ok, name
    assert noticed > 200


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def checked(members: dict[str, bytes], go: Go) -> dict[str, str]:
    """Points 1 to 5 of the README; the fields that are shown."""
    entry, signed = members[f"{STEM}.entry"], members[f"{PLACE}/checkpoint"]
    log_key = members["policy.txt"].decode().split("\n")[0].removeprefix("log ")
    head = opened(go, signed, log_key)
    index, path, under = proof_of(members[f"{STEM}.tlog-proof"])
    if under != signed or not aics_tlog.verify_leaf_inclusion(entry, index, head.size, path, head.root):
        raise Refused("inclusion")
    if not go.includes(entry, index, head.size, path, head.root):
        raise Refused("inclusion, says Go")
    (shown,) = json.loads(members["openings.json"])["entries"]
    if committed(shown["fields"]) != bytes.fromhex(json.loads(entry)["c"]):
        raise Refused("commitment")
    receipt(members, head.origin, index, entry)
    return {one["name"]: one["value"] for one in shown["fields"] if "name" in one}


def opened(go: Go, signed: bytes, log_key: str) -> aics_tlog.Checkpoint:
    told = go.program.ask(do="note", note=b64(signed), keys=[log_key])
    found = aics_tlog.verify_checkpoint(aics_tlog.parse_note(signed), aics_tlog.parse_vkey(log_key))
    if not (told["ok"] and found.ok):
        raise Refused("checkpoint")
    return aics_tlog.parse_checkpoint(aics_tlog.parse_note(signed).text)


def proof_of(data: bytes) -> tuple[int, list[bytes], bytes]:
    head, _, under = data.partition(b"\n\n")
    first, index, *path = head.split(b"\n")
    if first != b"c2sp.org/tlog-proof@v1":
        raise Refused("proof")
    return int(index.removeprefix(b"index ")), [base64.b64decode(item, validate=True) for item in path], under


def committed(fields: list[dict[str, str]]) -> bytes:
    digests = b"".join(
        bytes.fromhex(one["digest"]) if "digest" in one else field_digest(one) for one in fields
    )
    return hashlib.sha256(b"ccl/c1\x00" + digests).digest()


def field_digest(one: dict[str, str]) -> bytes:
    name, value = one["name"].encode(), one["value"].encode()
    sized = len(name).to_bytes(4, "big") + name + len(value).to_bytes(4, "big") + value
    return hashlib.sha256(b"ccl/f1\x00" + bytes.fromhex(one["nonce"]) + sized).digest()


def receipt(members: dict[str, bytes], origin: str, index: int, entry: bytes) -> None:
    (key,) = json.loads(members["keys.json"])["keys"]
    signed, _, signature = members[f"{STEM}.jws"].rpartition(b".")
    try:
        Ed25519PublicKey.from_public_bytes(unb64url(key["x"])).verify(unb64url(signature.decode()), signed)
    except InvalidSignature:
        raise Refused("receipt") from None
    said = json.loads(unb64url(signed.decode().split(".")[1]))
    leaf = hashlib.sha256(b"\x00" + entry).hexdigest()
    if (said["log"], said["index"], said["leaf"]) != (origin, index, leaf):
        raise Refused("receipt of another entry")


def unb64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
