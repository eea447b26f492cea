"""Known answers: what an older release sealed, tagged, wrapped and signed must mean the same for ever."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.vectors import generate_vault
from vault.fields.catalogue import BUILTIN, field_of
from vault.ids import Bucket, RecordId, SubjectId, TenantId
from vault.keys import subjects as subject_keys
from vault.keys import tenant
from vault.keys.tag_keys import TagKeys
from vault.keys.wrapping import unwrap
from vault.permit import AccessKind, AccessStatement, check, encode, issue
from vault.sealing.sealed import Place, associated_data, open_sealed, seal
from vault.sealing.stream import SealingWriter, open_stream
from vault.tags import kind, tags_for_person
from vault.tags.compounds import COMPOUNDS
from vault.tags.registry import DIGESTS, forms_of, kinds_of

FOLDER = Path(generate_vault.__file__).parent


def cases(name: str):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["cases"]


def raw(case, *names):
    return [bytes.fromhex(case[name]) for name in names]


def test_the_generator_writes_the_frozen_files_byte_for_byte(tmp_path):
    generate_vault.main(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in FOLDER.glob("vault_*.json"))
    for name in names:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


@pytest.mark.parametrize("case", cases("vault_sealed"), ids=lambda c: f"{c['suite']}-{c['field']}")
def test_sealed_values(case):
    key, salt, tenant_id, subject, record = raw(case, "key", "salt", "tenant", "subject", "record")
    aad, blob = raw(case, "aad", "blob")
    place = Place(
        TenantId(tenant_id),
        SubjectId(subject),
        RecordId(record),
        case["field"],
        case["schema"],
        int(case["version"]),
    )
    assert associated_data(blob[:30], place) == aad
    assert seal(key, case["epoch"], place, case["plaintext"].encode(), salt, suite=case["suite"]) == blob
    assert open_sealed(key, place, blob).decode() == case["plaintext"]


@pytest.mark.parametrize("case", cases("vault_tags"), ids=lambda c: c["values"]["phone"])
def test_a_person_has_exactly_these_tags(case):
    keys = TagKeys({1: bytes.fromhex(case["index_root"])}, 1)
    for code, form in case["values"].items():
        assert field_of(code).canonical(form) == form
    expected = sorted((tag["kind"], int(tag["tag"])) for tag in case["tags"])
    assert sorted((kind, tag) for kind, tag, _ in tags_for_person(keys, case["values"])) == expected
    for tag in case["tags"]:
        assert keys.index_key(tag["kind"]) == tag["index_key"].encode()


def test_every_kind_of_tag_has_a_known_answer():
    known = {tag["kind"] for case in cases("vault_tags") for tag in case["tags"]}
    kinds = {found.number for field in BUILTIN for found in kinds_of(field)}
    kinds |= {kind(found.field, found.shape) for found in COMPOUNDS}
    kinds |= {kind(field.code, shape) for field in BUILTIN if forms_of(field.code) for shape, _ in DIGESTS}
    assert known == kinds


def contexts(tenant_id, subject):
    return {
        "tenant key": tenant.kek_context(tenant_id, 1),
        "person data key": subject_keys.person_context(tenant_id, subject, "data", 1, 1),
        "person ledger key": subject_keys.person_context(tenant_id, subject, "ledger", 1, 1),
        "index root": tenant.root_context(tenant_id, 1, 1),
        "service key": tenant.service_context(tenant_id, "permit", 1, 1),
    }


@pytest.mark.parametrize("case", cases("vault_wrapped"), ids=lambda c: c["name"])
def test_wrapped_keys(case):
    kek, context, key, wrapped, tenant_id, subject = raw(
        case, "kek", "context", "key", "wrapped", "tenant", "subject"
    )
    assert contexts(TenantId(tenant_id), SubjectId(subject))[case["name"]] == context
    assert unwrap(AESGCM(kek), wrapped, context) == key


@pytest.mark.parametrize("case", cases("vault_permit"), ids=lambda c: "+".join((c["kind"], *c["fields"])))
def test_permits(case):
    class Keys:
        def service_key(self, name):
            return {"permit": bytes.fromhex(case["key"])}[name]

    subject, tenant_id, leaf, encoded, mac = raw(case, "subject", "tenant", "leaf_hash", "encoded", "mac")
    statement = AccessStatement(
        kind=AccessKind(case["kind"]),
        subject=SubjectId(subject),
        bucket=Bucket(case["bucket"]),
        tenant=TenantId(tenant_id),
        fields=tuple(case["fields"]),
        recipient=case["recipient"],
        purpose=case["purpose"],
        at_ms=case["at_ms"],
        log_origin=case["log_origin"],
        entry_index=case["entry_index"],
        leaf_hash=leaf,
    )
    permit = issue(Keys(), statement)
    assert encode(statement) == encoded
    assert permit.mac == mac
    assert check(Keys(), permit, {AccessKind(case["kind"])})


@pytest.mark.parametrize("case", cases("vault_stream"), ids=lambda c: str(c["length"]))
def test_streams(case):
    key, salt, head = raw(case, "key", "salt", "sealed_head")
    plaintext = generate_vault.material(f"stream text {case['length']}", case["length"])
    file = io.BytesIO()
    with SealingWriter(file, key, salt=salt) as writer:
        writer.write(plaintext)
    sealed = file.getvalue()
    assert sealed[:81] == head
    assert len(sealed) == case["sealed_length"]
    assert hashlib.sha256(sealed).hexdigest() == case["sealed_sha256"]
    assert b"".join(open_stream(io.BytesIO(sealed), key)) == plaintext
