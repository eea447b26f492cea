"""The outsiders' guide is run as it stands there, in one shell, against a server of its own."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from api.cli.installation import private_file
from api.clock import system_clock
from api.edge.access import Access
from api.sealing.opening import opened_vault
from api.settings import Settings
from tests.flow.installation import World
from tests.flow.test_server import _perusal, serving

GUIDE = Path(__file__).parents[2] / "docs" / "outsiders.md"
TOOLS = ("sh", "unzip", "openssl", "curl", "base64", "od", "cmp")

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS), reason=f"the guide needs {', '.join(TOOLS)}"
)


def written():
    """Every block of the guide that is marked to be run."""
    found = re.findall(r"<!-- run -->\n```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert len(found) == 6
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A served installation, and what an outsider has of it, under the names of the guide."""
    folder = tmp_path_factory.mktemp("site")
    home, trust = folder / "home", folder / "trust"
    assert _perusal("init", "--dir", str(home)).returncode == 0
    settings = Settings.from_mapping({"PERUSAL_HOME": str(home)})
    with serving(home) as (_, ready):
        with opened_vault(settings) as vault, httpx.Client(base_url=ready["url"], timeout=60) as http:
            world = World(vault, system_clock, http, settings, ready["issuer"])
            app, person = world.app(), world.person()
            for _ in range(5):
                assert app.disclose(app.token_for(person)).status_code == 200
            name = re.findall(r"/en/uses/(ds_\w+)/bundle", person.get("/en/uses").text)[2]
            bundle = folder / "bundle.zip"
            bundle.write_bytes(_signed(person, f"/en/uses/{name}/bundle"))
            key = world.staff_key(Access.AUDITOR)["Authorization"].removeprefix("Bearer ")
        with private_file(folder / "auditor") as file:
            file.write(key)
        assert _perusal("ledger", "policy", "--dir", str(home), "--out", str(trust)).returncode == 0
        yield {
            "SITE": ready["url"],
            "BUNDLE": str(bundle),
            "POLICY": str(trust / "policy.txt"),
            "AUDITOR": str(folder / "auditor"),
        }


def _signed(person, path):
    """The bundle as soon as a checkpoint covers it: the server signs every second, and says when to come back."""
    answer = person.get(path)
    while answer.status_code == 409:
        answer = person.get(path)
    assert answer.status_code == 200
    return answer.content


def walk(folder, site, blocks):
    folder.mkdir()
    # The program itself, under the name the guide has for it.
    program = folder / "bin" / "perusal"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m api "$@"\n', encoding="ascii")
    program.chmod(0o755)
    given = {
        **site,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(GUIDE.parents[1]),
    }
    return subprocess.run(
        ["sh", "-c", "\n".join(blocks)],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_outsider_walks_through_the_guide_from_a_file_to_the_public_log(site, tmp_path):
    done = walk(tmp_path / "desk", site, written())

    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert said[0] == "sound"
    assert re.search(r"entry \d+ stands under the signed root", done.stdout)
    assert "Signature Verified Successfully" in done.stdout
    assert re.search(r"the log of \d+ entries serves the same hash", done.stdout)
    assert "alerts" not in done.stdout


def test_the_shell_alone_finds_a_changed_entry_and_a_foreign_key(site, tmp_path):
    bundle, policy = Path(site["BUNDLE"]), Path(site["POLICY"])
    shell = written()[1:4]
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as members, zipfile.ZipFile(changed, "w") as copy:
        for name in members.namelist():
            data = members.read(name)
            copy.writestr(name, data.replace(b'"v":1', b'"v":2') if name.endswith(".entry") else data)
    foreign = tmp_path / "foreign.txt"
    foreign.write_text(re.sub(r"\+[0-9a-f]{8}\+", "+00000000+", policy.read_text("utf-8")), "utf-8")

    spoiled = walk(tmp_path / "one", site | {"BUNDLE": str(changed)}, shell)
    unknown = walk(tmp_path / "two", site | {"POLICY": str(foreign)}, shell)

    assert (spoiled.returncode, "stands under" in spoiled.stdout) == (1, False)
    assert (unknown.returncode, "Verified Successfully" in unknown.stdout) == (1, False)
