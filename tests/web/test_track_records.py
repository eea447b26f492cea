"""A recipient's record where somebody decides, in both languages, and as JSON for anybody."""

import pytest

from consent.recipients import suspensions
from consent.recipients.track_records import recount

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def test_the_approval_page_says_what_is_on_record(world):
    app, person = world.app(), world.person()
    _, before = person.open_request(app.authorize_path())
    with world.vault.data.write() as conn:
        suspensions.suspend(conn, app.recipient_id, "a test", world.clock())
        suspensions.resume(conn, app.recipient_id, "a test", world.clock())
    recount(world.vault, world.clock())

    path, page = person.open_request(app.authorize_path())
    chinese = person.get(path.replace("/en/", "/zh-CN/"))

    assert "has not been counted yet" in before.text
    assert "have not been suspended" in before.text
    assert "left them something to erase" in page.text
    assert "suspended here once" in page.text
    assert "对方的履约记录" in chinese.text


def test_the_record_is_there_for_anybody_as_numbers(world):
    app = world.app()

    first = world.http.get(f"/v1/recipients/{app.recipient_id}/record")
    recount(world.vault, world.clock())
    second = world.http.get(f"/v1/recipients/{app.recipient_id}/record")

    assert first.json()["counted_at"] is None
    assert second.json()["erasures"] == {"in_time": 0, "late": 0, "missing": 0}
    assert (second.json()["suspensions"], second.json()["last_suspended_at"]) == (0, None)
    assert world.http.get("/v1/recipients/org_nobody/record").status_code == 404
