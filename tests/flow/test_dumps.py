"""A leaked file over HTTP: into the sealed quarantine, traced by a job, reported; and files that are none."""

import base64
import gzip
import hashlib
import html
import os
import re
import stat

import pytest

from api.edge.access import Access
from breach.intake import quarantine


def _leak(world, people=40):
    """A recipient receives several people's data and loses exactly that."""
    app, rows = world.app("Leaky Shop"), ["name,phone"]
    for number in range(people):
        values = {"name": f"Ann {chr(97 + number % 26)}", "phone": f"138{number:08d}"}
        app.disclose(app.token_for(world.person(values)))
        rows.append(f"{values['name']},{values['phone']}")
    return app, "\n".join(rows).encode() + b"\n"


def test_an_investigator_sends_a_file_and_reads_who_leaked_it(world):
    app, dump = _leak(world, 12)
    world.clock.pass_seconds(60)
    staff = world.staff_key(Access.INVESTIGATOR)

    sent = world.http.post("/v1/dumps", content=dump, headers=staff)
    assert sent.status_code == 202, sent.text
    watch = sent.headers["location"].removeprefix("http://testserver.local")
    before = world.http.get(watch, headers=staff).json()
    while world.http.app.state.services.worker.do_one():
        pass
    after = world.http.get(watch, headers=staff).json()
    report = world.http.get(f"/v1/traces/{after['trace']}", headers=staff)
    pages = {
        lang: world.http.get(f"/v1/traces/{after['trace']}/page", headers={**staff, "Accept-Language": lang})
        for lang in ("en", "zh-CN")
    }

    assert (before["state"], after["state"]) == ("queued", "done")
    assert report.json()["people"]["found"] == 12
    assert report.json()["ranking"][0]["recipient"] == app.recipient_id
    for lang, page in pages.items():
        sheet = re.search("<style>(.*?)</style>", page.text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
        assert page.headers["content-language"] == lang
        assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]
        assert all(html.escape(one) in page.text for one in report.json()["statement"][lang])
    assert b"13800000001" not in b"".join(path.read_bytes() for path in world.settings.quarantine.iterdir())


def test_the_same_file_again_is_the_same_dump(world):
    _, dump = _leak(world, 2)
    staff = world.staff_key(Access.INVESTIGATOR)

    first, second = (world.http.post("/v1/dumps", content=dump, headers=staff).json() for _ in range(2))

    assert first["sha256"] == second["sha256"]
    assert (first["again"], second["again"]) == (False, True)


def test_what_lies_in_quarantine_is_its_owner_s_only_whatever_the_folder_was(world):
    _, dump = _leak(world, 2)
    world.settings.quarantine.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        world.http.post("/v1/dumps", content=dump, headers=world.staff_key(Access.INVESTIGATOR))
    finally:
        os.umask(before)

    (kept,) = world.settings.quarantine.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept.parent, kept)] == [0o700, 0o600]


@pytest.mark.parametrize("committed", [True, False])
def test_a_file_is_removed_after_an_error_only_when_no_row_knows_of_it(world, monkeypatch, committed):
    _, dump = _leak(world, 2)
    true_register = quarantine._register

    def register(*given):
        if committed:
            true_register(*given)
        raise ConnectionError("lost on the way back")

    monkeypatch.setattr(quarantine, "_register", register)
    with pytest.raises(ConnectionError):
        quarantine.receive(world.vault, [dump], world.settings.quarantine, now_ms=world.clock())

    assert len(list(world.settings.quarantine.iterdir())) == committed


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (b"%PDF-1.7\n" + b"13812341234\n" * 100, 422, "binary_file"),
        (gzip.compress(b"phone\n13812341234\n" * 100, mtime=0)[:20], 422, "damaged_file"),
        (b"colour\nred\nblue\ngreen\n" * 50, 422, "no_identifier_column"),
    ],
)
def test_a_file_that_cannot_be_traced_is_refused_and_not_kept(world, content, status, code):
    answer = world.http.post("/v1/dumps", content=content, headers=world.staff_key(Access.INVESTIGATOR))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert list(world.settings.quarantine.glob("*")) == []
    assert not world.http.app.state.services.worker.do_one()


def test_a_file_beyond_the_limit_is_refused_and_not_kept(vault, tmp_path):
    from tests.flow.installation import open_world

    world = open_world(vault, tmp_path, dump_limit=1000)
    with world.http:
        sent = iter([b"phone\n", *[b"13812341234\n"] * 200])
        answer = world.http.post("/v1/dumps", content=sent, headers=world.staff_key(Access.INVESTIGATOR))

    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert list(world.settings.quarantine.glob("*")) == []


@pytest.mark.parametrize("role", [Access.AUDITOR, Access.OPERATOR])
def test_only_investigators_may_send_files(world, role):
    answer = world.http.post("/v1/dumps", content=b"phone\n13812341234\n", headers=world.staff_key(role))

    assert answer.status_code == 403


def test_unknown_jobs_and_traces_are_problems(world):
    staff = world.staff_key(Access.INVESTIGATOR)
    unknown = "a" * 26

    assert world.http.get(f"/v1/dumps/job_{unknown}", headers=staff).status_code in {400, 404}
    assert world.http.get("/v1/dumps/x", headers=staff).json()["code"] == "malformed_id"
    assert world.http.get("/v1/traces/x", headers=staff).json()["code"] == "malformed_id"
