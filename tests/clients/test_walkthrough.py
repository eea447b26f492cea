"""The programs in the recipients' guide are run as they stand there."""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.clients.conftest import PACKAGES, node_of_today
from tests.flow.installation import App, Person

GUIDE = Path(__file__).parents[2] / "docs" / "recipients.md"


def written(language: str) -> str:
    """The block of the guide that is marked to be run."""
    found = re.search(rf"<!-- run: {language} -->\n```\w+\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def recipient_file(app: App, folder: Path) -> Path:
    file = folder / "recipient.json"
    mine = {
        "issuer": app.world.issuer,
        "client_id": app.client_id,
        "key": app.key.as_dict(private=True),
        "redirect_uri": app.redirect_uri,
        "details": app.details(),
    }
    file.write_text(json.dumps(mine), encoding="utf-8")
    return file


def walk(command: list[str], issuer: str, person: Person) -> dict:
    """Start the program, approve what it asks, give it the call-back; what it prints last."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        address = program.stdout.readline().strip()
        path, page = person.open_request(address.removeprefix(issuer))
        back = person.post(path, {"csrf": person.csrf(page), "decision": "approve"}).headers["location"]
        received, _ = program.communicate(back + "\n", timeout=60)
    assert program.returncode == 0
    return json.loads(received)


def test_the_python_of_the_guide_receives_what_was_approved(app: App, person: Person, tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(written("python"), encoding="utf-8")

    received = walk(
        [sys.executable, str(program), str(recipient_file(app, tmp_path))], app.world.issuer, person
    )

    assert sorted(received["data"]) == ["name", "phone"]
    assert received["receipt"].count(".") == 2


def test_the_javascript_of_the_guide_receives_what_was_approved(
    app: App, person: Person, tmp_path: Path
) -> None:
    node = node_of_today()
    (tmp_path / "node_modules").symlink_to(PACKAGES.parent)
    program = tmp_path / "client.mjs"
    program.write_text(written("javascript"), encoding="utf-8")

    received = walk([node, str(program), str(recipient_file(app, tmp_path))], app.world.issuer, person)

    assert sorted(received["data"]) == ["name", "phone"]
