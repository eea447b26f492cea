"""Every version in clear, for whoever holds a permit and for nobody else."""

import pytest

from tests.vault.people.made_up import change, enrol, erase, permit, phone
from vault.permit import AccessKind, AccessPermit
from vault.reader import Unreadable, UnreadableCode
from vault.reading.export import open_everything


def test_every_version_of_the_named_fields_comes_out_and_no_other_field(vault, now):
    (one,) = enrol(vault, range(1), now)
    change(vault, one.subject, "phone", phone(7), now + 10)
    (found,) = open_everything(vault, [permit(vault, one, ("name", "phone"), now + 20, AccessKind.COPY)])
    assert [(v.field, v.version, v.text) for v in found] == [
        ("name", 1, "Person A"),
        ("phone", 1, phone(0)),
        ("phone", 2, phone(7)),
    ]


def test_without_a_genuine_permit_or_without_keys_nothing_comes_out(vault, now):
    one, gone = enrol(vault, range(2), now)
    real = permit(vault, one, ("phone",), now, AccessKind.COPY)
    forged = object.__new__(AccessPermit)
    object.__setattr__(forged, "statement", real.statement)
    object.__setattr__(forged, "mac", bytes(32))
    late = permit(vault, gone, ("phone",), now, AccessKind.COPY)
    erase(vault, gone, now)
    assert open_everything(vault, [forged, late]) == [
        Unreadable(UnreadableCode.FORGED),
        Unreadable(UnreadableCode.ERASED),
    ]


@pytest.mark.parametrize("kind", [AccessKind.USE, AccessKind.EMERGENCY])
def test_a_permit_for_one_instant_opens_no_copy(vault, now, kind):
    (one,) = enrol(vault, range(1), now)
    permits = [permit(vault, one, ("phone",), now, each) for each in (kind, AccessKind.COPY)]
    refused, copied = open_everything(vault, permits)
    assert refused == Unreadable(UnreadableCode.FORGED)
    assert [version.text for version in copied] == [phone(0)]
