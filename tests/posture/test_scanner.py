"""The scanner is trusted only because it finds what is planted: these are its controls."""

import base64
import secrets
from pathlib import Path

import pytest

from tests.posture.personal_data import Scanner, forms_of

PLANTED = {"phone": "13900001234", "name": "欧阳晓东", "email": "planted.person@mail.example"}


@pytest.mark.parametrize("label", PLANTED)
def test_every_form_of_a_planted_value_is_found_inside_random_bytes(label: str) -> None:
    scanner = Scanner(PLANTED)

    for form, needle in forms_of(PLANTED[label]):
        data = secrets.token_bytes(1000) + needle + secrets.token_bytes(1000)

        assert [find.label for find in scanner.scan("memory", data) if find.offset == 1000] == [label], form


@pytest.mark.parametrize("before", range(6))
def test_a_value_in_the_middle_of_a_base64_document_is_found_at_every_alignment(before: int) -> None:
    document = base64.b64encode(b"x" * before + PLANTED["email"].encode() + b"tail")

    assert any(find.label == "email" for find in Scanner(PLANTED).scan("memory", document))


def test_a_value_across_two_chunks_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.posture.personal_data._CHUNK", 16)
    file = tmp_path / "file"
    file.write_bytes(b"." * 11 + PLANTED["phone"].encode() + b"." * 30)

    finds = list(Scanner(PLANTED).scan_file(file))

    assert {(find.label, find.offset) for find in finds} == {("phone", 11)}


def test_a_value_in_the_name_of_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / f"{PLANTED['phone']}.csv").write_bytes(b"")

    finds, files, _ = Scanner(PLANTED).scan_tree([tmp_path])

    assert files == 1
    assert finds[0].label == "phone"


def test_random_bytes_contain_none_of_the_planted_values() -> None:
    assert not list(Scanner(PLANTED).scan("memory", secrets.token_bytes(1_000_000)))


@pytest.mark.parametrize("offset", [4090, 4091, 4094, 4095, 4096, 8191])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be"])
def test_a_value_across_two_pages_is_found_even_where_one_of_them_is_empty(
    offset: int, encoding: str
) -> None:
    data = bytes(offset) + PLANTED["phone"].encode(encoding) + bytes(20_000)

    assert offset in {find.offset for find in Scanner(PLANTED).scan("memory", data)}
