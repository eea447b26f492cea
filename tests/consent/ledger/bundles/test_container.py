"""The zip container: readable by everybody, without a byte to spare."""

import io
import json
import zipfile

import pytest

from consent.ledger.bundles import container
from consent.ledger.errors import Malformed
from tests.vectors import ledger_formats

MEMBERS = {"README.txt": b"read me\n", "a/b.json": b"{}", "empty": b""}
DATA = container.write(MEMBERS)


def test_the_standard_library_opens_it():
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


def test_what_was_written_is_read_back_in_order():
    assert list(container.read(DATA).items()) == list(MEMBERS.items())
    assert container.read(container.write({})) == {}


def test_the_frozen_container_is_still_read():
    frozen = json.loads(ledger_formats.FILE.read_text(encoding="utf-8"))["container"]

    assert container.read(bytes.fromhex(frozen)) == {"README.txt": b"hello\n", "log/a": b""}


def test_no_byte_can_be_changed_without_notice():
    for at in range(len(DATA)):
        for flip in (0x01, 0x80):
            changed = bytearray(DATA)
            changed[at] ^= flip

            with pytest.raises(Malformed):
                container.read(bytes(changed))


def test_no_byte_can_be_cut_off_or_added():
    for wrong in (*(DATA[:at] for at in range(len(DATA))), DATA + b"\x00", b"\x00" + DATA):
        with pytest.raises(Malformed):
            container.read(wrong)


def test_a_member_twice_is_refused():
    local = DATA[: DATA.index(b"PK\x03\x04", 4)]

    with pytest.raises(Malformed, match="twice"):
        container.read(local + DATA)


def test_an_ordinary_zip_of_the_same_members_is_not_a_bundle():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)

    with pytest.raises(Malformed):
        container.read(out.getvalue())
